"""A catalogue, price or limit that changes while holds and orders are alive: a sale keeps the terms it was made with.

What goes back afterwards goes back to the SKU that was sold, at the price that was paid.
"""

import io

import asyncpg
import pytest
from redis.asyncio import Redis

from checkout.order import Order, SaleTerms
from checkout.refund import Refunds
from inventory.catalogue_pg import Catalogue
from inventory.holds import OpenOrder, Refused
from inventory.stock import StockLevel
from inventory.stock_pg import StockLedger
from kit.ids import new_id
from kit.money import Money
from live.offer import OfferTerms
from live.roles.stores import Stores
from tests.integration.checkout.shop_with_book import BookedShop, Sale
from tests.integration.live.test_stage import a_show, a_stage

FEED = "id,title,description,availability,condition,price,link,image_link,brand,inventory\n"
UNITS = 3
STOCK = 10
PRICE = Money(800, "EUR")


async def bring(booked: BookedShop, *rows: tuple[str, str, str, int]) -> None:
    """Import a catalogue: SKU, title, price, stock."""
    lines = [
        f"{sku},{title},d,in stock,new,{price} EUR,https://x,https://x/i.png,b,{units}\n"
        for sku, title, price, units in rows
    ]
    file = io.BytesIO((FEED + "".join(lines)).encode())
    await Catalogue(booked.postgres).import_file(file, default_currency="EUR")


async def a_sale(booked: BookedShop, redis: Redis) -> Sale:
    """Offer three mugs, two for each buyer, at less than the catalogue's price."""
    sku = new_id("MUG")
    await bring(booked, (sku, "Mug", "10.00", STOCK))
    stage = a_stage(booked.postgres, redis)
    offer_terms = OfferTerms(
        sku=sku,
        price=PRICE,
        quantity=UNITS,
        per_buyer_limit=2,
        preheat_ms=0,
        duration_ms=60_000,
        hold_ttl_ms=60_000,
        waitlist_hold_ttl_ms=60_000,
        grace_ms=0,
    )
    show_id = await a_show(stage)
    offer = await stage.open_offer(show_id, offer_terms, offer_id=new_id("offer"))
    pool = await booked.pools.get(offer.offer_id)
    assert pool is not None
    return Sale(terms=SaleTerms(pool_id=pool.pool_id, show_id=show_id, sku=sku, unit_price=PRICE), pool=pool)


async def change_everything(booked: BookedShop, sale: Sale) -> None:
    """Bring a catalogue in which the mug is another one, dearer and under another SKU, and let buyers have less."""
    await bring(booked, (sale.terms.sku, "Vase", "99.00", STOCK), (f"{sale.terms.sku}-2", "Mug", "99.00", 5))
    await booked.execute("UPDATE pools SET per_buyer_limit = 1 WHERE pool_id = $1", sale.pool.pool_id)


async def pay(stores: Stores, hold_id: str, buyer_id: str, method: str = "pm_test_ok") -> Order:
    return (await stores.purchases.checkout(hold_id, buyer_id, method, None)).order


@pytest.mark.parametrize("reads", ["before", "after"])
async def test_a_hold_is_paid_at_the_terms_that_it_was_taken_at_whatever_the_catalogue_says_now(
    booked: BookedShop, stores: Stores, redis: Redis, reads: str
) -> None:
    sale = await a_sale(booked, redis)
    hold_id = await booked.hold(sale, "ana", 2)
    first = await pay(stores, await booked.hold(sale, "bob"), "bob") if reads == "before" else None
    await change_everything(booked, sale)

    orders = [await pay(stores, hold_id, "ana")] + ([] if first is None else [first])
    await booked.finish()

    for order, units in zip(orders, (2, 1), strict=False):
        after = await booked.orders.get(order.order_id)
        assert (after.state, after.sku, after.quantity) == ("captured", sale.terms.sku, units)
        assert after.amount == PRICE * units
        assert after.captured == PRICE.amount * units
    assert await booked.value("SELECT sold FROM pools") == sum(order.quantity for order in orders)
    await booked.check_agreed(sale)


async def test_what_was_sold_goes_back_to_the_sku_and_at_the_price_of_the_sale(
    booked: BookedShop, stores: Stores, redis: Redis
) -> None:
    sale = await a_sale(booked, redis)
    order = await pay(stores, await booked.hold(sale, "ana", 2), "ana")
    await booked.finish()
    await change_everything(booked, sale)
    ledger = StockLedger(booked.postgres)
    # The file said ten again, and two of them are sold since.
    before = await ledger.level(sale.terms.sku)

    refunds = Refunds(booked.postgres, booked.providers)
    after = await refunds.refund(order.order_id, amount=None, reason="broken", restock=True, refund_id="refund_1")

    assert (after.state, after.refunded) == ("refunded", PRICE.amount * 2)
    assert await booked.value("SELECT sum(captured - refunded) FROM test_payments") == 0
    level = await ledger.level(sale.terms.sku)
    assert (level.on_hand, level.ring_fenced) == (before.on_hand + 2, before.ring_fenced)
    other = f"{sale.terms.sku}-2"
    assert await ledger.level(other) == StockLevel(sku=other, on_hand=5, ring_fenced=0)
    await booked.finish()
    await booked.check_quiet(sale.terms)


async def test_money_that_finds_no_unit_after_a_change_goes_back_whole(
    booked: BookedShop, stores: Stores, redis: Redis
) -> None:
    sale = await a_sale(booked, redis)
    taken = await pay(stores, await booked.hold(sale, "ana", 2), "ana", "pm_test_no_auth")
    await booked.lose_book(sale)  # it does not know of ana's order
    others = [
        await pay(stores, await booked.hold(sale, "bob", 2), "bob"),
        await pay(stores, await booked.hold(sale, "cid"), "cid"),
    ]
    await change_everything(booked, sale)
    await booked.finish()
    states = sorted([(await booked.orders.get(order.order_id)).state for order in (taken, *others)])
    assert states == ["captured", "captured", "unfulfillable"]
    assert await booked.value("SELECT sold FROM pools") == UNITS
    assert await booked.value("SELECT sum(captured - refunded) FROM test_payments") == PRICE.amount * UNITS
    assert {row["sku"] for row in await booked.fetch("SELECT sku FROM movements WHERE kind = 'sale'")} == {
        sale.terms.sku
    }
    await booked.check_agreed(sale)


async def test_a_lower_limit_takes_nothing_from_whoever_has_more_and_binds_the_next_claim(
    booked: BookedShop, stores: Stores, redis: Redis
) -> None:
    sale = await a_sale(booked, redis)
    order = await pay(stores, await booked.hold(sale, "ana", 2), "ana")
    await change_everything(booked, sale)
    # The book is made anew, with the new limit, while ana pays for more than that.
    known = OpenOrder(hold_id=order.hold_id, buyer_id="ana", quantity=2, status="submitted")
    assert await booked.orders.open_orders(sale.pool.pool_id) == [known]
    await booked.lose_book(sale, [known])
    refused = Refused(reason="buyer_limit", temporary=False)
    assert await booked.claim(sale, "ana") == refused
    assert await booked.claim(sale, "bob", 2) == refused

    await booked.finish()
    assert await booked.state(order) == "captured"
    assert (await booked.counts(sale)).sold == 2
    await booked.check_agreed(sale)


async def test_a_sku_that_something_was_sold_as_cannot_be_renamed_in_place(
    booked: BookedShop, stores: Stores, redis: Redis
) -> None:
    sale = await a_sale(booked, redis)
    await pay(stores, await booked.hold(sale, "ana"), "ana")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await booked.execute("UPDATE variants SET sku = 'renamed' WHERE sku = $1", sale.terms.sku)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await booked.execute("UPDATE stock SET sku = 'renamed' WHERE sku = $1", sale.terms.sku)
    await booked.finish()
    await booked.check_agreed(sale)
