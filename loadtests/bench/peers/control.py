"""The control port of our own Python servers: it takes batches of events (batch.py) and has them broadcast."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from loadtests.bench.peers.batch import TAKEN
from loadtests.bench.peers.limits import HEADER_BYTES

HOST: Final = "127.0.0.1"


async def serve_control(port: int, version: str, broadcast: Callable[[bytes], Awaitable[None]]) -> asyncio.Server:
    """Listen on ``port`` and return the server.

    Args:
        port: on 127.0.0.1.
        version: the server's name and version, one line, said at the connect.
        broadcast: writes one event to every viewer; awaited event by event, in order.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(version.encode() + b"\n")
        try:
            while True:
                for event in await _batch(reader):
                    await broadcast(event)
                writer.write(TAKEN)
        except asyncio.IncompleteReadError:
            writer.close()

    return await asyncio.start_server(answer, HOST, port)


async def _batch(reader: asyncio.StreamReader) -> list[bytes]:
    count = int.from_bytes(await reader.readexactly(HEADER_BYTES), "big")
    events = []
    for _ in range(count):
        length = int.from_bytes(await reader.readexactly(HEADER_BYTES), "big")
        events.append(await reader.readexactly(length))
    return events
