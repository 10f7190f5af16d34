"""A call to Redis that is cancelled leaves nothing behind: every other caller gets their own answer (F27).

redis-py closes a connection whose caller is cancelled while an answer is due; nothing of ours relies on anything else.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import pytest
from redis.asyncio import Redis

from kit.redis_client import Script, connect_redis, pipelined

CONNECTIONS = 4
CALLS = 1_500
AT_ONCE = 12
SLOWEST_S = 0.006
ECHO = "return {KEYS[1], ARGV[1]}"


class SlowProxy:
    """Forwards bytes to Redis and back, each piece after a pause of its own, in order."""

    def __init__(self, redis_url: str, seed: int) -> None:
        self._parts = urlsplit(redis_url)
        self._random = random.Random(seed)
        self._pumps: set[asyncio.Task[None]] = set()
        self.port = 0
        self.connections = 0

    @property
    def url(self) -> str:
        if self._parts.scheme == "unix":
            return f"redis://127.0.0.1:{self.port}"
        login, at, _ = self._parts.netloc.rpartition("@")
        return urlunsplit(self._parts._replace(netloc=f"{login}{at}127.0.0.1:{self.port}"))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["SlowProxy"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for pump in list(self._pumps):
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self._parts.scheme == "unix":
            upstream = await asyncio.open_unix_connection(unquote(self._parts.path))
        else:
            upstream = await asyncio.open_connection(self._parts.hostname, self._parts.port or 6379)
        for source, sink in ((reader, upstream[1]), (upstream[0], writer)):
            pump = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while piece := await source.read(65536):
                await asyncio.sleep(self._random.uniform(0, SLOWEST_S))
                sink.write(piece)
        except ConnectionError:
            pass
        finally:
            sink.close()


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[SlowProxy]:
    async with SlowProxy(redis_url, seed=1).running() as running:
        yield running


def calls_of(client: Redis, script: Script, mark: str) -> list[Callable[[], Awaitable[bool]]]:
    """Three ways to ask for an answer that is nobody else's; each tells whether it came."""

    async def plain() -> bool:
        return bool(await client.echo(mark) == mark.encode())

    async def scripted() -> bool:
        return await script(client, [mark], [f"arg {mark}"]) == [mark.encode(), f"arg {mark}".encode()]

    async def many() -> bool:
        marks = [f"{mark}/{n}" for n in range(5)]
        replies = await pipelined(client, [("ECHO", one) for one in marks], atomic=len(mark) % 2 == 0)
        return bool(replies == [one.encode() for one in marks])

    return [plain, scripted, many]


async def test_whatever_is_cancelled_and_whenever_everybody_else_gets_their_own_answer(
    proxy: SlowProxy, tmp_path: Path
) -> None:
    path = tmp_path / "echo.lua"
    path.write_text(ECHO)
    seed = random.randrange(2**32)
    chance, script, client = random.Random(seed), Script(path), connect_redis(proxy.url, max_connections=CONNECTIONS)
    ended = {"answered": 0, "cut": 0}

    async def caller(number: int) -> None:
        call = chance.choice(calls_of(client, script, f"{seed}:{number}"))
        # Half of them are cut at any moment of the call: in the queue, while it connects, sends or reads.
        patience_s = chance.uniform(0, 6 * SLOWEST_S) if chance.random() < 0.5 else 10.0
        try:
            async with asyncio.timeout(patience_s):
                own = await call()
        except TimeoutError:
            ended["cut"] += 1
        else:
            ended["answered"] += 1
            assert own, f"seed {seed}: call {number} got another one's answer"

    numbers = iter(range(CALLS))

    async def one_after_another() -> None:
        for number in numbers:
            await caller(number)

    try:
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(one_after_another())
        assert min(ended.values()) > CALLS / 10, ended
        assert proxy.connections > CONNECTIONS, "no call was cut in the middle"
        # Every connection can still be had.
        async with asyncio.timeout(10), AsyncExitStack() as kept:
            held = [await kept.enter_async_context(client.client()) for _ in range(CONNECTIONS)]
            assert len({await one.client_id() for one in held}) == CONNECTIONS
    finally:
        await client.aclose()
