"""The levels of channels on a real Postgres: what they are, who may take them, and what is written back."""

import asyncio

from inventory.channels.channels_pg import Channels
from inventory.channels.kept_back_pg import KeptBack
from inventory.channels.levels_pg import Failure, Levels
from inventory.stock import allocate
from inventory.stock_pg import StockLedger, record_movements
from kit.postgres import Postgres
from tests.integration.inventory.channels.shelf import SKUS, create, desired, tell_all, view


async def test_levels_are_available_units_less_safety_stock_and_never_negative(
    postgres: Postgres, channels: Channels, kept_back: KeptBack, ledger: StockLedger, rows: Levels
) -> None:
    channel_id = await create(channels, safety_stock=4)
    async with postgres.transaction() as connection:
        await record_movements(connection, [allocate(SKUS[0], 5, pool_id="offer_1")])
    await ledger.adjust(SKUS[1], -9, key="lost", reason="lost")

    levels = await desired(rows, channel_id)
    assert (levels[SKUS[0]], levels[SKUS[1]], levels[SKUS[2]]) == (1, 0, 6)

    await kept_back.set_safety_stock(channel_id, 0)
    levels = await desired(rows, channel_id)
    assert (levels[SKUS[0]], levels[SKUS[1]], levels[SKUS[2]]) == (5, 1, 10)


async def test_taken_levels_are_nobody_elses_until_the_lease_ends(channels: Channels, rows: Levels) -> None:
    channel_id = await create(channels)
    batches = await asyncio.gather(*(rows.take_due(channel_id, 5) for _ in range(5)))
    assert sorted(one.level.sku for batch in batches for one in batch) == SKUS
    assert await rows.take_due(channel_id, 100) == []
    await asyncio.sleep(0.35)
    assert len(await rows.take_due(channel_id, 100)) == 20


async def test_a_level_that_changes_while_it_is_told_stays_due_for_its_newer_version(
    channels: Channels, ledger: StockLedger, rows: Levels
) -> None:
    channel_id = await create(channels)
    due = await rows.take_due(channel_id, 100)
    await ledger.adjust(SKUS[0], -1, key="sold", reason="test")
    await rows.told(channel_id, due)

    [again] = await rows.take_due(channel_id, 100)
    assert (again.level.sku, again.level.quantity, again.told) == (SKUS[0], 9, 10)
    await rows.told(channel_id, [again])
    assert (await view(channels, channel_id)).lag_ms == 0


async def test_an_older_answer_that_comes_late_does_not_undo_a_newer_one(
    channels: Channels, ledger: StockLedger, rows: Levels
) -> None:
    channel_id = await create(channels)
    old = await rows.take_due(channel_id, 100)
    await ledger.adjust(SKUS[0], -1, key="sold", reason="test")
    await asyncio.sleep(0.35)
    await tell_all(rows, channel_id)
    await rows.told(channel_id, old)
    item = (await rows.page(channel_id, limit=1)).items[0]
    assert (item.desired, item.told) == (9, 9)


async def test_telling_waits_for_no_sale_while_it_holds_rows(
    postgres: Postgres, channels: Channels, rows: Levels
) -> None:
    channel_id = await create(channels)
    due = await rows.take_due(channel_id, 100)
    async with postgres.transaction() as sale:
        # A sale that has levelled a SKU in the middle and then levels both ends: whatever order telling takes rows in,
        # it would hold one that the sale needs, and wait for one that the sale has.
        await record_movements(sale, [allocate(SKUS[10], 1, pool_id="offer_0")])
        telling = asyncio.create_task(rows.told(channel_id, due))
        await asyncio.sleep(0.2)
        ends = [allocate(sku, 1, pool_id=f"offer_{sku}") for sku in (SKUS[0], SKUS[1], SKUS[-2], SKUS[-1])]
        await record_movements(sale, ends)
    await telling
    assert (await view(channels, channel_id)).behind == 5


async def test_a_failure_is_visible_and_due_again_after_its_delay(channels: Channels, rows: Levels) -> None:
    channel_id = await create(channels)
    [due] = await rows.take_due(channel_id, 1)
    await rows.failed(channel_id, [Failure(level=due.level, reason="no such item", delay_ms=200)])

    item = next(one for one in (await rows.page(channel_id)).items if one.sku == due.level.sku)
    assert (item.told, item.last_error) == (None, "no such item")
    assert (await view(channels, channel_id)).last_error == "no such item"
    assert due.level.sku not in {one.level.sku for one in await rows.take_due(channel_id, 100)}
    await asyncio.sleep(0.25)
    [again] = await rows.take_due(channel_id, 1)
    assert (again.level.sku, again.attempts) == (due.level.sku, 1)


async def test_lag_is_the_age_of_the_oldest_change_that_was_not_told(channels: Channels, rows: Levels) -> None:
    channel_id = await create(channels)
    await asyncio.sleep(0.05)
    assert 50 <= (await view(channels, channel_id)).lag_ms < 5_000
    await tell_all(rows, channel_id)
    assert (await view(channels, channel_id)).lag_ms == 0


async def test_levels_come_in_pages_that_hold_every_sku_once(channels: Channels, rows: Levels) -> None:
    channel_id = await create(channels)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await rows.page(channel_id, limit=6, after=after)
        seen += [item.sku for item in page.items]
        after = page.next
        if after is None:
            break
    assert seen == SKUS
