"""What workers do to each other, to themselves and to levels that change meanwhile; invariant 10 at each end."""

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inventory.channels.channel import Capabilities
from inventory.channels.channels_pg import Channels
from inventory.channels.figures import ChannelFigures
from inventory.channels.levels_pg import Levels
from inventory.channels.loop import ChannelLoop
from inventory.stock_pg import StockLedger
from kit.metrics import new_registry
from kit.postgres import Postgres
from kit.tasks import Tasks, Wakeup
from tests.integration.inventory.channels.place import (
    LEASE_MS,
    Place,
    assert_shown_is_what_the_ledger_says,
    open_place,
)
from tests.integration.inventory.channels.shelf import (
    SKUS,
    VAULT,
    Shelf,
    create,
    in_step,
    start_sync,
    stock_up,
    until,
    view,
)
from tests.integration.inventory.channels.shops import KINDS, PinterestShop, hurry

pytestmark = pytest.mark.timeout(15)

ROOT = Path(__file__).parents[4]
EVERY_KIND = pytest.mark.parametrize("kind", ["tiktok", "wechat", "meta", "pinterest"])
SOLD = SKUS[7]


@pytest.fixture
async def place(kind: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    hurry(monkeypatch)
    async with open_place(postgres, kind) as place:
        yield place


@contextlib.asynccontextmanager
async def loop_without_a_lead(place: Place) -> AsyncIterator[None]:
    """Work the channel as if this process led; whoever else does."""
    config = (await place.channels.active())[place.channel_id]

    async def save(secrets: object) -> None:
        raise AssertionError(f"nothing to save, but {secrets}")

    channel = KINDS[place.name](place.url).open(config, save)
    loop = ChannelLoop(
        place.channel_id,
        channel,
        levels=Levels(place.postgres, lease_ms=LEASE_MS),
        figures=ChannelFigures(new_registry()),
        wakeup=Wakeup(),
    )
    tasks = Tasks()
    tasks.forever("a second loop", loop.step)
    try:
        yield
    finally:
        await tasks.stop()
        await channel.close()


@EVERY_KIND
async def test_levels_that_change_while_a_call_is_under_way_are_told_after_it(place: Place) -> None:
    async with place.working():
        await place.comes_right()
        place.shop.mishaps.hold(place.shop.write)
        await place.change(SOLD, -10)
        await until(lambda: place.shop.mishaps.held == 1)
        for units in (3, 3, -1):
            await place.change(SOLD, units)
        await place.change(SKUS[8], -10)
        place.shop.mishaps.gate.set()
        await place.comes_right()
    assert (place.shown(SOLD), place.shown(SKUS[8])) == (place.as_shown(3), 0)


@EVERY_KIND
async def test_a_worker_killed_between_call_and_write_back_leaves_nothing_wrong(
    place: Place, database_url: str
) -> None:
    if isinstance(place.shop, PinterestShop):
        place.shop.fake.polls = 0  # it works on a batch at once, whether anybody asks for it or not
    async with place.working():
        await place.comes_right()
    place.shop.mishaps.hold(place.shop.write)
    words = ["-m", "tests.integration.inventory.channels.worker_process", database_url, place.name, place.url]
    worker = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=ROOT)
    try:
        await place.change(SOLD, -10)
        await until(lambda: place.shop.mishaps.held == 1)
    finally:
        worker.kill()
        await worker.wait()
    assert place.shop.shown()[place.item(SOLD)] == 0, "the channel has it, and nobody wrote that down"
    assert (await place.level(SOLD)).told == 8
    await place.change(SOLD, 10)  # what was told last, before the call that nobody knows of
    async with place.working():
        await place.comes_right()
    assert place.shown(SOLD) == place.as_shown(8)


@pytest.mark.parametrize("kind", ["tiktok", "wechat"])
@pytest.mark.parametrize("number", range(3))
async def test_two_workers_at_once_end_right(place: Place, number: int) -> None:
    """A worker that lost its lead without noticing works on beside the new one, for a second or so."""
    chance = random.Random(number)
    moved = SKUS[:3]
    async with loop_without_a_lead(place):
        async with loop_without_a_lead(place):
            for _ in range(60):
                await place.change(chance.choice(moved), chance.choice([-1, -1, 1, 3]))
                await asyncio.sleep(chance.random() * 0.005)
        await place.comes_right()
    left = {sku: (await place.ledger.level(sku)).on_hand for sku in moved}
    assert {sku: place.shown(sku) for sku in moved} == {sku: max(0, units - 2) for sku, units in left.items()}


@pytest.mark.parametrize("kind", ["tiktok", "wechat"])
async def test_a_call_of_an_old_worker_that_arrives_after_the_new_ones_is_put_right(place: Place) -> None:
    async with loop_without_a_lead(place):
        await place.comes_right()
        place.shop.mishaps.delay(place.shop.write)
        await place.change(SOLD, -3)
        await until(lambda: place.shop.mishaps.held == 1)
        async with loop_without_a_lead(place):
            await place.change(SOLD, -2)
            await in_step(place.channels, place.channel_id)
        place.shop.mishaps.gate.set()
        await asyncio.sleep(0.2)
        await place.comes_right()
    assert place.shown(SOLD) == 3


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(Capabilities(batch_size=4, calls_per_s=1000, tells="availability", reads=True))


@pytest.fixture
async def channels(postgres: Postgres, shelf: Shelf) -> Channels:
    await stock_up(postgres, StockLedger(postgres))
    return Channels(postgres, {"shelf": shelf}, VAULT)


async def test_availability_that_lastingly_shows_something_else_is_told_again(
    postgres: Postgres, channels: Channels, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inventory.channels.drift.DRIFT_EVERY_S", 0.1)
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        shelf.shown[SOLD] = 0
        await until(lambda: shelf.shown[SOLD] > 0)
    finally:
        await sync.stop()
    assert [one.sku for one in shelf.calls[-1]] == [SOLD]
    await assert_shown_is_what_the_ledger_says(
        postgres, channel_id, {sku: int(shown > 0) for sku, shown in shelf.shown.items()}, availability=True
    )


async def test_crossings_of_many_skus_that_changed_are_told_together(
    postgres: Postgres, channels: Channels, shelf: Shelf
) -> None:
    channel_id = await create(channels)
    ledger = StockLedger(postgres)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        await sync.stop()
        shelf.calls.clear()
        for sku in SKUS:
            await ledger.adjust(sku, -10 if sku in SKUS[::5] else -1, key=f"sold:{sku}", reason="test")
        sync = start_sync(postgres, channels, shelf)
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert [sorted(one.sku for one in call) for call in shelf.calls] == [SKUS[::5]]


async def test_a_sku_that_never_rests_is_not_behind_by_all_the_time_that_it_changes(
    postgres: Postgres, channels: Channels, shelf: Shelf
) -> None:
    shelf.capabilities = Capabilities(batch_size=4, calls_per_s=1000)
    channel_id = await create(channels)
    rows, ledger = Levels(postgres), StockLedger(postgres)
    for number in range(6):
        due = await rows.take_due(channel_id, 100)
        await asyncio.sleep(0.1)
        await ledger.adjust(SOLD, -1, key=str(number), reason="test")
        await rows.told(channel_id, due)
    assert (await view(channels, channel_id)).lag_ms < 350
