"""A proxy before Redis that can swallow what passes."""

import asyncio

from loadtests.free_ports import free_port


class Proxy:
    """Stands between a gateway and Redis. On demand it swallows what passes on connections that are subscribed."""

    def __init__(self, redis_path: str) -> None:
        self.port = free_port()
        self._redis_path = redis_path
        self._links: set[asyncio.Task[None]] = set()
        self._subscribers: set[asyncio.Task[None]] = set()
        self._dead: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Cut every connection, and take no more."""
        assert self._server is not None
        self._server.close()
        for link in list(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def swallow(self) -> int:
        """From now on nothing gets through on the connections that are subscribed; returns how many these are."""
        self._dead |= self._subscribers
        return len(self._subscribers)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        redis_reader, redis_writer = await asyncio.open_unix_connection(self._redis_path)
        pumps = [
            asyncio.create_task(self._pump(link, reader, redis_writer)),
            asyncio.create_task(self._pump(link, redis_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, redis_writer):
                end.close()
            self._links.discard(link)
            self._subscribers.discard(link)

    async def _pump(
        self, link: "asyncio.Task[None]", source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(1 << 16):
            if b"SUBSCRIBE" in data:
                self._subscribers.add(link)
            if link not in self._dead:
                target.write(data)
