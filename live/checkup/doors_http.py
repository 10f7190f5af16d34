"""Knocking at our ports: they are free, or we answer there, or somebody else does."""

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
    """Return both ports. One that is free is listened on for a moment, to see that it can be."""
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
        _listen_once(host, port)
    except StartupError as error:
        door = msgspec.structs.replace(door, error=error.message)
    else:
        return msgspec.structs.replace(door, free=True)
    async with httpx.AsyncClient(base_url=url, timeout=DOOR_TIMEOUT_S, trust_env=False) as client:
        try:
            alive = await client.get("/healthz")
            if alive.status_code != 200 or msgspec.json.decode(alive.content, type=_Alive).status != "ok":
                return door
            ready = await client.get("/readyz")
        except (httpx.HTTPError, msgspec.DecodeError):
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


def _listen_once(host: str, port: int) -> None:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        why = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise StartupError(f"cannot be listened on ({why})") from error
