"""A proxy before Postgres that cuts connections where a transaction ends: nobody knows whether it was committed.

Or it lets nothing through any more without a word, as a machine without power and a firewall that forgot a connection.

It reads no more of the protocol than it needs. asyncpg sends nothing while an answer is due, so what arrives in one
piece is one request, and what comes back until Postgres is ready again is the answer to it.
"""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, Self
from urllib.parse import parse_qsl, urlsplit, urlunsplit

End = Literal["commit", "lone"]
"""A transaction ends with ``COMMIT``, or with the only statement that it has."""

Cut = Literal["before", "after", "at_once"]
"""Before Postgres hears of it; after it has answered, so that the answer is lost; or at the same time: nobody knows."""

CUTS: Final[tuple[Cut, ...]] = ("before", "after", "at_once")

PIECE_BYTES: Final = 256 * 1024
"""Read at once: larger than any batch of a test, so that a request comes in one piece."""

_BEGIN: Final = b"BEGIN"
_ENDS: Final = (b"COMMIT", b"ROLLBACK")
_BIND: Final = b"B"
_SYNC: Final = b"S\x00\x00\x00\x04"
_READY: Final = b"Z\x00\x00\x00\x05"
_TEXT_FROM: Final = 5
"""Bytes before the text of a simple query: its type and its length."""


def at_random(rng: random.Random, shares: dict[End, float]) -> Callable[[End], Cut | None]:
    """Return a choice that cuts this share of the ends of each kind."""

    def choose(end: End) -> Cut | None:
        return rng.choice(CUTS) if rng.random() < shares[end] else None

    return choose


class CuttingProxy:
    """Use it as a context manager.

    Args:
        database_url: where Postgres is: a Unix socket, or TCP without TLS.

    Attributes:
        url: of the same database by way of the proxy.
        choose: asked at every end of a transaction; None lets it pass.
        cuts: how often it cut, by kind.
    """

    def __init__(self, database_url: str) -> None:
        self.url = ""
        self.choose: Callable[[End], Cut | None] = lambda _end: None
        self.cuts: Counter[Cut] = Counter()
        self._upstream = database_url
        self._server: asyncio.Server | None = None
        self._is_silent = False
        self._open: set[_Relay] = set()
        self._relays: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen on loopback."""
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=PIECE_BYTES)
        parts = urlsplit(self._upstream)
        user = parts.netloc.rpartition("@")[0]
        here = f"{user}@127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self.url = urlunsplit(parts._replace(netloc=here, query="sslmode=disable"))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Cut what is left."""
        assert self._server is not None
        self._server.close()
        for relay in self._relays:
            relay.cancel()
        await asyncio.gather(*self._relays, return_exceptions=True)

    def silence(self, *, new_ones: bool = False) -> None:
        """Pass on nothing more, either way, on the connections that are open, and on new ones if so wanted."""
        self._is_silent = new_ones
        for relay in self._open:
            relay.is_silent = True

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(task)
        task.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError):
                up_reader, up_writer = await self._connect()
                try:
                    relay = _Relay(self, writer, up_writer)
                    relay.is_silent = self._is_silent
                    self._open.add(relay)
                    ways = {
                        asyncio.create_task(relay.requests(reader)),
                        asyncio.create_task(relay.answers(up_reader)),
                    }
                    try:
                        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                    finally:
                        for way in ways:
                            way.cancel()
                        await asyncio.gather(*ways, return_exceptions=True)
                        self._open.discard(relay)
                finally:
                    up_writer.close()
        finally:
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self._upstream)
        query = dict(parse_qsl(parts.query))
        if "host" in query:
            socket = Path(query["host"]) / f".s.PGSQL.{query.get('port', '5432')}"
            return await asyncio.open_unix_connection(socket, limit=PIECE_BYTES)
        return await asyncio.open_connection(parts.hostname, parts.port or 5432, limit=PIECE_BYTES)


class _Relay:
    """One connection; it is over when one of the two ways returns."""

    def __init__(self, proxy: CuttingProxy, client: asyncio.StreamWriter, postgres: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._postgres = postgres
        self.is_silent = False
        self._in_transaction = False
        self._swallows = False

    async def requests(self, reader: asyncio.StreamReader) -> None:
        while piece := await reader.read(PIECE_BYTES):
            if self.is_silent:
                continue
            end = self._end_in(piece)
            cut = None if end is None else self._proxy.choose(end)
            if cut is not None:
                self._proxy.cuts[cut] += 1
            if cut == "before":
                return
            self._swallows = cut is not None
            self._postgres.write(piece)
            await self._postgres.drain()
            if cut == "at_once":
                return

    async def answers(self, reader: asyncio.StreamReader) -> None:
        tail = b""
        while piece := await reader.read(PIECE_BYTES):
            if self.is_silent:
                continue
            if not self._swallows:
                self._client.write(piece)
                await self._client.drain()
                continue
            tail = (tail + piece)[-len(_READY) - 1 :]
            if tail.startswith(_READY):
                return

    def _end_in(self, piece: bytes) -> End | None:
        text = piece[_TEXT_FROM:] if piece.startswith(b"Q") else b""
        if text.startswith(_BEGIN):
            self._in_transaction = True
        elif text.startswith(_ENDS):
            self._in_transaction = False
            return "commit" if text.startswith(_ENDS[0]) else None
        elif piece.startswith(_BIND) and piece.endswith(_SYNC) and not self._in_transaction:
            return "lone"
        return None
