"""A Starlette app on uvicorn: ``python -m loadtests.bench.peers.starlette_server_http PORT CONTROL_PORT``.

The broadcast is the loop of its documentation, ``await websocket.send_text`` for each viewer. At its best: uvloop,
no compression (uvicorn's default is on), no keepalive pings, no access log.
"""

import asyncio
import importlib.metadata
import sys

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from loadtests.bench.peers.control import HOST, serve_control
from loadtests.bench.peers.limits import BACKLOG
from loadtests.bench.peers.python_server import WELCOME

_viewers: set[WebSocket] = set()


async def _answer(viewer: WebSocket) -> None:
    await viewer.accept()
    _viewers.add(viewer)
    try:
        await viewer.send_text(WELCOME)
        while (await viewer.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        _viewers.discard(viewer)


async def _broadcast(event: bytes) -> None:
    text = event.decode()
    for viewer in list(_viewers):
        await viewer.send_text(text)


async def _run(port: int, control_port: int) -> None:
    config = uvicorn.Config(
        Starlette(routes=[WebSocketRoute("/", _answer)]),
        host=HOST,
        port=port,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        lifespan="off",
        access_log=False,
        log_level="warning",
        backlog=BACKLOG,
        timeout_graceful_shutdown=1,
    )
    versions = [importlib.metadata.version(package) for package in ("starlette", "uvicorn")]
    version = "starlette {} on uvicorn {}".format(*versions)
    async with await serve_control(control_port, version, _broadcast):
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(int(sys.argv[1]), int(sys.argv[2])))
