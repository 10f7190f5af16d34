"""The model and the real book side by side: whatever is done, in whatever order, both say the same.

Every rule does one thing to both, by a clock that the machine turns. After it everything that the real book remembers
is compared with the model.
"""

import asyncio
from collections.abc import Awaitable
from typing import Literal, TypeVar
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace
from redis.asyncio import Redis

from inventory.book import Book
from inventory.hold import HoldRecord
from inventory.hold_ids import KEY_CHARS, hold_id, key_of
from inventory.holds import Accepted, ClaimRequest, Hold, HoldNews, OpenOrder, Pool, PoolCounts
from tests.integration.inventory.stepped_book import BEGIN_MS, BookKeys, Memory, a_stepped_pool, an_end, stepped_holds

T = TypeVar("T")
BUYERS = [f"buyer-{n}" for n in range(5)]
# Four of them end alike each time: their holds want the same keys.
CLAIM_IDS = [
    f"01J{half}00000000000000{n}ABCDEFG"[: 26 - KEY_CHARS] + f"{n}ABCDEFG" for half in "0123" for n in range(3)
]
# Steps that are multiples of the 20 ms of deadlines, and steps that are not.
STEPS_MS = [1, 7, 20, 21, 33, 60, 101]

buyers = st.sampled_from(BUYERS)
quantities = st.integers(1, 3)
nths = st.integers(0, 3)
indexes = st.integers(0, 1_000)
ODD_CALLS = [
    "open again",
    "prolong",
    "prolong to an earlier end",
    "look for stale submissions",
    "as a stranger",
    "older epoch",
    "newer epoch",
]
WRITTEN_EVERY_STEPS = 3
away = st.sampled_from([1, 40, 120])
mostly = st.sampled_from([True, True, True, False])
wishes = st.tuples(st.sampled_from(CLAIM_IDS), buyers, quantities)

there_are_holds = precondition(lambda self: bool(self.model.holds))


def an_order(called: str, buyer_id: str, quantity: int) -> OpenOrder:
    return OpenOrder(hold_id=called, buyer_id=buyer_id, quantity=quantity, status="submitted")


def by_id(holds: list[Hold]) -> list[Hold]:
    return sorted(holds, key=lambda hold: hold.hold_id)


class BookMachine(RuleBasedStateMachine):
    """One pool, a handful of buyers, Postgres as a dictionary of orders."""

    runner: asyncio.Runner
    redis: Redis

    def __init__(self) -> None:
        super().__init__()
        self.model = Book()
        self.real = stepped_holds(self.redis)
        self.now_ms = BEGIN_MS
        self.orders: dict[str, OpenOrder] = {}
        self.copies: list[tuple[Book, Memory]] = []
        self.closed = False
        self.steps = 0

    def run(self, call: Awaitable[T]) -> T:
        async def awaited() -> T:
            return await call

        return self.runner.run(awaited())

    @initialize(
        units=st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 3), (5, 2)]),
        lasts_ms=st.sampled_from([60_000, 60_000, 400]),
        early_ms=st.sampled_from([0] * 9 + [30]),
        ttls=st.sampled_from([(100, 60), (73, 41), (40, 200)]),
        takers=st.integers(0, 5),
    )
    def begin(self, units: tuple[int, int], lasts_ms: int, early_ms: int, ttls: tuple[int, int], takers: int) -> None:
        allocated, limit = units
        self.pool: Pool = a_stepped_pool(
            f"offer_{uuid4().hex}",
            allocated,
            limit=limit,
            lasts_ms=lasts_ms,
            grace_ms=50,
            hold_ttl_ms=ttls[0],
            waitlist_hold_ttl_ms=ttls[1],
        )
        self.now_ms -= early_ms
        self.keys = BookKeys(self.redis, self.pool)
        self.run(self.keys.set_clock(self.now_ms))
        self.open()
        if takers:
            # Most stories are about a book that is nearly sold out.
            quantity = max(1, min(limit, allocated // takers))
            self.claim_as(self.pool, [(CLAIM_IDS[n], BUYERS[n], quantity) for n in range(takers)])

    def open(self) -> None:
        self.model.open(self.pool)
        self.run(self.real.open(self.pool))

    @rule(step_ms=st.sampled_from(STEPS_MS))
    def time_passes(self, step_ms: int) -> None:
        self.now_ms += step_ms
        self.run(self.keys.set_clock(self.now_ms))

    # --- Claims and the line ------------------------------------------------------------------------------------------

    @rule(batch=st.lists(wishes, min_size=1, max_size=6))
    def claims(self, batch: list[tuple[str, str, int]]) -> None:
        self.claim_as(self.pool, batch)

    @there_are_holds
    @rule(at=indexes)
    def the_same_claim_again(self, at: int) -> None:
        hold = self.pick(at)
        if hold is not None and hold.claim_id is not None:
            self.claim_as(self.pool, [(hold.claim_id, hold.buyer_id, hold.asked)])

    def claim_as(self, pool: Pool, batch: list[tuple[str, str, int]]) -> None:
        requests = [
            ClaimRequest(pool_id=pool.pool_id, claim_id=claim_id, buyer_id=buyer_id, quantity=quantity)
            for claim_id, buyer_id, quantity in batch
        ]
        before = {hold.hold_id: hold.deadline_ms for hold in self.model.holds.values()}
        answers = self.run(self.real.claim_many(pool, requests))
        expected = self.model.claim(pool, requests, self.now_ms)
        for one in expected:
            assert not isinstance(one, Accepted) or before.get(one.hold_id, one.expires_at_ms) == one.expires_at_ms
        self.learn()
        assert answers == expected

    @rule(buyer_ids=st.lists(buyers, min_size=1, max_size=3))
    def joins(self, buyer_ids: list[str]) -> None:
        expected = [self.model.join(self.pool, buyer_id, self.now_ms) for buyer_id in buyer_ids]
        assert self.run(self.real.join_many(self.pool, buyer_ids)) == expected

    @rule(buyer_id=buyers)
    def leaves(self, buyer_id: str) -> None:
        assert self.run(self.real.leave(self.pool.pool_id, buyer_id)) == self.model.leave(buyer_id)

    # --- Holds --------------------------------------------------------------------------------------------------------

    def pick(self, at: int) -> HoldRecord | None:
        """Choose a hold: mostly one that did not end."""
        holds = list(self.model.holds.values())
        live = [hold for hold in holds if hold.status == "held"]
        some = live if live and at % 3 else holds
        return some[at % len(some)] if some else None

    def same(self, real: Hold | None, expected: Hold | None) -> None:
        assert real == expected

    @there_are_holds
    @rule(at=indexes, nth=nths)
    def extends(self, at: int, nth: int) -> None:
        hold = self.pick(at)
        if hold is not None:
            real = self.run(self.real.extend(self.pool.pool_id, hold.hold_id, hold.buyer_id, nth=nth))
            self.same(real, self.model.extend(hold.hold_id, hold.buyer_id, nth, self.now_ms))

    @there_are_holds
    @rule(at=indexes, keep=st.integers(0, 3), all_but_one=st.booleans())
    def releases(self, at: int, keep: int, all_but_one: bool) -> None:
        hold = self.pick(at)
        if hold is not None:
            keep = hold.quantity - 1 if all_but_one else keep
            real = self.run(self.real.release(self.pool.pool_id, hold.hold_id, hold.buyer_id, keep=keep))
            self.same(real, self.model.release(hold.hold_id, hold.buyer_id, keep, self.now_ms))

    @there_are_holds
    @rule(at=indexes)
    def submits(self, at: int) -> None:
        hold = self.pick(at)
        if hold is not None:
            real = self.run(self.real.submit(self.pool.pool_id, hold.hold_id, hold.buyer_id))
            self.same(real, self.model.submit(hold.hold_id, hold.buyer_id, self.now_ms))
            if real is not None and real.status == "submitted":
                self.order(real.hold_id, real.buyer_id, real.quantity, "submitted")

    def order(self, called: str, buyer_id: str, quantity: int, status: Literal["submitted", "sold"]) -> None:
        if called not in self.orders or status == "sold":
            self.orders[called] = OpenOrder(hold_id=called, buyer_id=buyer_id, quantity=quantity, status=status)

    @there_are_holds
    @rule(at=indexes, paid=st.booleans(), late=st.booleans())
    def postgres_decides(self, at: int, paid: bool, late: bool) -> None:
        """A payment ends: mostly of a submitted hold, sometimes so late that the hold has ended, or is forgotten."""
        orders = dict(self.orders)
        if late:
            for hold in self.model.holds.values():
                orders.setdefault(hold.hold_id, an_order(hold.hold_id, hold.buyer_id, hold.quantity))
        if orders:
            self.decide(list(orders.values())[at % len(orders)], paid=paid)

    @rule(at=indexes, buyer_id=buyers, quantity=quantities, settled=st.booleans(), paid=st.booleans())
    def an_order_is_written_that_the_book_never_heard_of(
        self, at: int, buyer_id: str, quantity: int, settled: bool, paid: bool
    ) -> None:
        """The hold was lost with the tail, or the order came after the orders were read for a rebuild."""
        order = an_order(hold_id(self.pool.pool_no, self.now_ms - at, f"L{self.steps:03}{at:04}"), buyer_id, quantity)
        self.order(order.hold_id, buyer_id, quantity, "submitted")
        if settled:
            self.decide(order, paid=paid)

    def decide(self, order: OpenOrder, *, paid: bool) -> None:
        """Postgres sells no more than there is, and what it sold stays sold."""
        others = sum(
            one.quantity for one in self.orders.values() if one.status == "sold" and one.hold_id != order.hold_id
        )
        paid = order.status == "sold" or (paid and others + order.quantity <= self.pool.allocated)
        if paid:
            self.order(order.hold_id, order.buyer_id, order.quantity, "sold")
        else:
            self.orders.pop(order.hold_id, None)
        self.resolve(order, "sold" if paid else "released")

    def resolve(self, order: OpenOrder, outcome: Literal["sold", "released"]) -> None:
        end = an_end(order.hold_id, outcome, buyer_id=order.buyer_id, quantity=order.quantity)
        self.run(self.real.resolve(self.pool.pool_id, [end, end]))
        self.model.resolve([end, end], self.now_ms)

    # --- The keeper ---------------------------------------------------------------------------------------------------

    @rule(releasing=st.booleans(), told=st.booleans())
    def sweeps(self, releasing: bool, told: bool) -> None:
        pool_id = self.pool.pool_id
        real = self.run(self.real.sweep([pool_id], releasing=[pool_id] if releasing else ()))
        self.model.sweep(self.now_ms, releasing=releasing)
        self.learn()
        assert sorted(real, key=str) == sorted(self.model.news.values(), key=str)
        assert [one.what for one in real if one.what == "promoted"] == [one.what for one in real][: self.promotions()]
        if told:
            self.run(self.real.told(real))
            self.model.told(real)

    def promotions(self) -> int:
        return sum(what == "promoted" for _, what in self.model.news)

    @precondition(lambda self: len(self.model.holds) > 6)
    @rule()
    def freezes(self) -> None:
        self.closed = True
        self.run(self.real.freeze(self.pool.pool_id))
        self.model.freeze()

    # --- Crashes ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.copies)
    @rule(at=indexes, away_ms=away, rebuilt=mostly)
    def crashes_and_loses_the_tail(self, at: int, away_ms: int, rebuilt: bool) -> None:
        book, memory = self.copies[at % len(self.copies)]
        del self.copies[at % len(self.copies) + 1 :]
        self.model.lose(book)
        self.run(self.keys.restore(memory))
        self.time_passes(away_ms)
        if rebuilt:
            self.rebuild()

    @rule(away_ms=away, rebuilt=mostly)
    def comes_back_on_another_server(self, away_ms: int, rebuilt: bool) -> None:
        self.model.change_server()
        self.run(self.keys.change_server())
        self.time_passes(away_ms)
        if rebuilt:
            self.rebuild()

    @precondition(lambda self: not self.model.current)
    @rule()
    def is_rebuilt(self) -> None:
        self.rebuild()

    def rebuild(self) -> None:
        self.pool = replace(self.pool, epoch=self.pool.epoch + 1)
        orders = list(self.orders.values())
        self.run(self.real.rebuild(self.pool, orders, closed=self.closed))
        self.model.rebuild(self.pool, orders, self.now_ms, closed=self.closed)

    # --- What changes little, or nothing ------------------------------------------------------------------------------

    @rule(kind=st.sampled_from(ODD_CALLS), at=indexes, buyer_id=buyers, batch=st.lists(wishes, min_size=1, max_size=3))
    def an_odd_call(self, kind: str, at: int, buyer_id: str, batch: list[tuple[str, str, int]]) -> None:
        match kind:
            case "open again":
                self.open()
            case "prolong":
                self.pool = replace(self.pool, ends_at_ms=max(self.pool.ends_at_ms, self.now_ms) + 200)
                self.prolong(self.pool)
            case "prolong to an earlier end":
                self.prolong(replace(self.pool, ends_at_ms=self.pool.ends_at_ms - 300))
            case "look for stale submissions":
                real = self.run(self.real.stale_submissions(self.pool.pool_id, older_than_ms=30))
                assert by_id(real) == by_id(self.model.stale_submissions(30, self.now_ms))
            case "as a stranger":
                self.a_stranger_finds_nothing(at)
            case _:
                other = replace(self.pool, epoch=self.pool.epoch + (-1 if kind == "older epoch" else 1))
                self.claim_as(other, batch)
                assert self.run(self.real.join(other, buyer_id)) == self.model.join(other, buyer_id, self.now_ms)
                self.prolong(replace(other, ends_at_ms=other.ends_at_ms + 999))
                older = replace(self.pool, epoch=self.pool.epoch - 1)
                self.model.rebuild(older, [], self.now_ms, closed=True)
                self.run(self.real.rebuild(older, [], closed=True))

    def prolong(self, pool: Pool) -> None:
        self.run(self.real.prolong(pool))
        self.model.prolong(pool, self.now_ms)

    def a_stranger_finds_nothing(self, at: int) -> None:
        hold = self.pick(at)
        if hold is None:
            return
        called, pool_id = hold.hold_id, self.pool.pool_id
        elsewhen = called[:14] + ("0" if called[14] != "0" else "1") + called[15:]
        assert self.run(self.real.submit(pool_id, called, "stranger")) is None
        assert self.run(self.real.extend(pool_id, called, "stranger", nth=1)) is None
        assert self.run(self.real.release(pool_id, called, "stranger")) is None
        assert self.run(self.real.submit(pool_id, elsewhen, hold.buyer_id)) is None
        self.resolve(an_order(elsewhen, hold.buyer_id, 1), "released")

    # --- What both remember -------------------------------------------------------------------------------------------

    def learn(self) -> None:
        """Learn the keys of holds that the script made for people who waited; no hold may have had them before."""
        unnamed = [hold for key, hold in self.model.holds.items() if key.startswith("~")]
        if not unnamed:
            return
        holds, _, _ = self.run(self.keys.look())
        for hold in unnamed:
            fresh = [
                one.hold_id
                for one in holds
                if key_of(one.hold_id) not in self.model.holds
                and (one.buyer_id, one.quantity) == (hold.buyer_id, 1)
                and one.hold_id[: -2 * KEY_CHARS] == hold.hold_id[: -2 * KEY_CHARS]
            ]
            assert fresh, f"nobody promoted {hold}"
            self.model.name(hold.hold_id, fresh[0])

    @invariant()
    def model_and_book_agree(self) -> None:
        self.learn()
        self.model.check(self.now_ms)
        pool_id = self.pool.pool_id
        counts, (holds, news, line), found = self.run(self.look())
        assert counts == self.model.counts()
        assert by_id(holds) == by_id([one.seen(pool_id) for one in self.model.holds.values()])
        assert sorted(news, key=str) == sorted(self.model.news.values(), key=str)
        assert line == self.model.line
        expected = {buyer_id: self.model.holds_of(buyer_id, self.now_ms) for buyer_id in BUYERS}
        assert {who: by_id(theirs) for who, theirs in found.items()} == {
            who: by_id(theirs) for who, theirs in expected.items() if theirs
        }
        self.steps += 1
        if self.steps % WRITTEN_EVERY_STEPS == 0:
            self.copies.append((self.model.copy(), self.run(self.keys.remember())))

    async def look(self) -> tuple[PoolCounts, tuple[list[Hold], list[HoldNews], list[str]], dict[str, list[Hold]]]:
        pool_id = self.pool.pool_id
        [counts] = await self.real.counts([pool_id])
        return counts, await self.keys.look(), await self.real.holds_of([pool_id], BUYERS)

    def teardown(self) -> None:
        self.run(self.keys.forget())
