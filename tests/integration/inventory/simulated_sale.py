"""A whole sale against a real hold book, by a clock that is turned: one seed decides about everything.

Buyers tap twice, come back on another device, give units back, let holds expire, ask for more time, wait in line and
leave it; payments take their time, fail, or come through after they were given up; a keeper comes at odd moments;
processes die between two steps; Redis crashes and forgets the last moments. Postgres is a dictionary that refuses to
sell more than there is.
"""

import heapq
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random
from typing import Literal

from msgspec.structs import replace
from redis.asyncio import Redis
from ulid import ULID

from inventory.holds import Accepted, ClaimRequest, HoldNews, InLine, OpenOrder, OrderEnd, Refused
from tests.integration.inventory.stepped_book import BEGIN_MS, BookKeys, Memory, a_stepped_pool, an_end, stepped_holds

TICK_MS = 5
HOLD_MS = 400
RUSH_MS = 600
STALE_MS = 900
CROWDS = 12
ROUNDS_MOST = 60
Step = Callable[[], Awaitable[None]]


class Ledger:
    """Postgres, as far as this sale needs it: the judge."""

    def __init__(self, allocated: int) -> None:
        self.allocated = allocated
        self.orders: dict[str, OpenOrder] = {}

    def sold(self) -> int:
        return sum(one.quantity for one in self.orders.values() if one.status == "sold")

    def submit(self, order: OpenOrder) -> None:
        """Insert an order; one hold has one order."""
        self.orders.setdefault(order.hold_id, order)

    def settle(self, order: OpenOrder, *, paid: bool) -> Literal["sold", "released"]:
        """Decide about an order that is not sold yet; a cancelled one is forgotten."""
        known = self.orders.get(order.hold_id)
        if known is not None and known.status == "sold":
            return "sold"
        if paid and self.sold() + order.quantity <= self.allocated:
            self.orders[order.hold_id] = replace(order, status="sold")
            return "sold"
        self.orders.pop(order.hold_id, None)
        return "released"


def how_it_ended(order: OpenOrder, outcome: Literal["sold", "released"]) -> OrderEnd:
    return an_end(order.hold_id, outcome, buyer_id=order.buyer_id, quantity=order.quantity)


class SimulatedSale:
    """One sale; ``run`` it, then look at ``ledger``, ``seen`` and the book."""

    def __init__(self, redis: Redis, pool_id: str, seed: int) -> None:
        self.random = Random(seed)
        self.allocated = self.random.randint(5, 60)
        self.limit = self.random.randint(1, 3)
        self.pool = a_stepped_pool(
            pool_id,
            self.allocated,
            limit=self.limit,
            lasts_ms=3_600_000,
            hold_ttl_ms=HOLD_MS,
            waitlist_hold_ttl_ms=self.random.choice([100, HOLD_MS]),
        )
        self.holds = stepped_holds(redis)
        self.keys = BookKeys(redis, self.pool)
        self.ledger = Ledger(self.allocated)
        self.now_ms = BEGIN_MS
        self.seen: Counter[str] = Counter()
        self._due: list[tuple[int, int, Step]] = []
        self._claims: list[tuple[ClaimRequest, Callable[[Accepted | Refused], None]]] = []
        self._behaved: set[str] = set()
        self._steps = 0
        self._copy: Memory | None = None

    # --- Time ---------------------------------------------------------------------------------------------------------

    def later(self, after_ms: float, step: Step) -> None:
        """Let a step happen so much later."""
        self._steps += 1
        heapq.heappush(self._due, (self.now_ms + int(after_ms), self._steps, step))

    async def run(self) -> None:
        """Sell until nothing moves any more and a last crowd has asked in vain."""
        await self.keys.set_clock(self.now_ms)
        await self.holds.open(self.pool)
        for n in range(self.random.randint(60, 160)):
            self.later(self.random.random() ** 3 * RUSH_MS, self.arrives(f"buyer-{n}"))
        self.later(self.random.randint(0, 100), self.keeper(self.random.choice([30, 150, 500]), rounds=12))
        for _ in range(self.random.choice([0, 0, 1, 2])):
            self.later(self.random.randint(0, RUSH_MS), self.is_written_to_disk)
        await self.settle_down()
        for crowd in range(CROWDS):
            if await self.is_sold_out():
                break
            for n in range(self.allocated):
                self.later(n % 7, self.arrives(f"late-{crowd}-{n}"))
            await self.settle_down()

    async def settle_down(self) -> None:
        """Do all that is due, then let a keeper do its rounds until nobody waits for anything."""
        for _ in range(ROUNDS_MOST):
            await self.drain()
            [counts] = await self.holds.counts([self.pool.pool_id])
            if counts.current and counts.held == 0 and (counts.waiting == 0 or counts.available == 0):
                return
            self.later(STALE_MS, self.keeper(0, rounds=1))
        raise AssertionError(f"the sale never comes to rest: {self.seen}")

    async def drain(self) -> None:
        while self._due or self._claims:
            if self._due:
                self.now_ms = max(self.now_ms, self._due[0][0])
                await self.keys.set_clock(self.now_ms)
            while self._due and self._due[0][0] <= self.now_ms:
                await heapq.heappop(self._due)[2]()
            claims, self._claims = self._claims, []
            if claims:
                answers = await self.holds.claim_many(self.pool, [claim for claim, _ in claims])
                for (_, answered), answer in zip(claims, answers, strict=True):
                    answered(answer)
            self.now_ms += TICK_MS
            await self.keys.set_clock(self.now_ms)

    async def is_sold_out(self) -> bool:
        """Whether the book says that all is sold; drift from Postgres is repaired first, as the reconciler does."""
        [counts] = await self.holds.counts([self.pool.pool_id])
        if counts.sold != self.ledger.sold():
            self.seen["repaired"] += 1
            await self.recover()
            [counts] = await self.holds.counts([self.pool.pool_id])
        return counts.sold == self.allocated

    # --- Buyers -------------------------------------------------------------------------------------------------------

    def arrives(self, buyer_id: str) -> Step:
        async def step() -> None:
            self.claims(buyer_id, self.claim_id(), self.random.randint(1, self.limit))

        return step

    def claim_id(self) -> str:
        return str(ULID.from_int(self.random.getrandbits(128)))

    def claims(self, buyer_id: str, claim_id: str, quantity: int) -> None:
        """Tap, perhaps twice, perhaps on two devices."""
        claim = ClaimRequest(pool_id=self.pool.pool_id, claim_id=claim_id, buyer_id=buyer_id, quantity=quantity)
        chance = self.random.random()
        for _ in range(2 if chance < 0.2 else 1):
            self._claims.append((claim, self.hears(claim)))
        if chance > 0.9:
            other = replace(claim, claim_id=self.claim_id())
            self._claims.append((other, self.hears(other)))

    def hears(self, claim: ClaimRequest) -> Callable[[Accepted | Refused], None]:
        def answered(answer: Accepted | Refused) -> None:
            if isinstance(answer, Accepted):
                self.seen["accepted"] += 1
                self.has(answer.hold_id, claim.buyer_id)
                if self.random.random() < 0.1:  # the answer was lost with the connection
                    self.later(self.random.randint(5, 900), self.again(claim))
                return
            self.seen[answer.reason] += 1
            if answer.reason == "recovering":
                self.later(50, self.again(claim))
            elif answer.temporary and self.random.random() < 0.4:
                self.later(1, self.joins(claim.buyer_id))
            elif answer.temporary and self.random.random() < 0.5:
                self.later(self.random.randint(20, 500), self.again(claim))

        return answered

    def again(self, claim: ClaimRequest) -> Step:
        async def step() -> None:
            self._claims.append((claim, self.hears(claim)))

        return step

    def joins(self, buyer_id: str) -> Step:
        async def step() -> None:
            answer = await self.holds.join(self.pool, buyer_id)
            if isinstance(answer, InLine):
                self.seen["joined"] += 1
                if self.random.random() < 0.2:
                    self.later(self.random.randint(1, 300), self.leaves(buyer_id))

        return step

    def leaves(self, buyer_id: str) -> Step:
        async def step() -> None:
            await self.holds.leave(self.pool.pool_id, buyer_id)

        return step

    def has(self, hold_id: str, buyer_id: str) -> None:
        """Decide, once per hold, what its buyer does with it."""
        if hold_id in self._behaved:
            return
        self._behaved.add(hold_id)
        steps = [self.pays, self.pays, self.pays, self.pays, self.gives_back, self.asks_for_time, self.forgets]
        self.later(self.random.randint(0, HOLD_MS + 60), self.random.choice(steps)(hold_id, buyer_id))

    def forgets(self, _hold_id: str, buyer_id: str) -> Step:
        async def step() -> None:
            self.seen["forgotten"] += 1
            if self.random.random() < 0.3:
                self.later(HOLD_MS, self.arrives(buyer_id))

        return step

    def gives_back(self, hold_id: str, buyer_id: str) -> Step:
        async def step() -> None:
            for keep in self.random.choice([[0], [0, 0], [1], [1, 0]]):
                await self.holds.release(self.pool.pool_id, hold_id, buyer_id, keep=keep)
                self.seen["given_back"] += 1
            if self.random.random() < 0.5:
                self.later(5, self.arrives(buyer_id))

        return step

    def asks_for_time(self, hold_id: str, buyer_id: str) -> Step:
        async def step() -> None:
            for nth in (1, 1, 2):
                await self.holds.extend(self.pool.pool_id, hold_id, buyer_id, nth=nth)
            self.later(self.random.randint(0, HOLD_MS), self.pays(hold_id, buyer_id))

        return step

    def pays(self, hold_id: str, buyer_id: str) -> Step:
        async def step() -> None:
            hold = await self.holds.submit(self.pool.pool_id, hold_id, buyer_id)
            if hold is None or hold.status != "submitted":
                self.seen["too_late"] += 1
                return
            if self.random.random() < 0.03:  # the process dies before it wrote the order
                self.seen["order_lost"] += 1
                return
            order = OpenOrder(hold_id=hold_id, buyer_id=buyer_id, quantity=hold.quantity, status="submitted")
            self.ledger.submit(order)
            self.later(self.random.randint(5, 300), self.payment_ends(order))

        return step

    def payment_ends(self, order: OpenOrder) -> Step:
        async def step() -> None:
            chance = self.random.random()
            outcome = self.ledger.settle(order, paid=chance < 0.8)
            self.seen[f"order_{outcome}"] += 1
            if self.random.random() > 0.05:  # else the process dies before it told the book
                await self.holds.resolve(self.pool.pool_id, [how_it_ended(order, outcome)])
            if chance > 0.95:  # declined, they said; and yet the money came
                self.later(self.random.randint(10, 800), self.pays_after_all(order))

        return step

    def pays_after_all(self, order: OpenOrder) -> Step:
        async def step() -> None:
            outcome = self.ledger.settle(order, paid=True)
            self.seen[f"late_{outcome}"] += 1
            await self.holds.resolve(self.pool.pool_id, [how_it_ended(order, outcome)])

        return step

    # --- Those who look after it --------------------------------------------------------------------------------------

    def keeper(self, every_ms: int, *, rounds: int) -> Step:
        async def step() -> None:
            [counts] = await self.holds.counts([self.pool.pool_id])
            if counts.epoch != self.pool.epoch or not counts.current:
                await self.recover()
            news = sorted(await self.holds.sweep([self.pool.pool_id]), key=lambda one: (one.what, one.hold_id))
            if self.random.random() > 0.2:  # else it dies before it told anybody
                self.tell(news)
                if self.random.random() > 0.2:
                    await self.holds.told(news)
            stale = await self.holds.stale_submissions(self.pool.pool_id, older_than_ms=STALE_MS)
            ends: list[OrderEnd] = []
            for hold in stale:
                order = self.ledger.orders.get(hold.hold_id)
                if order is not None:
                    ends.append(how_it_ended(order, "sold" if order.status == "sold" else "released"))
                else:
                    ends.append(an_end(hold.hold_id, "released"))
            await self.holds.resolve(self.pool.pool_id, ends)
            if rounds > 1:
                self.later(self.random.randint(0, 2 * every_ms), self.keeper(every_ms, rounds=rounds - 1))

        return step

    def tell(self, news: list[HoldNews]) -> None:
        for one in news:
            self.seen[one.what] += 1
            if one.what == "promoted":
                self.has(one.hold_id, one.buyer_id)

    async def recover(self) -> None:
        self.pool = replace(self.pool, epoch=self.pool.epoch + 1)
        await self.holds.rebuild(self.pool, list(self.ledger.orders.values()), closed=False)

    async def is_written_to_disk(self) -> None:
        """Remember the book as it is, and crash soon: what happened in between is lost."""
        self._copy = await self.keys.remember()
        self.later(self.random.randint(1, 300), self.crashes)

    async def crashes(self) -> None:
        if self._copy is not None:
            self.seen["crashed"] += 1
            await self.keys.restore(self._copy)
            self.later(self.random.randint(1, 60), self.keeper(0, rounds=1))
