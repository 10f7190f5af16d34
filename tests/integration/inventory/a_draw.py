"""A draw to try: its pool in Postgres, its book in Redis, and who works on both."""

import time
from collections.abc import Sequence

from redis.asyncio import Redis

from inventory.draw import EntryAnswer, drawn_order
from inventory.draw_line import DrawLine
from inventory.draws_pg import Draw, Draws, mark_drawn
from inventory.holds import ClaimRequest, HoldNews, OpenOrder, PoolCounts
from inventory.holds_redis import RedisHolds
from inventory.keeper import Keeper
from inventory.pools_pg import Pools, PoolState, PoolTerms, create_pool
from kit.ids import new_id, new_ulid
from kit.postgres import Postgres
from tests.integration.inventory.test_pools import a_sku


class ADraw:
    """One draw; ``told`` is the news that its buyers got."""

    def __init__(self, postgres: Postgres, redis: Redis) -> None:
        self.postgres = postgres
        self.redis = redis
        self.holds = RedisHolds(redis)
        self.pools = Pools(postgres)
        self.draws = Draws(postgres)
        self.line = self.a_line(self.draws)
        self.told: list[HoldNews] = []
        self.orders: list[OpenOrder] = []
        self.keeper = Keeper(
            pools=self.pools, holds=self.holds, orders_of=self._orders, tell=self._tell, settle_stale=self._nothing
        )
        self.pool_id = new_id("offer")

    def a_line(self, draws: Draws) -> DrawLine:
        """Return a worker whose pages are small."""
        return DrawLine(draws, self.holds, page=3)

    async def _orders(self, _pool_id: str) -> list[OpenOrder]:
        return self.orders

    async def _tell(self, news: Sequence[HoldNews]) -> Sequence[HoldNews]:
        self.told += news
        return news

    async def _nothing(self, _hold: object) -> None:
        raise AssertionError("no hold is stale here")

    async def open(
        self, units: int = 2, *, starts_in_ms: int = -1_000, ends_in_ms: int = 60_000, hold_ttl_ms: int = 60_000
    ) -> PoolState:
        now = int(time.time() * 1000)
        terms = PoolTerms(
            sku=await a_sku(self.postgres, units),
            quantity=units,
            per_buyer_limit=1,
            starts_at_ms=now + starts_in_ms,
            ends_at_ms=now + ends_in_ms,
            grace_ms=0,
            hold_ttl_ms=hold_ttl_ms,
            waitlist_hold_ttl_ms=hold_ttl_ms,
            mode="draw",
            pass_on_ms=120_000,
        )
        async with self.postgres.transaction() as connection:
            await create_pool(connection, self.pool_id, terms)
        pool = await self.pool()
        await self.holds.open(pool)
        return pool

    async def pool(self) -> PoolState:
        pool = await self.pools.get(self.pool_id)
        assert pool is not None
        return pool

    def wish(self, buyer_id: str, claim_id: str | None = None, quantity: int = 1) -> ClaimRequest:
        return ClaimRequest(pool_id=self.pool_id, claim_id=claim_id or new_ulid(), buyer_id=buyer_id, quantity=quantity)

    async def enter(self, *buyer_ids: str) -> list[EntryAnswer]:
        return await self.draws.enter([self.wish(buyer_id) for buyer_id in buyer_ids])

    async def end_window(self) -> None:
        async with self.postgres.connection() as connection:
            await connection.execute("UPDATE pools SET starts_at_ms = 1, ends_at_ms = now_ms() - 1")

    async def mark(self) -> bool:
        async with self.postgres.transaction() as connection:
            return await mark_drawn(connection, self.pool_id) is not None

    async def draw(self) -> None:
        """End the window, draw, line up, tell the winners."""
        await self.end_window()
        assert await self.mark()
        await self.line.round()
        await self.keeper.round()

    async def public(self) -> Draw:
        draw = await self.draws.draw(self.pool_id)
        assert draw is not None
        return draw

    async def order(self) -> list[str]:
        """Return the order as whoever checks the draw finds it: from the seed and the names."""
        seed = (await self.public()).seed
        assert seed is not None
        async with self.postgres.connection() as connection:
            rows = await connection.fetch("SELECT buyer_id FROM draw_entries WHERE pool_id = $1", self.pool_id)
        return drawn_order(seed, [row["buyer_id"] for row in rows])

    async def holders(self) -> dict[str, str]:
        """Return the holds that are live, by buyer."""
        async with self.postgres.connection() as connection:
            rows = await connection.fetch("SELECT buyer_id FROM draw_entries WHERE pool_id = $1", self.pool_id)
        found = await self.holds.holds_of([self.pool_id], [row["buyer_id"] for row in rows])
        return {buyer_id: hold.hold_id for buyer_id, [hold] in found.items()}

    async def counts(self) -> PoolCounts:
        [counts] = await self.holds.counts([self.pool_id])
        assert counts.allocated == counts.available + counts.held + counts.sold
        return counts

    async def lose_redis(self) -> None:
        """Lose what Redis knows of this pool; the keeper rebuilds it."""
        await self.redis.delete(*[key async for key in self.redis.scan_iter(match=f"{{{self.pool_id}}}:*")])
        await self.keeper.round()
