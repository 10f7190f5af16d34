"""Ports to listen on: every role says in the same one line that it cannot have its own."""

import asyncio
import os
import socket
from typing import Final

from kit.errors import StartupError
from live.roles.limits import BACKLOG

NO_SUCH_HOST: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)})
"""How a look-up says that nobody has that name; the second is of some systems only."""


def listen(host: str, port: int, setting: str) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: an address of this machine, or a name of one.
        port: where.
        setting: the variable of the port.

    Raises:
        StartupError: the port is taken, or the host is not ours; one line with the remedy.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.getaddrinfo(host, port, family)  # create_server does not tell that it was the name
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise cannot_listen(host, port, setting, error) from error


async def require_free_port(host: str, port: int, setting: str) -> None:
    """Bind a port once without sharing it or listening there, and let go. Arguments and errors as ``listen`` has."""
    try:
        probe = await asyncio.get_running_loop().create_server(asyncio.Protocol, host, port, start_serving=False)
    except OSError as error:
        raise cannot_listen(host, port, setting, error) from error
    probe.close()
    await probe.wait_closed()


def cannot_listen(host: str, port: int, setting: str, error: OSError) -> StartupError:
    """Return the one line about an address that cannot be listened on."""
    where = f"{host}:{port}"
    if isinstance(error, socket.gaierror):
        # Its numbers are not those of other errors.
        why = "no such host" if error.errno in NO_SUCH_HOST else error.strerror
        return StartupError(f"cannot listen on {where} ({why}); set SHOWDROP_HOST to an address of this machine")
    return StartupError(
        f"cannot listen on {where} ({os.strerror(error.errno or 0)}); "
        f"set {setting} or SHOWDROP_HOST, or stop what uses it"
    )
