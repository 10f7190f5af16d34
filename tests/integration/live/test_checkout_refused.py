"""A checkout whose hold cannot be submitted leaves nothing behind: no order, no news, no message."""

import asyncio

import msgspec
import pytest
from redis.asyncio import Redis

from checkout.submit import Submitter
from inventory.holds import Accepted, ClaimRequest
from inventory.holds_redis import RedisHolds
from kit.errors import ShowdropError, UnavailableError
from kit.ids import new_id, new_ulid
from kit.postgres import Postgres
from kit.redis_client import connect_redis
from live.purchases import Purchases
from live.roles.stores import Stores
from tests.integration.inventory.test_pools import a_sku
from tests.integration.live.test_stage import a_show, a_stage, terms

HOLD_MS = 80


class Counter:
    """One buyer at the counter, with a hold of their own."""

    def __init__(self, stores: Stores, show_id: str, offer_id: str, hold_id: str) -> None:
        self.stores = stores
        self.show_id, self.offer_id, self.hold_id = show_id, offer_id, hold_id

    @classmethod
    async def open(cls, stores: Stores, postgres: Postgres, redis: Redis, *, hold_ttl_ms: int = 60_000) -> "Counter":
        stage = a_stage(postgres, redis)
        show_id = await a_show(stage)
        wanted = msgspec.structs.replace(terms(await a_sku(postgres, 9)), hold_ttl_ms=hold_ttl_ms)
        offer_id = (await stage.open_offer(show_id, wanted, offer_id=new_id("offer"))).offer_id
        pool = await stores.pools.get(offer_id)
        assert pool is not None
        claim = ClaimRequest(pool_id=offer_id, claim_id=new_ulid(), buyer_id="ana", quantity=2)
        [answer] = await stores.holds.claim_many(pool, [claim])
        assert isinstance(answer, Accepted)
        return cls(stores, show_id, offer_id, answer.hold_id)

    async def refused(self, buyer_id: str = "ana") -> str:
        """Check out; return with which code that was refused."""
        with pytest.raises(ShowdropError) as refusal:
            await self.stores.purchases.checkout(self.hold_id, buyer_id, "pm_test_ok", None)
        return refusal.value.code

    async def traces(self) -> tuple[int, int, int]:
        """Return how many orders, news of orders and messages to buyers there are."""
        async with self.stores.postgres.connection() as connection:
            orders = await connection.fetchval("SELECT count(*) FROM orders")
            news = await connection.fetchval("SELECT count(*) FROM outbox")
        [position] = await self.stores.inbox_log.positions([self.show_id])
        return orders, news, 0 if position is None else position.seq


async def test_an_expired_hold_makes_no_order_and_no_news(stores: Stores, postgres: Postgres, redis: Redis) -> None:
    counter = await Counter.open(stores, postgres, redis, hold_ttl_ms=HOLD_MS)
    await asyncio.sleep(HOLD_MS / 1000 + 0.05)
    assert [await counter.refused() for _ in range(2)] == ["hold_expired"] * 2
    assert await counter.traces() == (0, 0, 0)


async def test_a_hold_given_back_makes_no_order_and_no_news(stores: Stores, postgres: Postgres, redis: Redis) -> None:
    counter = await Counter.open(stores, postgres, redis)
    await stores.holds.release(counter.offer_id, counter.hold_id, "ana")
    assert await counter.refused() == "hold_released"
    assert await counter.traces() == (0, 0, 0)


async def test_somebody_elses_hold_makes_no_order_and_no_news(stores: Stores, postgres: Postgres, redis: Redis) -> None:
    counter = await Counter.open(stores, postgres, redis)
    assert await counter.refused("eve") == "unknown_hold"
    assert await counter.traces() == (0, 0, 0)
    [hold] = (await stores.holds.holds_of([counter.offer_id], ["ana"]))["ana"]
    assert hold.status == "held"


async def test_a_hold_that_was_lost_makes_no_order_and_no_news(
    stores: Stores, postgres: Postgres, redis: Redis
) -> None:
    counter = await Counter.open(stores, postgres, redis)
    await redis.delete(*[key async for key in redis.scan_iter(match=f"{{{counter.offer_id}}}:*")])
    assert await counter.refused() == "unknown_hold"
    assert await counter.traces() == (0, 0, 0)


async def test_a_book_that_does_not_answer_makes_no_order_and_no_news(
    stores: Stores, postgres: Postgres, redis: Redis
) -> None:
    counter = await Counter.open(stores, postgres, redis)
    gone = connect_redis("unix:///nonexistent/redis.sock")
    submitter = Submitter(RedisHolds(gone), stores.orders, stores.providers)
    purchases = Purchases(stores.offers, stores.holds, submitter, stores.inbox)
    with pytest.raises(UnavailableError):
        await purchases.checkout(counter.hold_id, "ana", "pm_test_ok", None)
    assert await counter.traces() == (0, 0, 0)
    await submitter.close()
    await gone.aclose()
    # It was only for a moment: the same call goes through.
    done = await stores.purchases.checkout(counter.hold_id, "ana", "pm_test_ok", None)
    assert done.is_news
    assert await counter.traces() == (1, 0, 1)


async def test_of_a_release_and_a_checkout_at_once_only_the_winner_leaves_a_trace(
    stores: Stores, postgres: Postgres, redis: Redis
) -> None:
    for _ in range(10):
        counter = await Counter.open(stores, postgres, redis)
        before, _, _ = await counter.traces()
        checkout, release = await asyncio.gather(
            stores.purchases.checkout(counter.hold_id, "ana", "pm_test_ok", None),
            stores.purchases.release(counter.hold_id, "ana"),
            return_exceptions=True,
        )
        assert not isinstance(release, BaseException)
        paid = not isinstance(checkout, BaseException)
        assert release.hold.status == ("submitted" if paid else "released")
        assert await counter.traces() == (before + paid, 0, 1), "one message: of the order, or of the release"
