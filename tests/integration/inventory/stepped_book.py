"""A real hold book whose time the test turns, and whose memory it can set back."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from redis.asyncio import Redis

from inventory.hold_records import unpack_holds, unpack_news
from inventory.holds import Hold, HoldNews, OrderEnd, Pool
from inventory.holds_redis import RedisHolds
from kit.redis_client import Command, pipelined

STEPPED_CLOCK = Path(__file__).parent / "clock_stepped.lua"
NAMES = ("pool", "holds", "buyers", "due", "submitted", "news", "waiting")
BEGIN_MS = 1_800_000_000_000

Memory = dict[str, bytes | None]


def stepped_holds(redis: Redis) -> RedisHolds:
    """Return a hold book by the test's clock."""
    return RedisHolds(redis, clock=STEPPED_CLOCK)


def a_stepped_pool(
    pool_id: str,
    allocated: int,
    *,
    limit: int = 2,
    lasts_ms: int = 60_000,
    grace_ms: int = 0,
    hold_ttl_ms: int = 100,
    waitlist_hold_ttl_ms: int = 60,
) -> Pool:
    """Return a pool that opens at ``BEGIN_MS``, in its first epoch."""
    return Pool(
        pool_id=pool_id,
        pool_no=9,
        epoch=1,
        sku="MUG",
        allocated=allocated,
        per_buyer_limit=limit,
        starts_at_ms=BEGIN_MS,
        ends_at_ms=BEGIN_MS + lasts_ms,
        grace_ms=grace_ms,
        hold_ttl_ms=hold_ttl_ms,
        waitlist_hold_ttl_ms=waitlist_hold_ttl_ms,
    )


def an_end(
    hold_id: str, outcome: Literal["sold", "released"] = "sold", *, buyer_id: str = "ana", quantity: int = 1
) -> OrderEnd:
    """Return how the order of a hold ended."""
    return OrderEnd(hold_id=hold_id, buyer_id=buyer_id, quantity=quantity, outcome=outcome)


class BookKeys:
    """The raw keys of one pool's book."""

    def __init__(self, redis: Redis, pool: Pool) -> None:
        self._redis = redis
        self._pool = pool
        self._clock = f"{{{pool.pool_id}}}:test-clock"
        self._keys = [f"{{{pool.pool_id}}}:{name}" for name in NAMES]

    async def set_clock(self, now_ms: int) -> None:
        await self._redis.set(self._clock, now_ms)

    async def change_server(self) -> None:
        """Let the book look as if another server process had begun it."""
        if await self._redis.exists(self._keys[0]):
            await self._redis.hset(self._keys[0], "server", "another")

    async def remember(self) -> Memory:
        """Return the whole book, for ``restore``."""
        commands: list[Command] = [("DUMP", key) for key in self._keys]
        return dict(zip(self._keys, await pipelined(self._redis, commands), strict=True))

    async def restore(self, memory: Memory) -> None:
        """Set the book back, on another server process."""
        commands: list[Command] = [("DEL", *self._keys)]
        commands += [("RESTORE", key, 0, dump) for key, dump in memory.items() if dump is not None]
        await pipelined(self._redis, commands, atomic=True)
        await self.change_server()

    async def size_bytes(self) -> int:
        """Return what the book takes of the server's memory."""
        commands: list[Command] = [("MEMORY", "USAGE", key, "SAMPLES", 0) for key in self._keys]
        return sum(size or 0 for size in await pipelined(self._redis, commands))

    async def forget(self) -> None:
        await self._redis.delete(self._clock, *self._keys)

    async def look(self) -> tuple[list[Hold], list[HoldNews], list[str]]:
        """Return every hold that ever was, the news that nobody was told, and who waits, without changing anything."""
        _, holds, _, _, _, news, waiting = self._keys
        found, told, line = await pipelined(
            self._redis, [("HGETALL", holds), ("HGETALL", news), ("ZRANGE", waiting, 0, -1)]
        )
        return (
            unpack_holds(self._pool.pool_id, [b"%d" % self._pool.pool_no, *flat(found)]),
            unpack_news(self._pool.pool_id, self._pool.pool_no, flat(told)),
            [buyer_id.decode() for buyer_id in line],
        )


def flat(reply: dict[bytes, bytes] | Sequence[bytes]) -> list[bytes]:
    """Return a hash's reply as fields and values: the client makes a dict of it, or does not, by its version."""
    return [part for pair in reply.items() for part in pair] if isinstance(reply, dict) else list(reply)
