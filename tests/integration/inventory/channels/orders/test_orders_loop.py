"""Orders in: whatever order of events a channel chooses, the stock ends with what its orders hold."""

import asyncio

import pytest

from inventory.channels.links import Link
from kit.postgres import Postgres
from tests.integration.inventory.channels.orders.market import HAT, MUG, Market
from tests.integration.inventory.channels.shelf import in_step, start_sync
from tests.integration.inventory.channels.shop import SELLING, Shop


@pytest.mark.usefixtures("running")
async def test_a_pushed_order_takes_units_once_however_often_it_is_pushed(market: Market) -> None:
    market.shop.place("O1", (MUG, 2), (MUG, 1), (HAT, 1))
    assert await market.push("event-1:O1") == b"success"
    await market.comes_to("O1", "taken")
    for event in ("event-1:O1", "event-2:O1", "event-2:O1"):
        await market.push(event)
    await asyncio.sleep(0.1)
    await market.comes_to("O1", "taken")
    assert (await market.on_hand(MUG), await market.on_hand(HAT)) == (7, 9)
    await in_step(market.channels, market.channel_id)
    assert (market.shop.shown[MUG], market.shop.shown[HAT]) == (7, 9), "what was sold there is told there"


@pytest.mark.usefixtures("running")
async def test_a_cancellation_that_overtakes_its_order_leaves_the_stock_as_it_was(market: Market) -> None:
    market.shop.place("O1")
    await market.push("cancelled:O1")
    await market.comes_to("O1", "cancelled")
    await market.push("placed:O1")
    await asyncio.sleep(0.1)
    assert (await market.comes_to("O1", "cancelled")).status == "CANCELLED"
    assert await market.on_hand(MUG) == 10


@pytest.mark.usefixtures("running")
async def test_units_of_a_cancelled_line_and_of_a_cancelled_order_come_back(market: Market) -> None:
    market.shop.place("O1", (MUG, 3), (HAT, 1))
    await market.push("1:O1")
    await market.comes_to("O1", "taken")
    market.shop.place("O1", (MUG, 1))
    await market.push("2:O1")
    for _ in range(200):
        if await market.on_hand(MUG) == 9:
            break
        await asyncio.sleep(0.01)
    assert (await market.on_hand(MUG), await market.on_hand(HAT)) == (9, 10)
    market.shop.place("O1")
    await market.push("3:O1")
    await market.comes_to("O1", "cancelled")
    assert await market.on_hand(MUG) == 10


@pytest.mark.usefixtures("running")
async def test_lost_webhooks_are_found_in_the_list_and_what_has_not_changed_is_not_read_again(market: Market) -> None:
    for number in range(5):
        market.shop.place(f"O{number}", (MUG, 1), stamp="1")
    for number in range(5):
        await market.comes_to(f"O{number}", "taken")
    assert await market.on_hand(MUG) == 5
    asked = sum(map(len, market.shop.asked))
    looks = len(market.shop.looks)
    while len(market.shop.looks) < looks + 3:
        await asyncio.sleep(0.01)
    assert sum(map(len, market.shop.asked)) == asked == 5
    market.shop.place("O3", stamp="2")
    await market.comes_to("O3", "cancelled")
    assert await market.on_hand(MUG) == 6
    assert all(len(batch) <= SELLING.batch_size for batch in market.shop.asked)


@pytest.mark.usefixtures("running")
async def test_the_next_look_begins_where_the_last_one_ended_and_a_failed_one_begins_again(market: Market) -> None:
    while len(market.shop.looks) < 2:
        await asyncio.sleep(0.01)
    first, second = market.shop.looks[:2]
    assert second > first
    known, _ = await market.orders.known_ms(market.channel_id)
    market.shop.down = 2
    looks = len(market.shop.looks)
    while len(market.shop.looks) < looks + 1:
        await asyncio.sleep(0.01)
    assert market.shop.looks[-1] <= known + 1_000


@pytest.mark.usefixtures("running")
async def test_an_order_from_before_the_channel_was_connected_takes_nothing(market: Market) -> None:
    market.shop.place("O1", (MUG, 3), placed_ms=1_000)
    await market.push("1:O1")
    await market.comes_to("O1", "earlier")
    assert await market.on_hand(MUG) == 10


async def test_orders_of_items_that_nobody_linked_wait_for_the_link(
    postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.channels.orders_loop.MISSING_EVERY_S", 0.05)
    market = Market(postgres, Shop(item_form="group/number"))
    await market.connect()
    market.shop.place("O1", ("7/1", 4), stamp="1")
    tasks = start_sync(postgres, market.channels, market.shop)
    try:
        order = await market.comes_to("O1", "unlinked")
        assert order.last_error == "not linked to a SKU: 7/1"
        # First to one of which there is nothing, then to the right one.
        await market.ledger.adjust(HAT, -10, key="none", reason="test")
        await market.links.link(market.channel_id, [Link(line=1, sku=HAT, item_id="7/1")])
        await market.comes_to("O1", "oversold_elsewhere")
        await market.links.link(
            market.channel_id, [Link(line=1, sku=MUG, item_id="7/1"), Link(line=2, sku=HAT, item_id="7/2")]
        )
        await market.comes_to("O1", "taken")
    finally:
        await tasks.stop()
    assert await market.on_hand(MUG) == 6


async def test_what_was_read_before_never_undoes_what_was_read_later(market: Market) -> None:
    await market.push("1:O1")
    (slow,) = await market.orders.take_due(market.channel_id, 1)
    market.shop.place("O1", (MUG, 4))
    old = market.shop.orders_held["O1"]
    await market.push("2:O1")
    (quick,) = await market.orders.take_due(market.channel_id, 1)
    market.shop.place("O1")
    assert await market.orders.apply(market.channel_id, quick, market.shop.orders_held["O1"]) == "cancelled"
    assert await market.orders.apply(market.channel_id, slow, old) == "cancelled"
    assert await market.on_hand(MUG) == 10
