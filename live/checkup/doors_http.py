"""Knocking at our ports: they are free, or we answer there, or somebody else does."""

import asyncio
import os
import socket

import httpx
import msgspec

from kit.errors import StartupError
from kit.settings import Settings
from live.checkup.facts import DoorFacts
from live.checkup.limits import DOOR_TIMEOUT_S
from live.site import site_of


class _Alive(msgspec.Struct):
    status: str


async def knock(settings: Settings) -> list[DoorFacts]:
    """Return both ports. One that is free is bound for a moment, and not listened on: nobody is kept out, or let in."""
    site = site_of(settings, os.getpid())
    return [
        await _knock("API", "SHOWDROP_HTTP_PORT", site.http_url, settings.host, settings.http_port),
        await _knock(
            "gateway", "SHOWDROP_WS_PORT", site.ws_url.replace("ws://", "http://", 1), settings.host, settings.ws_port
        ),
    ]


async def _knock(name: str, variable: str, url: str, host: str, port: int) -> DoorFacts:
    door = DoorFacts(name=name, variable=variable, address=f"{host}:{port}")
    try:
        _bind_once(host, port)
    except StartupError as error:
        door = msgspec.structs.replace(door, error=error.message)
    else:
        return msgspec.structs.replace(door, free=True)
    try:
        # As a whole: whoever it is may answer a byte at a time, and for ever.
        async with (
            asyncio.timeout(DOOR_TIMEOUT_S),
            httpx.AsyncClient(base_url=url, timeout=DOOR_TIMEOUT_S, trust_env=False) as client,
        ):
            alive = await client.get("/healthz")
            if alive.status_code != 200 or msgspec.json.decode(alive.content, type=_Alive).status != "ok":
                return door
            ready = await client.get("/readyz")
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError):
        return door
    return msgspec.structs.replace(
        door, ours=True, ready=ready.status_code == 200, failing=() if ready.status_code == 200 else _failing(ready)
    )


def _failing(ready: httpx.Response) -> tuple[str, ...]:
    """Return what a readiness names: the API in an error's details, the gateway at the top."""
    try:
        body = msgspec.json.decode(ready.content)
        named = body["error"]["details"]["failing"] if "error" in body else body["failing"]
        return tuple(map(str, named))
    except (msgspec.DecodeError, KeyError, TypeError):
        return ()


def _bind_once(host: str, port: int) -> None:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as bound:
            # As the roles do: else a port whose last connections have just ended would count as taken.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
    except TypeError as error:
        raise StartupError("cannot be listened on (no such host)") from error
    except OSError as error:
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise StartupError(f"cannot be listened on ({why})") from error
