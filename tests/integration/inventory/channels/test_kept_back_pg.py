"""What channels keep back, on a real Postgres: safety stock, and what is switched off."""

import pytest

from inventory.channels.channel import Capabilities
from inventory.channels.channels_pg import Channels
from inventory.channels.kept_back_pg import KeptBack
from inventory.channels.levels_pg import Levels
from inventory.stock_pg import StockLedger
from kit.errors import NotFoundError
from kit.postgres import Postgres
from tests.integration.inventory.channels.shelf import SKUS, VAULT, Shelf, create, desired, stock_up, view


@pytest.fixture
async def channels(postgres: Postgres, ledger: StockLedger) -> Channels:
    await stock_up(postgres, ledger)
    return Channels(postgres, {"shelf": Shelf(Capabilities(batch_size=7, calls_per_s=1000))}, VAULT)


async def test_changing_the_safety_stock_makes_due_only_what_it_changes(
    channels: Channels, kept_back: KeptBack, ledger: StockLedger, rows: Levels
) -> None:
    await ledger.adjust(SKUS[0], -10, key="lost", reason="lost")
    channel_id = await create(channels)
    await rows.told(channel_id, await rows.take_due(channel_id, 100))
    await kept_back.set_safety_stock(channel_id, 2)
    assert (await view(channels, channel_id)).behind == 19


async def test_everything_shows_zero_at_once_and_what_there_is_afterwards(
    channels: Channels, kept_back: KeptBack, rows: Levels, ledger: StockLedger
) -> None:
    ids = [await create(channels), await create(channels)]
    assert await kept_back.switch(off=True) == ids
    await ledger.adjust(SKUS[0], 5, key="more", reason="found")
    for channel_id in ids:
        assert set((await desired(rows, channel_id)).values()) == {0}
    await kept_back.switch(off=False)
    assert (await desired(rows, ids[1]))[SKUS[0]] == 15


async def test_one_sku_is_switched_off_and_kept_back_by_itself(
    channels: Channels, kept_back: KeptBack, rows: Levels, ledger: StockLedger
) -> None:
    first, second = await create(channels, safety_stock=1), await create(channels)
    await kept_back.switch(off=True, channel_ids=[first], skus=[SKUS[0]])
    await kept_back.set_safety_stock_of(first, SKUS[1], 4)
    for sku in SKUS[:3]:
        await ledger.adjust(sku, -2, key=f"sold:{sku}", reason="test")
    levels = await desired(rows, first)
    assert [levels[sku] for sku in SKUS[:3]] == [0, 4, 7]
    assert (await desired(rows, second))[SKUS[0]] == 8
    await kept_back.switch(off=True)
    with pytest.raises(NotFoundError):
        await kept_back.switch(off=False, channel_ids=[first, "chan_9"])
    assert set((await desired(rows, first)).values()) == {0}, "a switch with an unknown channel switches nothing"
    await kept_back.switch(off=False)
    assert (await desired(rows, first))[SKUS[0]] == 0
    await kept_back.set_safety_stock_of(first, SKUS[1], None)
    assert (await desired(rows, first))[SKUS[1]] == 7
    with pytest.raises(NotFoundError, match="NONE"):
        await kept_back.set_safety_stock_of(first, "NONE", 1)
