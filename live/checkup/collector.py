"""Looking at where traces go: a role would take these settings, and the collector takes a connection. Sends no span."""

import asyncio
import os
import socket
from collections.abc import Mapping

import msgspec

from kit.errors import SettingError
from kit.traces_otlp import collector_of, open_traces, proxy_of
from live.checkup.facts import CollectorFacts
from live.checkup.limits import COLLECTOR_TIMEOUT_S


async def look_at_collector(environ: Mapping[str, str]) -> CollectorFacts:
    """Return what there is to know about the collector of traces that the environment names, if it names one."""
    try:
        collector = collector_of(environ)
        if collector is None:
            return CollectorFacts()
        host, port = collector
        await open_traces("check", environ).close()
    except SettingError as error:
        return CollectorFacts(refused=error.message)
    proxy = proxy_of(environ)
    found = CollectorFacts(address=f"{host}:{port}", proxy="{}:{}".format(*proxy) if proxy else "")
    try:
        async with asyncio.timeout(COLLECTOR_TIMEOUT_S):
            _, writer = await asyncio.open_connection(*(proxy or collector))
    except TimeoutError:
        return msgspec.structs.replace(found, error=f"no answer within {COLLECTOR_TIMEOUT_S:.0f} s")
    except (OSError, UnicodeError) as error:
        return msgspec.structs.replace(found, error=_why(error))
    writer.transport.abort()  # nothing was said, so there is nothing to wait for
    return found


def _why(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "no such host"
    return str(error.strerror) if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
