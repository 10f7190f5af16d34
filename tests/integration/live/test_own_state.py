"""What a buyer is told of their own at the welcome: the same as if everyone had asked alone, in far fewer reads."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from checkout.limits import LATEST_ORDERS
from checkout.order import NewOrder, SaleTerms
from checkout.orders_pg import Orders
from inventory.hold_ids import new_hold_id
from inventory.holds import Hold, Pool
from inventory.holds_redis import RedisHolds
from kit.errors import UnavailableError
from kit.ids import new_id
from kit.postgres import Postgres
from kit.redis_client import connect_redis
from live import wire
from live.buyer_news import order_state
from live.limits import OWN_STATES_MOST_PER_READ, OWN_STATES_MOST_WAITING
from live.own_state import OwnState, OwnStates
from tests.integration.checkout.checkout_shop import Shop
from tests.integration.inventory.stepped_book import an_end
from tests.integration.inventory.test_holds_redis import a_pool, accepted

Fate = Literal["held", "submitted", "sold", "given_back", "released"]
FATES: tuple[Fate, ...] = ("held", "submitted", "sold", "given_back", "released")
ORDER_STATES = ("submitted", "authorised", "confirmed", "captured", "declined", "cancelled")
BUYERS = ("ana", "bob", "cem", "dee", "eve")
SHORT_TTL_MS = 10


class WatchedHolds(RedisHolds):
    """The real hold book; it notes who is asked for, and may be stopped at the end of a read."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(redis)
        self.reads: list[list[str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.stops_at: str | None = None
        self.stopped = asyncio.Event()

    def stop(self, pool_id: str | None = None) -> None:
        """Keep reads from now on, those of one pool or all, until the gate is set."""
        self.gate.clear()
        self.stops_at = pool_id

    async def holds_of(self, pool_ids: Sequence[str], buyer_ids: Sequence[str]) -> dict[str, list[Hold]]:
        self.reads.append(list(buyer_ids))
        found = await super().holds_of(pool_ids, buyer_ids)
        if self.stops_at in (None, *pool_ids) and not self.gate.is_set():
            self.stopped.set()
            await self.gate.wait()
        return found


@pytest.fixture
def holds(redis: Redis) -> WatchedHolds:
    return WatchedHolds(redis)


@pytest.fixture
def own(holds: WatchedHolds, postgres: Postgres) -> OwnStates:
    return OwnStates(holds, Orders(postgres))


@pytest.fixture
async def pool(holds: WatchedHolds) -> Pool:
    pool = a_pool(1_000)
    await holds.open(pool)
    return pool


@pytest.fixture
async def shop(postgres: Postgres, database_url: str) -> AsyncIterator[Shop]:
    shop = Shop(postgres, database_url)
    yield shop
    await shop.bank.close()


def asking(own: OwnStates, pool: Pool, buyer_id: str, show_id: str = "show_1") -> "asyncio.Task[OwnState]":
    return asyncio.create_task(own.read(show_id, frozenset({pool.pool_id}), buyer_id))


async def stopped(holds: WatchedHolds) -> None:
    async with asyncio.timeout(5):
        await holds.stopped.wait()


def hold_ids(state: OwnState) -> list[str]:
    return [card.hold_id for card in state.holds]


# --- sharing reads ----------------------------------------------------------------------------------------------------


async def test_who_comes_during_a_read_is_in_the_next_one_and_all_of_them_share_it(
    own: OwnStates, holds: WatchedHolds, pool: Pool
) -> None:
    holds.stop()
    first = asking(own, pool, "first")
    await stopped(holds)
    buyers = [f"buyer-{n}" for n in range(300)]
    rest = [asking(own, pool, one) for one in buyers]
    await asyncio.sleep(0.01)
    assert holds.reads == [["first"]]
    holds.gate.set()
    await asyncio.gather(first, *rest)
    assert holds.reads == [["first"], buyers]


async def test_a_storm_is_cut_into_reads_of_bounded_size(own: OwnStates, holds: WatchedHolds, pool: Pool) -> None:
    storm = [asking(own, pool, f"buyer-{n}") for n in range(2 * OWN_STATES_MOST_PER_READ + 1)]
    await asyncio.gather(*storm)
    assert [len(buyers) for buyers in holds.reads] == [OWN_STATES_MOST_PER_READ, OWN_STATES_MOST_PER_READ, 1]


async def test_a_read_begins_after_it_was_asked_for(own: OwnStates, holds: WatchedHolds, pool: Pool) -> None:
    holds.stop()
    before = asking(own, pool, "ana")
    await stopped(holds)
    hold_id = await accepted(holds, pool, "ana")
    after = asking(own, pool, "ana")
    holds.gate.set()
    assert hold_ids(await before) == []
    assert hold_ids(await after) == [hold_id]


async def test_a_buyer_with_two_devices_is_read_once_and_told_twice(
    own: OwnStates, holds: WatchedHolds, pool: Pool
) -> None:
    hold_id = await accepted(holds, pool, "ana")
    told = await asyncio.gather(*(asking(own, pool, one) for one in ("ana", "bob", "ana")))
    assert [hold_ids(one) for one in told] == [[hold_id], [], [hold_id]]
    assert holds.reads == [["ana", "bob"]]


async def test_an_offer_that_opened_between_two_who_wait_is_looked_into(
    own: OwnStates, holds: WatchedHolds, pool: Pool
) -> None:
    later = a_pool()
    await holds.open(later)
    first, second = await accepted(holds, pool, "ana"), await accepted(holds, later, "ana")
    early = own.read("show_1", frozenset({pool.pool_id}), "bob")
    late = own.read("show_1", frozenset({pool.pool_id, later.pool_id}), "ana")
    _, told = await asyncio.gather(early, late)
    assert hold_ids(told) == [first, second]
    assert len(holds.reads) == 1


async def test_a_show_whose_read_hangs_keeps_no_other_waiting(own: OwnStates, holds: WatchedHolds, pool: Pool) -> None:
    other = a_pool()
    await holds.open(other)
    holds.stop(pool.pool_id)
    hanging = asking(own, pool, "ana", "show_1")
    await stopped(holds)
    async with asyncio.timeout(5):
        await asking(own, other, "ana", "show_2")
    assert not hanging.done()
    holds.gate.set()
    await hanging


async def test_who_comes_in_the_next_turns_of_the_loop_shares_the_first_read(
    own: OwnStates, holds: WatchedHolds, pool: Pool
) -> None:
    asked = []
    for buyer_id in BUYERS:
        asked.append(asking(own, pool, buyer_id))
        await asyncio.sleep(0)
    await asyncio.gather(*asked)
    assert holds.reads == [list(BUYERS)]


async def test_a_show_without_offers_asks_nobody(own: OwnStates, holds: WatchedHolds) -> None:
    assert await own.read("show_1", frozenset(), "ana") == OwnState(holds=[], orders=[])
    assert holds.reads == []


# --- when something goes wrong ----------------------------------------------------------------------------------------


async def test_who_leaves_while_waiting_takes_nobody_along(own: OwnStates, holds: WatchedHolds, pool: Pool) -> None:
    hold_id = await accepted(holds, pool, "ana")
    holds.stop()
    reading = asking(own, pool, "bob")
    await stopped(holds)
    waiting, leaving = asking(own, pool, "ana"), asking(own, pool, "cem")
    await asyncio.sleep(0)
    reading.cancel()
    leaving.cancel()
    await asyncio.gather(reading, leaving, return_exceptions=True)
    holds.gate.set()
    assert hold_ids(await waiting) == [hold_id]
    assert hold_ids(await asking(own, pool, "ana")) == [hold_id]


async def test_when_redis_does_not_answer_everyone_is_told_and_the_next_read_works(
    own: OwnStates, holds: WatchedHolds, pool: Pool, redis: Redis
) -> None:
    gone = connect_redis("redis://127.0.0.1:1")
    holds._redis = gone
    answers = await asyncio.gather(*(asking(own, pool, f"buyer-{n}") for n in range(5)), return_exceptions=True)
    assert [one.code for one in answers if isinstance(one, UnavailableError)] == ["redis_down"] * 5
    await gone.aclose()
    holds._redis = redis
    assert await asking(own, pool, "ana") == OwnState(holds=[], orders=[])


async def test_when_postgres_does_not_answer_everyone_is_told(
    holds: WatchedHolds, pool: Pool, database_url: str
) -> None:
    postgres = await Postgres.connect(database_url, max_size=1)
    await postgres.close()
    own = OwnStates(holds, Orders(postgres))
    answers = await asyncio.gather(*(asking(own, pool, f"buyer-{n}") for n in range(5)), return_exceptions=True)
    assert [one.code for one in answers if isinstance(one, UnavailableError)] == ["postgres_down"] * 5


async def test_past_the_limit_a_viewer_is_turned_away_at_once_and_those_who_wait_are_served(
    own: OwnStates, holds: WatchedHolds, pool: Pool
) -> None:
    holds.stop()
    waiting = [asking(own, pool, f"buyer-{n}") for n in range(OWN_STATES_MOST_WAITING)]
    await stopped(holds)
    for show_id in ("show_1", "show_2"):
        with pytest.raises(UnavailableError, match="too many") as refused:
            await asking(own, pool, "one too many", show_id)
        assert refused.value.code == "overloaded"
    holds.gate.set()
    assert len(await asyncio.gather(*waiting)) == OWN_STATES_MOST_WAITING
    await asking(own, pool, "there is room again")


async def test_closing_ends_the_read_under_way_and_turns_away_who_waits(
    own: OwnStates, holds: WatchedHolds, pool: Pool
) -> None:
    holds.stop()
    reading = asking(own, pool, "ana")
    await stopped(holds)
    waiting = asking(own, pool, "bob")
    await asyncio.sleep(0)
    closing = asyncio.create_task(own.close())
    await asyncio.sleep(0)
    holds.gate.set()
    await closing
    assert await reading == OwnState(holds=[], orders=[])
    for refused in (waiting, asking(own, pool, "cem")):
        with pytest.raises(UnavailableError):
            await refused
    assert holds.reads == [["ana"]]


# --- the same answers -------------------------------------------------------------------------------------------------

_claims = st.lists(st.tuples(st.sampled_from(BUYERS), st.integers(0, 3), st.sampled_from(FATES)), max_size=25)
_orders = st.lists(
    st.tuples(st.sampled_from(BUYERS), st.booleans(), st.sampled_from(ORDER_STATES)), max_size=2 * LATEST_ORDERS
)


async def live_hold(holds: RedisHolds, pool: Pool, buyer_id: str, fate: Fate) -> tuple[str, str] | None:
    """Make a hold meet its fate; return its id and state when it lives on."""
    hold_id = await accepted(holds, pool, buyer_id)
    if fate == "held":
        return None if pool.hold_ttl_ms == SHORT_TTL_MS else (hold_id, "held")
    if fate == "released":
        await holds.release(pool.pool_id, hold_id, buyer_id)
        return None
    hold = await holds.submit(pool.pool_id, hold_id, buyer_id)
    assert hold is not None
    if hold.status != "submitted":
        return None  # a short one that was overdue already
    if fate == "submitted":
        return hold_id, "submitted"
    await holds.resolve(pool.pool_id, [an_end(hold_id, "sold" if fate == "sold" else "released")])
    return None


async def put_orders(shop: Shop, terms: SaleTerms, orders: Sequence[tuple[str, str]]) -> None:
    """Write an order for each buyer and state."""
    new = [
        NewOrder(
            order_id=new_id("order"),
            hold_id=new_hold_id(1),
            buyer_id=buyer_id,
            quantity=1,
            terms=terms,
            payment_method="pm_test_ok",
            provider="test",
        )
        for buyer_id, _ in orders
    ]
    await shop.orders.insert_many(new)
    for order, (_, state) in zip(new, orders, strict=True):
        await shop.execute("UPDATE orders SET state = $2 WHERE order_id = $1", order.order_id, state)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    claims=_claims,
    orders=_orders,
    short=st.sets(st.integers(0, 3)),
    rebuilt=st.sets(st.integers(0, 3)),
    left_out=st.sets(st.integers(0, 3), max_size=3),
    asked=st.lists(st.sampled_from((*BUYERS, "nobody")), min_size=1, max_size=10),
)
async def test_everyone_is_told_what_they_would_be_told_alone(
    *,
    holds: WatchedHolds,
    shop: Shop,
    claims: list[tuple[str, int, Fate]],
    orders: list[tuple[str, bool, str]],
    short: set[int],
    rebuilt: set[int],
    left_out: set[int],
    asked: list[str],
) -> None:
    own, show_id = OwnStates(holds, shop.orders), new_id("show")
    pools = [a_pool(100, limit=100, hold_ttl_ms=SHORT_TTL_MS if n in short else 60_000) for n in range(4)]
    for pool in pools:
        await holds.open(pool)
    live = [(buyer_id, n, await live_hold(holds, pools[n], buyer_id, fate)) for buyer_id, n, fate in claims]
    terms, elsewhere = await shop.pool(1, show_id=show_id), await shop.pool(1)
    await put_orders(shop, terms, [(buyer_id, state) for buyer_id, here, state in orders if here])
    await put_orders(shop, elsewhere, [(buyer_id, state) for buyer_id, here, state in orders if not here])
    await asyncio.sleep(2 * SHORT_TTL_MS / 1000 + 0.02)
    for n in rebuilt:
        await holds.rebuild(msgspec.structs.replace(pools[n], epoch=2), [], closed=False)
    pool_ids = frozenset(pool.pool_id for n, pool in enumerate(pools) if n not in left_out)

    holds.reads.clear()
    together = await asyncio.gather(*(own.read(show_id, pool_ids, one) for one in asked))
    assert len(holds.reads) == 1
    for buyer_id, told in zip(asked, together, strict=True):
        assert told == await own.read(show_id, pool_ids, buyer_id)
        theirs = {(pools[n].pool_id, *one) for who, n, one in live if one and who == buyer_id and n not in left_out}
        assert {(card.offer_id, card.hold_id, card.state) for card in told.holds} == theirs
        assert len(told.holds) == len(theirs)
        assert [card.offer_id for card in told.holds] == sorted(card.offer_id for card in told.holds)
        page, _ = await shop.orders.page(show_id=show_id, buyer_id=buyer_id, limit=LATEST_ORDERS)
        expected: list[wire.ServerMessage] = [order_state(order) for order in reversed(page)]
        assert told.orders == expected
