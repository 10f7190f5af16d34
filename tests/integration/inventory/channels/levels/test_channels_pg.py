"""Channels on a real Postgres: made, paused, removed, and what is seen of them."""

import asyncio

import pytest

from inventory.channels.channels_pg import Channels
from inventory.channels.kept_back_pg import KeptBack
from inventory.channels.levels_pg import Levels
from inventory.stock_pg import StockLedger
from kit.errors import InvalidError, NotFoundError
from tests.integration.inventory.channels.shelf import SKUS, create, desired, tell_all, view


async def test_a_new_channel_has_a_level_for_every_sku(channels: Channels, rows: Levels) -> None:
    channel_id = await create(channels, safety_stock=3)
    assert await desired(rows, channel_id) == dict.fromkeys(SKUS, 7)
    seen = await view(channels, channel_id)
    assert (seen.state, seen.behind, seen.last_error) == ("active", 20, None)


async def test_channels_set_up_in_the_middle_of_sales_miss_none(
    channels: Channels, kept_back: KeptBack, ledger: StockLedger, rows: Levels
) -> None:
    async def sell(worker: int) -> None:
        for number in range(30):
            await ledger.adjust(SKUS[number % 20], -1 if number % 2 else 1, key=f"{worker}:{number}", reason="test")

    async def set_up() -> list[str]:
        ids = []
        for number in range(6):
            ids.append(await create(channels, safety_stock=number))
            await kept_back.set_safety_stock(ids[0], number)
        await channels.remove(ids.pop())
        return ids

    *_, ids = await asyncio.gather(sell(1), sell(2), sell(3), set_up())

    stock = {sku: (await ledger.level(sku)).available for sku in SKUS}
    for channel_id in ids:
        safety = (await view(channels, channel_id)).safety_stock
        assert await desired(rows, channel_id) == {sku: max(0, units - safety) for sku, units in stock.items()}


async def test_a_paused_channel_is_told_nothing_and_catches_up_when_resumed(
    channels: Channels, ledger: StockLedger, rows: Levels
) -> None:
    channel_id = await create(channels)
    await tell_all(rows, channel_id)
    await channels.pause(channel_id, reason="closed for today")
    await ledger.adjust(SKUS[0], -2, key="sold", reason="test")
    assert await rows.take_due(channel_id, 100) == []
    assert (await view(channels, channel_id)).last_error == "closed for today"
    assert await channels.active() == {}

    await channels.resume(channel_id)
    assert [one.level.quantity for one in await rows.take_due(channel_id, 100)] == [8]


async def test_unknown_channels_and_wrong_fields_are_named(
    channels: Channels, kept_back: KeptBack, rows: Levels
) -> None:
    for call in (
        rows.page("chan_x"),
        channels.pause("chan_x"),
        channels.resume("chan_x"),
        channels.remove("chan_x"),
        kept_back.set_safety_stock("chan_x", 1),
    ):
        with pytest.raises(NotFoundError, match="chan_x"):
            await call
    for kind, name, safety, field in (
        ("fax", "A", 0, "kind"),
        ("shelf", " ", 0, "name"),
        ("shelf", "A", -1, "safety_stock"),
    ):
        with pytest.raises(InvalidError) as caught:
            await channels.create(kind, name=name, settings={}, safety_stock=safety)
        assert caught.value.details["field"] == field


async def test_a_secret_stands_in_no_view_and_no_representation(channels: Channels) -> None:
    await create(channels)
    assert "a token" not in repr(await channels.list())
    assert "a token" not in repr(await channels.active())


async def test_a_removed_channel_leaves_nothing_and_sales_go_on(channels: Channels, ledger: StockLedger) -> None:
    channel_id = await create(channels)
    await channels.remove(channel_id)
    await ledger.adjust(SKUS[0], -1, key="sold", reason="test")
    assert await channels.list() == []
