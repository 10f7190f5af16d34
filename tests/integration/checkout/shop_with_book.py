"""The small shop with the real hold book beside it: what Redis and Postgres say of one sale can be compared."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from redis.asyncio import Redis

from checkout.order import Order, SaleTerms
from checkout.order_rows_pg import OrderRows
from checkout.payments.provider import Authorised, PaymentEvent
from checkout.rebook import Rebooker
from checkout.submit import CheckoutRequest, Submitter
from inventory.holds import Accepted, ClaimAnswer, ClaimRequest, Hold, OpenOrder, OrderEnd, Pool, PoolCounts
from inventory.holds_redis import RedisHolds
from inventory.pools_pg import Pools
from kit.ids import new_ulid
from kit.postgres import Postgres
from kit.redis_client import pipelined
from tests.integration.checkout.checkout_shop import HoldRecorder, Shop
from tests.integration.inventory.stepped_book import flat

_POOL_TERMS = """
UPDATE pools SET per_buyer_limit = $2, hold_ttl_ms = $3, waitlist_hold_ttl_ms = $3, ends_at_ms = now_ms() + 600000
WHERE pool_id = $1
"""

_BOUGHT = """
SELECT buyer_id, sum(quantity)::bigint AS units FROM orders
WHERE pool_id = $1 AND hold_outcome = 'sold' GROUP BY buyer_id
"""


class NotedBook(HoldRecorder):
    """The hold book in Redis; how holds ended is written down as well."""

    def __init__(self, book: RedisHolds) -> None:
        super().__init__()
        self._book = book

    async def submit(self, pool_id: str, hold_id: str, buyer_id: str) -> Hold | None:
        self.fuse.step()
        hold = await self._book.submit(pool_id, hold_id, buyer_id)
        self.fuse.step()
        return hold

    async def claim_many(self, pool: Pool, claims: Sequence[ClaimRequest]) -> list[ClaimAnswer]:
        self.fuse.step()
        answers = await self._book.claim_many(pool, claims)
        self.fuse.step()
        return answers

    async def resolve(self, pool_id: str, ends: Sequence[OrderEnd]) -> None:
        await self._book.resolve(pool_id, ends)
        await super().resolve(pool_id, ends)


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """One pool on sale: what checkout and what the book have to know of it."""

    terms: SaleTerms
    pool: Pool


class BookedShop(Shop):
    """A shop whose holds are in Redis."""

    def __init__(self, postgres: Postgres, database_url: str, redis: Redis) -> None:
        super().__init__(postgres, database_url)
        self.redis = redis
        self.book = RedisHolds(redis)
        self.noted = NotedBook(self.book)
        self.holds = self.noted
        self.pools = Pools(postgres)
        self.submitter = Submitter(self.holds, self.orders, self.providers)

    def rebook(self, rows: OrderRows) -> Callable[[Order], Awaitable[bool]] | None:
        """Return what gives late orders their units after all."""

        async def pool_of(pool_id: str) -> Pool | None:
            state = await self.pools.get(pool_id)
            return None if state is None or state.closed else state

        return Rebooker(rows, self.noted, pool_of).rebook

    async def sale(self, allocated: int, *, limit: int = 1, hold_ttl_ms: int = 60_000) -> Sale:
        """Put units on sale."""
        terms = await self.pool(allocated)
        await self.execute(_POOL_TERMS, terms.pool_id, limit, hold_ttl_ms)
        pool = await self.pools.get(terms.pool_id)
        assert pool is not None
        await self.book.open(pool)
        return Sale(terms=terms, pool=pool)

    async def claim(self, sale: Sale, buyer_id: str, quantity: int = 1) -> ClaimAnswer:
        """Claim as the gateway does, which knows the pool's epoch."""
        [answer] = await self.claim_all(sale, [buyer_id], quantity)
        return answer

    async def claim_all(self, sale: Sale, buyer_ids: Sequence[str], quantity: int = 1) -> list[ClaimAnswer]:
        """Claim for several buyers in one call."""
        pool = await self.pools.get(sale.pool.pool_id)
        assert pool is not None
        wishes = [
            ClaimRequest(pool_id=pool.pool_id, claim_id=new_ulid(), buyer_id=buyer_id, quantity=quantity)
            for buyer_id in buyer_ids
        ]
        return await self.book.claim_many(pool, wishes)

    async def hold(self, sale: Sale, buyer_id: str, quantity: int = 1) -> str:
        """Claim what has to be there; return the hold id."""
        answer = await self.claim(sale, buyer_id, quantity)
        assert isinstance(answer, Accepted), answer
        return answer.hold_id

    async def checkout(self, sale: Sale, hold_id: str, buyer_id: str, method: str = "pm_test_ok") -> Order:
        """Pay for a hold."""
        return await self.submitter.submit(
            CheckoutRequest(hold_id=hold_id, buyer_id=buyer_id, terms=sale.terms, payment_method=method)
        )

    async def lose_book(self, sale: Sale, orders: Sequence[OpenOrder] = ()) -> None:
        """Lose the sale's book and begin it anew, knowing of these orders only."""
        keys = [key async for key in self.redis.scan_iter(match=f"{{{sale.pool.pool_id}}}:*")]
        await self.redis.delete(*keys)
        pool = await self.pools.next_epoch(sale.pool.pool_id)
        assert pool is not None
        await self.book.rebuild(pool, orders, closed=False)

    async def counts(self, sale: Sale) -> PoolCounts:
        [counts] = await self.book.counts([sale.pool.pool_id])
        assert counts.allocated == counts.available + counts.held + counts.sold
        assert min(counts.available, counts.held, counts.sold) >= 0
        return counts

    async def check_agreed(self, sale: Sale, *, held: int = 0) -> None:
        """Check that orders, ledger, money and the book agree when all is quiet."""
        await self.check_quiet(sale.terms)
        counts = await self.counts(sale)
        sold = await self.value("SELECT sold FROM pools WHERE pool_id = $1", sale.pool.pool_id)
        assert (counts.sold, counts.held) == (sold, held)
        assert await self._units_by_book(sale) == await self._units_by_holds_and_orders(sale)

    async def _units_by_book(self, sale: Sale) -> dict[str, int]:
        """Return how many units each buyer has, as the book counts them for the limit."""
        [reply] = await pipelined(self.redis, [("HGETALL", f"{{{sale.pool.pool_id}}}:buyers")])
        found = flat(reply)
        return {
            buyer_id.decode(): msgspec.msgpack.decode(row)[0]
            for buyer_id, row in zip(found[::2], found[1::2], strict=True)
        }

    async def _units_by_holds_and_orders(self, sale: Sale) -> dict[str, int]:
        """Return how many units each buyer has, added up from what they hold and what they bought."""
        rows = await self.fetch(_BOUGHT, sale.pool.pool_id)
        units = Counter({str(row["buyer_id"]): int(str(row["units"])) for row in rows})
        buyers = await self._units_by_book(sale)
        for buyer_id, holds in (await self.book.holds_of([sale.pool.pool_id], list(buyers))).items():
            units[buyer_id] += sum(hold.quantity for hold in holds)
        return dict(units)

    async def late_event(self, order: Order) -> PaymentEvent:
        """Let an order's payment come through after all, and return the provider's word of it."""
        await self.hurry()
        await self.bank.find(f"authorise:{order.order_id}")
        payment = await self.value("SELECT payment_id FROM test_payments WHERE order_id = $1", order.order_id)
        payment_id = str(payment)
        return PaymentEvent(
            provider="test",
            event_id=new_ulid(),
            kind="payment.authorised",
            payment_id=payment_id,
            order_id=order.order_id,
            result=Authorised(payment_id, order.amount),
            body={"payment_id": payment_id},
        )

    async def age(self, order: Order, *, by_ms: int = 3_600_000) -> None:
        """Let an order have been waiting for its payment for too long."""
        await self.execute(
            "UPDATE orders SET created_at_ms = created_at_ms - $2, due_at_ms = 0 WHERE order_id = $1",
            order.order_id,
            by_ms,
        )
