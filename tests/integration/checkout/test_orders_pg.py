"""Reading orders, the outbox, and a show's report."""

import asyncio

import msgspec
import pytest

from checkout.limits import LATEST_ORDERS
from checkout.news import OutboxEvent
from checkout.order import NewOrder, SaleTerms, view
from checkout.outbox_pg import OutboxRelay
from checkout.refund import Refunds
from checkout.reports_pg import Reports
from inventory.hold_ids import new_hold_id
from kit.errors import NotFoundError
from kit.ids import new_id
from kit.money import Money
from tests.integration.checkout.checkout_shop import Shop, Worker


async def test_pages_run_newest_first_without_gap_or_repeat(shop: Shop) -> None:
    terms, other = await shop.pool(5), await shop.pool(5, show_id="show_2")
    orders = await shop.submitted(terms, count=7)
    await shop.submitted(other, count=2)
    seen: list[str] = []
    after = None
    while True:
        page, after = await shop.orders.page(show_id="show_1", limit=3, after=after)
        seen += [order.order_id for order in page]
        if after is None:
            break
    assert seen == sorted((order.order_id for order in orders), reverse=True)
    assert len((await shop.orders.page())[0]) == 9
    page, _ = await shop.orders.page(state="captured")
    assert page == []


async def test_buyers_get_their_own_latest_orders_of_the_show_each_newest_first(shop: Shop) -> None:
    terms, other = await shop.pool(100), await shop.pool(100, show_id="show_2")
    await shop.orders.insert_many([an_order(terms, "ana") for _ in range(LATEST_ORDERS + 2)])
    await shop.orders.insert_many([an_order(terms, "bob") for _ in range(2)])
    await shop.orders.insert_many([an_order(other, buyer_id) for buyer_id in ("ana", "bob", "eve")])
    found = await shop.orders.of_buyers("show_1", ["bob", "eve", "ana", "nobody"])
    assert found.keys() == {"ana", "bob"}
    for buyer_id, orders in found.items():
        alone, _ = await shop.orders.page(show_id="show_1", buyer_id=buyer_id, limit=LATEST_ORDERS)
        ours = [msgspec.structs.replace(order, read_at_ms=0) for order in orders]
        assert ours == [msgspec.structs.replace(order, read_at_ms=0) for order in alone]
    assert [len(found["ana"]), len(found["bob"])] == [LATEST_ORDERS, 2]
    assert await shop.orders.of_buyers("show_1", []) == {}


def an_order(terms: SaleTerms, buyer_id: str) -> NewOrder:
    return NewOrder(
        order_id=new_id("order"),
        hold_id=new_hold_id(1),
        buyer_id=buyer_id,
        quantity=1,
        terms=terms,
        payment_method="pm_test_ok",
        provider="test",
    )


async def test_an_order_reads_as_it_was_written_and_shows_what_the_outside_may_see(shop: Shop) -> None:
    terms = await shop.pool(5)
    (order,) = await shop.submitted(terms, quantity=3)
    seen = msgspec.to_builtins(view(await shop.orders.get(order.order_id)))
    assert seen["amount"] == {"amount": 3_000, "currency": "EUR"}
    assert (seen["offer_id"], seen["state"], seen["refunded"]["amount"]) == (terms.pool_id, "submitted", 0)
    assert "payment_id" not in seen
    with pytest.raises(NotFoundError):
        await shop.orders.get("order_x")


async def test_open_orders_are_those_that_hold_units_of_the_pool(shop: Shop) -> None:
    terms = await shop.pool(3)
    sold = [await shop.captured(terms), await shop.captured(terms)]
    await Refunds(shop.postgres, shop.providers).refund(
        sold[0].order_id, amount=None, reason="", restock=True, refund_id="r1"
    )
    await shop.submitted(terms, "pm_test_declined")
    await Worker(shop).run()
    (waiting,) = await shop.submitted(terms, quantity=2)
    found = {
        one.hold_id: (one.buyer_id, one.quantity, one.status) for one in await shop.orders.open_orders(terms.pool_id)
    }
    assert found == {
        sold[0].hold_id: (sold[0].buyer_id, 1, "sold"),
        sold[1].hold_id: (sold[1].buyer_id, 1, "sold"),
        waiting.hold_id: (waiting.buyer_id, 2, "submitted"),
    }


async def test_news_that_could_not_be_delivered_comes_again(shop: Shop) -> None:
    terms = await shop.pool(3)
    await shop.submitted(terms, "pm_test_declined", count=3)
    await Worker(shop).authorise()
    relay = OutboxRelay(shop.postgres)
    told: list[OutboxEvent] = []

    async def fail(_events: list[OutboxEvent]) -> None:
        raise ConnectionError

    async def deliver(events: list[OutboxEvent]) -> None:
        told.extend(events)

    with pytest.raises(ConnectionError):
        await relay.relay(fail)
    assert await relay.relay(deliver) == 0
    await shop.hurry()
    counts = await asyncio.gather(relay.relay(deliver), relay.relay(deliver))
    assert sorted(counts) == [0, 3]
    assert {event.kind for event in told} == {"order.declined"}
    await shop.hurry()
    assert await relay.relay(deliver) == 0


async def test_news_that_commits_late_is_not_skipped(shop: Shop) -> None:
    insert = (
        "INSERT INTO outbox (event_key, show_id, buyer_id, kind, order_id, hold_id, amount, currency)"
        " VALUES ($1, '', '', 'order.declined', '', '', 1, 'EUR')"
    )
    relay = OutboxRelay(shop.postgres)
    told: list[str] = []

    async def deliver(events: list[OutboxEvent]) -> None:
        told.extend(event.event_key for event in events)

    async with shop.postgres.transaction() as early:
        await early.execute(insert, "low id, commits late")
        await shop.execute(insert, "high id, commits first")
        await relay.relay(deliver)
    await relay.relay(deliver)
    assert told == ["high id, commits first", "low id, commits late"]


async def test_the_report_adds_up(shop: Shop) -> None:
    await shop.execute("INSERT INTO shows (show_id, title, currency, peak_viewers) VALUES ('show_1', 'Mugs', 'EUR', 8)")
    await shop.execute(
        "INSERT INTO claim_counts VALUES ('show_1', 'accepted', 5), ('show_1', 'sold_out', 9), ('show_1', 'ended', 1)"
    )
    terms = await shop.pool(3)
    first = await shop.captured(terms)
    await shop.captured(terms, quantity=2)
    await shop.submitted(terms)
    await Worker(shop).run()
    await Refunds(shop.postgres, shop.providers).refund(
        first.order_id, amount=Money(400, "EUR"), reason="", restock=False, refund_id="r1"
    )
    report = await Reports(shop.postgres).show_report("show_1")
    assert (report.orders, report.units, report.buyers, report.peak_viewers) == (2, 3, 2, 8)
    assert (report.gmv.amount, report.aov.amount, report.refunded.amount) == (3_000, 1_500, 400)
    assert report.conversion == 0.25
    assert (report.claims.accepted, report.claims.refused) == (5, {"sold_out": 9, "ended": 1})
    with pytest.raises(NotFoundError):
        await Reports(shop.postgres).show_report("show_x")
