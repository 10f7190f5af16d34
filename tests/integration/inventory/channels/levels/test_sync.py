"""The work on levels: in the channel's batches, at its rate, and by one process at a time."""

import asyncio

from inventory.channels.channel import Capabilities, Refused
from inventory.channels.channels_pg import Channels
from inventory.channels.levels_pg import Levels
from inventory.stock_pg import StockLedger
from kit.postgres import Postgres
from tests.integration.inventory.channels.shelf import SKUS, VAULT, Shelf, create, in_step, start_sync


async def test_batches_keep_to_the_channels_size_and_refusals_do_not_hold_up_the_rest(
    postgres: Postgres, channels: Channels, shelf: Shelf, rows: Levels
) -> None:
    shelf.refusals[SKUS[3]] = Refused(reason="try later", temporary=True)
    shelf.refusals[SKUS[4]] = Refused(reason="no such item", temporary=False)
    sync = start_sync(postgres, channels, shelf)
    try:
        channel_id = await create(channels)
        await in_step(channels, channel_id, behind=2)
        async with asyncio.timeout(10):
            # One that is told again and again has no error while it is being told.
            while await errors_of(rows, channel_id) != {SKUS[3]: "try later", SKUS[4]: "no such item"}:
                await asyncio.sleep(0.01)
        shelf.refusals.clear()
        await in_step(channels, channel_id, behind=1)
    finally:
        await sync.stop()
    assert max(len(call) for call in shelf.calls) == 7
    assert SKUS[3] in shelf.shown
    assert SKUS[4] not in shelf.shown


async def errors_of(rows: Levels, channel_id: str) -> dict[str, str]:
    return {one.sku: one.last_error for one in (await rows.page(channel_id)).items if one.last_error}


async def test_a_channel_that_shows_availability_only_is_called_when_that_changes(
    postgres: Postgres, channels: Channels, ledger: StockLedger, shelf: Shelf
) -> None:
    shelf.capabilities = Capabilities(batch_size=50, calls_per_s=1000, tells="availability")
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        before = len(shelf.calls)
        for number in range(9):
            await ledger.adjust(SKUS[0], -1, key=f"sold:{number}", reason="test")
        await in_step(channels, channel_id)
        assert len(shelf.calls) == before
        await ledger.adjust(SKUS[0], -1, key="last", reason="test")
        await in_step(channels, channel_id)
        assert [[one.quantity for one in call] for call in shelf.calls[before:]] == [[0]]
    finally:
        await sync.stop()


async def test_calls_keep_to_the_channels_rate(postgres: Postgres, channels: Channels, shelf: Shelf) -> None:
    shelf.capabilities = Capabilities(batch_size=4, calls_per_s=10)
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    started = asyncio.get_running_loop().time()
    try:
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert len(shelf.calls) == 5
    assert asyncio.get_running_loop().time() - started >= 0.4


async def test_one_process_leads_and_the_next_takes_over_when_it_ends(
    postgres: Postgres, database_url: str, channels: Channels, ledger: StockLedger, shelf: Shelf
) -> None:
    channel_id = await create(channels)
    other_postgres = await Postgres.connect(database_url, max_size=4)
    other_shelf = Shelf(shelf.capabilities)
    first = start_sync(postgres, channels, shelf)
    await in_step(channels, channel_id)
    second = start_sync(other_postgres, Channels(other_postgres, {"shelf": other_shelf}, VAULT), other_shelf)
    try:
        await asyncio.sleep(0.2)
        await ledger.adjust(SKUS[0], -1, key="one", reason="test")
        await in_step(channels, channel_id)
        assert other_shelf.calls == []
        await first.stop()
        await ledger.adjust(SKUS[0], -1, key="two", reason="test")
        await in_step(channels, channel_id)
        assert other_shelf.shown == {SKUS[0]: 8}
    finally:
        await first.stop()
        await second.stop()
        await other_postgres.close()


async def test_a_lost_connection_ends_the_lead_and_the_loops_start_again(
    postgres: Postgres, channels: Channels, ledger: StockLedger, shelf: Shelf
) -> None:
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        async with postgres.connection() as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            )
        await ledger.adjust(SKUS[0], -1, key="one", reason="test")
        await in_step(channels, channel_id)
        await asyncio.sleep(1.5)
        await ledger.adjust(SKUS[0], -1, key="two", reason="test")
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert shelf.shown[SKUS[0]] == 8
