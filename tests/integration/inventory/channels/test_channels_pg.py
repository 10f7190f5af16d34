"""The levels of channels on a real Postgres: what they are, who may take them, and what is written back."""

import asyncio

import pytest

from inventory.channels.channel import (
    Capabilities,
    Refused,
)
from inventory.channels.channels_pg import Channels
from inventory.channels.kept_back_pg import KeptBack
from inventory.channels.levels_pg import Failure, Levels
from inventory.stock import allocate
from inventory.stock_pg import StockLedger, record_movements
from kit.errors import InvalidError, NotFoundError
from kit.postgres import Postgres
from tests.integration.inventory.channels.shelf import (
    SKUS,
    VAULT,
    Shelf,
    create,
    desired,
    in_step,
    start_sync,
    stock_up,
    view,
)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(Capabilities(batch_size=7, calls_per_s=1000))


@pytest.fixture
def channels(postgres: Postgres, shelf: Shelf) -> Channels:
    return Channels(postgres, {"shelf": shelf}, VAULT)


@pytest.fixture(autouse=True)
async def stock(postgres: Postgres, ledger: StockLedger) -> None:
    await stock_up(postgres, ledger)


async def tell_all(rows: Levels, channel_id: str) -> None:
    while due := await rows.take_due(channel_id, 100):
        await rows.told(channel_id, due)


async def test_a_new_channel_has_a_level_for_every_sku(channels: Channels, rows: Levels) -> None:
    channel_id = await create(channels, safety_stock=3)
    assert await desired(rows, channel_id) == dict.fromkeys(SKUS, 7)
    seen = await view(channels, channel_id)
    assert (seen.state, seen.behind, seen.last_error) == ("active", 20, None)


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
