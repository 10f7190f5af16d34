"""Orders that cannot be read or understood, and channels that do not answer: nobody else waits for them."""

import asyncio

import pytest

from tests.integration.inventory.channels.orders.market import MUG, Market


@pytest.mark.usefixtures("running")
async def test_an_order_that_cannot_be_read_keeps_no_other_waiting(market: Market) -> None:
    market.shop.unreadable = {"O2"}
    for number in range(5):
        market.shop.place(f"O{number}", (MUG, 1))
    await market.push("1:" + ",".join(market.shop.orders_held))
    for order_id in ("O0", "O1", "O3", "O4"):
        await market.comes_to(order_id, "taken")
    # Nor is the channel left alone because of it.
    market.shop.place("O9", (MUG, 1))
    await asyncio.sleep(1)
    await market.push("2:O9")
    async with asyncio.timeout(2):
        await market.comes_to("O9", "taken")
    assert (await market.comes_to("O2", "new")).last_error == "an answer that cannot be read"
    market.shop.unreadable.clear()
    await market.push("3:O2")
    await market.comes_to("O2", "taken")
    assert await market.on_hand(MUG) == 4


@pytest.mark.usefixtures("running")
async def test_an_order_with_units_that_the_channel_forgets_keeps_them_and_says_so(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.channels.orders_loop.UNKNOWN_ORDER_TRIES", 1)
    market.shop.place("O1", (MUG, 3))
    await market.push("1:O1")
    await market.comes_to("O1", "taken")
    del market.shop.orders_held["O1"]
    await market.push("2:O1")
    async with asyncio.timeout(5):
        while (order := await market.comes_to("O1", "taken")).last_error is None:
            await asyncio.sleep(0.01)
    assert order.last_error == "the channel does not know this order"
    # Read with a moment from before the channel was connected, it still is the order whose units were taken.
    market.shop.place("O1", placed_ms=1_000)
    await market.push("3:O1")
    await market.comes_to("O1", "cancelled")
    assert await market.on_hand(MUG) == 10


@pytest.mark.usefixtures("running")
async def test_an_order_that_makes_no_sense_keeps_no_other_of_its_call_waiting(market: Market) -> None:
    market.shop.place("O1", (MUG, 10**30))
    market.shop.place("O2", (MUG, 1))
    await market.push("1:O1,O2")
    await market.comes_to("O2", "taken")
    assert "none that an order can hold" in str((await market.comes_to("O1", "new")).last_error)
    assert await market.on_hand(MUG) == 9


@pytest.mark.usefixtures("running")
async def test_a_channel_that_is_down_costs_a_while_and_an_order_that_it_does_not_know_a_few_tries(
    market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.channels.orders_loop.UNKNOWN_ORDER_TRIES", 2)
    market.shop.down = 1
    market.shop.place("O1", (MUG, 1))
    await market.push("1:O1,O2")
    await market.comes_to("O1", "taken")
    await market.comes_to("O2", "unknown")
    market.shop.place("O2", (MUG, 1))
    await market.push("2:O2")
    await market.comes_to("O2", "taken")
    assert await market.on_hand(MUG) == 8
