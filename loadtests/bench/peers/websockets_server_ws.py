"""A server on the ``websockets`` library: ``python -m loadtests.bench.peers.websockets_server_ws PORT CONTROL_PORT``.

At its best: ``websockets.broadcast`` of bytes as text, uvloop, no compression, no keepalive pings.
"""

import asyncio
import importlib.metadata
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

from loadtests.bench.peers.control import HOST, serve_control
from loadtests.bench.peers.limits import BACKLOG
from loadtests.bench.peers.python_server import WELCOME

_viewers: set[ServerConnection] = set()


async def _answer(connection: ServerConnection) -> None:
    _viewers.add(connection)
    try:
        await connection.send(WELCOME)
        await connection.wait_closed()
    finally:
        _viewers.discard(connection)


async def _broadcast(event: bytes) -> None:
    broadcast(_viewers, event, text=True)


async def _run(port: int, control_port: int) -> None:
    async with serve(_answer, HOST, port, compression=None, ping_interval=None, backlog=BACKLOG):
        version = f"websockets.broadcast {importlib.metadata.version('websockets')}"
        async with await serve_control(control_port, version, _broadcast) as control:
            await control.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(int(sys.argv[1]), int(sys.argv[2])))
