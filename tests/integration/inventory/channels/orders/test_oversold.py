"""Orders for more than there is: what they take, and who cancels them."""

import asyncio

import pytest

from inventory.channels.channel import Refused
from kit.errors import ConflictError, NotFoundError
from kit.postgres import Postgres
from tests.integration.inventory.channels.orders.market import HAT, MUG, Market
from tests.integration.inventory.channels.shelf import start_sync
from tests.integration.inventory.channels.shop import Shop


@pytest.mark.usefixtures("running")
async def test_an_order_for_more_than_there_is_takes_all_there_is_and_the_rest_when_it_comes(market: Market) -> None:
    market.shop.place("O1", (MUG, 12))
    await market.push("1:O1")
    order = await market.comes_to("O1", "oversold_elsewhere")
    assert order.last_error == f"not in stock: 2 of {MUG}"
    assert [(one.wanted, one.taken) for one in order.lines] == [(12, 10)]
    assert next(one.oversold for one in await market.channels.list()) == 1
    assert not market.shop.cancelled, "nobody asked for that"
    await market.ledger.adjust(MUG, 5, key="more", reason="delivery")
    await market.comes_to("O1", "taken")
    assert await market.on_hand(MUG) == 3


@pytest.mark.usefixtures("running")
async def test_units_that_an_offer_has_set_aside_are_not_taken(market: Market) -> None:
    async with market.postgres.connection() as connection:
        await connection.execute("UPDATE stock SET ring_fenced = 8 WHERE sku = $1", MUG)
    market.shop.place("O1", (MUG, 3))
    await market.push("1:O1")
    order = await market.comes_to("O1", "oversold_elsewhere")
    assert order.lines[0].taken == 2
    level = await market.ledger.level(MUG)
    assert (level.on_hand, level.ring_fenced) == (8, 8)


@pytest.mark.usefixtures("running")
async def test_an_oversold_order_is_cancelled_over_there_when_somebody_asks_for_it(market: Market) -> None:
    market.shop.place("O1", (MUG, 12))
    await market.push("1:O1")
    await market.comes_to("O1", "oversold_elsewhere")
    market.shop.cancels = [Refused(reason="too late, it is packed", temporary=False)]
    await market.orders.want_cancel(market.channel_id, "O1")
    order = None
    for _ in range(300):
        order = await market.comes_to("O1", "oversold_elsewhere")
        if order.last_error == "the channel does not cancel it: too late, it is packed":
            break
        await asyncio.sleep(0.01)
    assert order is not None
    assert not order.cancel_wanted
    await market.orders.want_cancel(market.channel_id, "O1")
    await market.comes_to("O1", "cancelled")
    assert await market.on_hand(MUG) == 10
    with pytest.raises(ConflictError):
        await market.orders.want_cancel(market.channel_id, "O1")
    with pytest.raises(NotFoundError):
        await market.orders.want_cancel(market.channel_id, "O2")


async def test_a_channel_that_cancels_by_itself_does_so_once(postgres: Postgres) -> None:
    market = Market(postgres, Shop())
    await market.connect(cancels_oversold=True)
    market.shop.cancels = [Refused(reason="no", temporary=False)]
    market.shop.place("O1", (MUG, 11), stamp="1")
    market.shop.place("O2", (HAT, 11), stamp="1")
    tasks = start_sync(postgres, market.channels, market.shop)
    try:
        for _ in range(300):
            states = {one.state for one in (await market.listed.page(market.channel_id)).items}
            if "cancelled" in states and len(market.shop.cancelled) == 2:
                break
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        page = await market.listed.page(market.channel_id)
    finally:
        await tasks.stop()
    assert sorted(one.state for one in page.items) == ["cancelled", "oversold_elsewhere"]
    assert sorted(market.shop.cancelled) == ["O1", "O2"], "what it refused is not asked for again"
