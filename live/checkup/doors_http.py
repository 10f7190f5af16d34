"""Knocking at our ports: they are free, or we answer there, or somebody else does."""

import asyncio
import os
import socket
from typing import Literal

import httpx
import msgspec

from kit.errors import StartupError
from kit.settings import Settings
from live.checkup.facts import DoorFacts
from live.checkup.limits import DOOR_TIMEOUT_S
from live.site import site_of


class _Alive(msgspec.Struct):
    """The body of ``/healthz``; ``stuck`` with names of loops is a worker's, and no role is an older release's."""

    status: str
    role: Literal["", "api", "gateway", "worker"] = ""
    loops: tuple[str, ...] = ()


async def knock(settings: Settings) -> list[DoorFacts]:
    """Return both ports, and that of a worker where it has one.

    One that is free is bound for a moment, and not listened on: nobody is kept out, or let in.
    """
    site = site_of(settings, os.getpid())
    doors = [
        await _knock("API", "SHOWDROP_HTTP_PORT", site.http_url, settings.host, settings.http_port),
        await _knock(
            "gateway", "SHOWDROP_WS_PORT", site.ws_url.replace("ws://", "http://", 1), settings.host, settings.ws_port
        ),
    ]
    if settings.worker_port is not None:
        url = site_of(msgspec.structs.replace(settings, http_port=settings.worker_port), os.getpid()).http_url
        doors.append(await _knock("worker", "SHOWDROP_WORKER_PORT", url, settings.host, settings.worker_port))
    return doors


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
            its = msgspec.json.decode(alive.content, type=_Alive)
            if (alive.status_code, its.status) not in {(200, "ok"), (503, "stuck")}:
                return door
            if its.role not in {"", name.lower()}:
                return msgspec.structs.replace(door, ours=True, role=its.role)
            if its.status == "stuck":
                return msgspec.structs.replace(door, ours=True, failing=its.loops)
            # Ours from here on, whatever becomes of the next question.
            door = msgspec.structs.replace(door, ours=True, failing=("no answer",))
            ready = await client.get("/readyz")
    except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError):
        return door
    is_ready = ready.status_code == 200
    return msgspec.structs.replace(door, ready=is_ready, failing=() if is_ready else _failing(ready))


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
