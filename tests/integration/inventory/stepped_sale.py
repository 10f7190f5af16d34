"""A pool, its book on a real Redis, and a clock that a test turns."""

from uuid import uuid4

from redis.asyncio import Redis

from inventory.holds import Accepted, ClaimAnswer, ClaimRequest, HoldNews, Pool
from inventory.limits import CLAIM_MOST_PER_CALL
from kit.ids import new_ulid
from tests.integration.inventory.stepped_book import BEGIN_MS, BookKeys, a_stepped_pool, stepped_holds

TTL_MS = 100


class SteppedSale:
    """A pool, its book and its clock."""

    def __init__(self, redis: Redis, allocated: int, *, limit: int = 1) -> None:
        self.pool = a_stepped_pool(f"offer_{uuid4().hex}", allocated, limit=limit, hold_ttl_ms=TTL_MS)
        self.holds = stepped_holds(redis)
        self.keys = BookKeys(redis, self.pool)
        self.now_ms = BEGIN_MS

    async def begin(self) -> None:
        await self.wait(0)
        await self.holds.open(self.pool)

    async def wait(self, step_ms: int) -> None:
        self.now_ms += step_ms
        await self.keys.set_clock(self.now_ms)

    async def claim(self, buyer_id: str, quantity: int = 1, claim_id: str | None = None) -> ClaimAnswer:
        [answer] = await self.holds.claim_many(self.pool, [a_claim(self.pool, buyer_id, quantity, claim_id)])
        return answer

    async def held(self, buyer_id: str, quantity: int = 1) -> str:
        answer = await self.claim(buyer_id, quantity)
        assert isinstance(answer, Accepted)
        return answer.hold_id

    async def fill(self, buyers: int, *, name: str = "crowd") -> list[ClaimAnswer]:
        wishes = [a_claim(self.pool, f"{name}-{n}") for n in range(buyers)]
        answers: list[ClaimAnswer] = []
        for at in range(0, buyers, CLAIM_MOST_PER_CALL):
            answers += await self.holds.claim_many(self.pool, wishes[at : at + CLAIM_MOST_PER_CALL])
        return answers

    async def join(self, buyer_id: str) -> object:
        return await self.holds.join(self.pool, buyer_id)

    async def news(self) -> list[tuple[str, str]]:
        found: list[HoldNews] = await self.holds.sweep([self.pool.pool_id])
        await self.holds.told(found)
        return sorted((one.buyer_id, one.what) for one in found)

    async def figures(self) -> tuple[int, int, int]:
        [counts] = await self.holds.counts([self.pool.pool_id])
        return counts.available, counts.held, counts.sold


def a_claim(pool: Pool, buyer_id: str, quantity: int = 1, claim_id: str | None = None) -> ClaimRequest:
    return ClaimRequest(pool_id=pool.pool_id, claim_id=claim_id or new_ulid(), buyer_id=buyer_id, quantity=quantity)


async def a_sale(redis: Redis, allocated: int, *, limit: int = 1) -> SteppedSale:
    sale = SteppedSale(redis, allocated, limit=limit)
    await sale.begin()
    return sale


def accepted(answers: list[ClaimAnswer]) -> int:
    return sum(isinstance(answer, Accepted) for answer in answers)
