"""Many hands on one stock: what Redis holds, what Postgres sold and what the ledger moved stay one number."""

import asyncio
import random
from collections import Counter

from inventory.holds import Accepted, Refused
from kit.errors import ConflictError
from tests.integration.checkout.checkout_shop import Worker
from tests.integration.checkout.shop_with_book import BookedShop, Sale

UNITS = 40
BUYERS = 24
TURNS = 6
HOLD_MS = 120
METHODS = ("pm_test_ok", "pm_test_no_auth", "pm_test_declined", "pm_test_timeout")


class Crowd:
    """Buyers who claim, change their minds, forget and pay, while workers and a sweeper do their part."""

    def __init__(self, shop: BookedShop, sale: Sale, chance: random.Random) -> None:
        self.shop, self.sale, self.chance = shop, sale, chance
        self.done = Counter[str]()
        self.busy = True

    async def buyer(self, name: str) -> None:
        for _ in range(TURNS):
            answer = await self.shop.claim(self.sale, name, self.chance.randint(1, 3))
            if isinstance(answer, Refused):
                assert answer.reason in {"sold_out", "buyer_limit"}
                self.done[answer.reason] += 1
                await asyncio.sleep(0.02)
                continue
            await self._use(answer.hold_id, name)

    async def _use(self, hold_id: str, name: str) -> None:
        match self.chance.randrange(4):
            case 0:
                await asyncio.sleep(HOLD_MS / 1000 * self.chance.uniform(0.5, 1.5))
            case 1:
                # Twice at once, and from the sweeper's side it may be over already.
                ends = await asyncio.gather(
                    *(self.shop.book.release(self.sale.pool.pool_id, hold_id, name) for _ in range(2))
                )
                assert len({end and end.status for end in ends}) == 1
                self.done["released"] += 1
            case 2:
                await self.shop.book.release(self.sale.pool.pool_id, hold_id, name, keep=1)
                self.done["made smaller"] += 1
            case _:
                try:
                    await self.shop.checkout(self.sale, hold_id, name, self.chance.choice(METHODS))
                    self.done["paid"] += 1
                except ConflictError as error:
                    self.done[error.code] += 1

    async def sweeper(self) -> None:
        while self.busy:
            news = await self.shop.book.sweep([self.sale.pool.pool_id])
            self.done["expired"] += sum(one.what == "expired" for one in news)
            await self.shop.book.told(news)
            await self.shop.counts(self.sale)
            await asyncio.sleep(0.01)

    async def worker(self) -> None:
        worker = Worker(self.shop, limit=5)
        while self.busy:
            await worker.run()
            await asyncio.sleep(0.01)


async def test_book_orders_and_ledger_agree_after_many_hands_at_once(booked: BookedShop) -> None:
    seed = random.randrange(1_000_000)
    sale = await booked.sale(UNITS, limit=3, hold_ttl_ms=HOLD_MS)
    crowd = Crowd(booked, sale, random.Random(seed))
    async with asyncio.TaskGroup() as hands:
        for other in (crowd.sweeper(), crowd.worker(), crowd.worker()):
            hands.create_task(other)
        buyers = [hands.create_task(crowd.buyer(f"buyer_{number}")) for number in range(BUYERS)]
        await asyncio.wait(buyers)
        crowd.busy = False
    await asyncio.sleep(HOLD_MS / 1000 + 0.05)
    await booked.book.sweep([sale.pool.pool_id])
    await booked.finish()

    assert min(crowd.done[one] for one in ("released", "paid", "expired")) > 0, f"seed {seed}: {crowd.done}"
    await booked.check_agreed(sale)
    # The counters are no mere numbers: exactly what they call available can be had.
    available = (await booked.counts(sale)).available
    # In one call: on a busy machine the first holds would be over before the last claim is made.
    answers = await booked.claim_all(sale, [f"late_{number}" for number in range(available + 3)])
    assert [isinstance(one, Accepted) for one in answers] == [True] * available + [False] * 3, f"seed {seed}"


async def test_orders_of_several_units_share_one_stock_in_one_settlement(booked: BookedShop) -> None:
    terms = await booked.pool(5)
    # Each fits alone; together they are 3 + 3 + 2 + 1.
    for quantity in (3, 3, 2, 1):
        await booked.submitted(terms, quantity=quantity)
        await asyncio.sleep(0.002)
    worker = Worker(booked)
    await worker.authorise()
    assert await worker.settle() == 4
    await booked.finish()
    rows = await booked.fetch("SELECT quantity, state FROM orders ORDER BY created_at_ms")
    assert [(row["quantity"], row["state"]) for row in rows] == [
        (3, "captured"),
        (3, "unfulfillable"),
        (2, "captured"),
        (1, "unfulfillable"),
    ]
    await booked.check_quiet(terms)


async def test_an_order_of_several_units_is_all_or_nothing(booked: BookedShop) -> None:
    sale = await booked.sale(4, limit=4)
    three = await booked.hold(sale, "ana", 3)
    assert await booked.claim(sale, "bob", 2) == Refused(reason="sold_out", temporary=True)
    order = await booked.checkout(sale, three, "ana")
    await booked.finish()
    assert (await booked.orders.get(order.order_id)).quantity == 3
    assert (await booked.counts(sale)).sold == 3
    await booked.check_agreed(sale)
