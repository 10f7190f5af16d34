"""A show's report: its tables add up to its figures, and all of it is of one moment."""

import asyncio

import pytest

from checkout.order import NewOrder, SaleTerms
from checkout.refund import Refunds
from checkout.refund_rules import ReturnedLine
from checkout.reports_pg import Reports
from inventory.hold_ids import new_hold_id
from kit.ids import new_id
from kit.money import Money
from tests.integration.checkout.checkout_shop import Shop


@pytest.fixture
async def sold(shop: Shop) -> tuple[SaleTerms, SaleTerms]:
    """A show of two offers: five orders tried to pay, one of them in vain, another was refunded in part."""
    await shop.execute("INSERT INTO shows (show_id, title, currency, peak_viewers) VALUES ('show_1', 'Mugs', 'EUR', 8)")
    mugs, cups = await shop.pool(9), await shop.pool(9, price=700)
    await shop.submitted(mugs, "pm_test_declined")
    await shop.captured(mugs)
    order = await shop.captured(mugs, quantity=3)
    await shop.captured(cups, quantity=2, method="pm_test_no_auth")
    await shop.captured(await shop.pool(1, show_id="show_2"))
    await Refunds(shop.postgres, shop.providers).refund(
        order.order_id,
        amount=None,
        reason="",
        restock=True,
        refund_id="r1",
        line=ReturnedLine(sku=order.sku, quantity=2),
    )
    (waiting,) = await shop.submitted(cups)
    await shop.execute(
        "UPDATE orders SET payment_method = 'card:pm_' || order_id WHERE order_id = $1", waiting.order_id
    )
    return mugs, cups


async def test_the_tables_add_up_to_the_figures(shop: Shop, sold: tuple[SaleTerms, SaleTerms]) -> None:
    mugs, cups = sold
    report = await Reports(shop.postgres).show_report("show_1")
    assert (report.orders, report.units, report.gmv.amount) == (3, 6, 5_400)
    assert (report.refunded.amount, report.refunded_units, report.net) == (2_000, 2, Money(3_400, "EUR"))
    assert [(one.offer_id, one.sku, one.gmv.amount) for one in report.by_offer] == [
        (mugs.pool_id, mugs.sku, 4_000),
        (cups.pool_id, cups.sku, 1_400),
    ]
    assert [(one.orders, one.units, one.refunded_units, one.net.amount) for one in report.by_offer] == [
        (2, 4, 2, 2_000),
        (1, 2, 0, 1_400),
    ]
    for figure in ("orders", "units", "refunded_units"):
        assert sum(getattr(one, figure) for one in report.by_offer) == getattr(report, figure)
    assert sum(one.net.amount for one in report.by_offer) == report.net.amount


async def test_payments_are_told_by_method_reason_and_state(shop: Shop, sold: tuple[SaleTerms, SaleTerms]) -> None:
    assert sold
    report = await Reports(shop.postgres).show_report("show_1")
    methods = {
        one.payment_method: (one.provider, one.orders, one.confirmed, one.declined, one.gmv.amount)
        for one in report.by_payment_method
    }
    assert methods == {
        "pm_test_ok": ("test", 2, 2, 0, 4_000),
        "pm_test_no_auth": ("test", 1, 1, 0, 1_400),
        "pm_test_declined": ("test", 1, 0, 1, 0),
        "card": ("test", 1, 0, 0, 0),
    }
    assert report.by_state == {"captured": 3, "declined": 1, "submitted": 1}
    assert sum(report.declines.values()) == 1


async def test_an_offers_own_title_is_told_where_there_is_one(shop: Shop, sold: tuple[SaleTerms, SaleTerms]) -> None:
    mugs, _ = sold
    await shop.execute(
        "INSERT INTO offers (offer_id, show_id, product_id, title, price_amount, price_currency, state)"
        " SELECT $1, 'show_1', product_id, 'Blue mug', 1000, 'EUR', 'open' FROM variants WHERE sku = $2",
        mugs.pool_id,
        mugs.sku,
    )
    report = await Reports(shop.postgres).show_report("show_1")
    assert [one.title for one in report.by_offer] == ["Blue mug", ""]


async def test_a_show_without_orders_has_a_report_of_zeros(shop: Shop) -> None:
    await shop.execute("INSERT INTO shows (show_id, title, currency) VALUES ('show_1', 'Mugs', 'JPY')")
    report = await Reports(shop.postgres).show_report("show_1")
    assert (report.orders, report.gmv, report.net, report.aov) == (0, Money(0, "JPY"), Money(0, "JPY"), Money(0, "JPY"))
    assert (report.by_offer, report.by_payment_method, report.by_state, report.declines) == ([], [], {}, {})


async def test_a_report_is_of_one_moment_whatever_is_sold_meanwhile(shop: Shop) -> None:
    await shop.execute("INSERT INTO shows (show_id, title, currency) VALUES ('show_1', 'Mugs', 'EUR')")
    terms = await shop.pool(5_000)
    reports, going = Reports(shop.postgres), True

    async def sell() -> None:
        while going:
            orders = await shop.orders.insert_many([_an_order(terms) for _ in range(20)])
            ids = [order.order_id for order in orders]
            await shop.execute(
                "UPDATE orders SET state = 'captured', hold_outcome = 'sold' WHERE order_id = ANY ($1::text[])", ids
            )

    selling = asyncio.create_task(sell())
    try:
        for _ in range(30):
            report = await reports.show_report("show_1")
            assert sum(one.orders for one in report.by_offer) == report.orders
            assert report.by_state.get("captured", 0) == report.orders
            assert sum(one.orders for one in report.by_payment_method) == sum(report.by_state.values())
    finally:
        going = False
        await selling


def _an_order(terms: SaleTerms) -> NewOrder:
    return NewOrder(
        order_id=new_id("order"),
        hold_id=new_hold_id(1),
        buyer_id=new_id("buyer"),
        quantity=1,
        terms=terms,
        payment_method="pm_test_ok",
        provider="test",
    )
