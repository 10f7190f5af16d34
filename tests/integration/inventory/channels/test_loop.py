"""The work on one channel: answers that come later, quantities that are too high, access that has ended."""

import asyncio
from collections import deque
from collections.abc import Sequence

import pytest

from inventory.channels.channel import (
    Answer,
    Capabilities,
    ChannelConfig,
    ChannelDownError,
    ChannelGoneError,
    Level,
    Pending,
    Refused,
    SaveSecrets,
)
from inventory.channels.channels_pg import Channels
from inventory.channels.levels_pg import Levels
from inventory.stock_pg import StockLedger
from kit.postgres import Postgres
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


class Moody(Shelf):
    """A shelf that raises what a test put into ``moods`` before it takes a call or says what came of one."""

    def __init__(self, capabilities: Capabilities) -> None:
        super().__init__(capabilities)
        self.moods: deque[Exception] = deque()
        self.doubts: deque[Exception] = deque()

    async def tell(self, levels: Sequence[Level]) -> list[Answer] | Pending:
        if self.moods:
            raise self.moods.popleft()
        return await super().tell(levels)

    async def outcome(self, pending: Pending, levels: Sequence[Level]) -> list[Answer] | None:
        if self.doubts:
            raise self.doubts.popleft()
        return await super().outcome(pending, levels)


@pytest.fixture
def shelf() -> Moody:
    return Moody(Capabilities(batch_size=50, calls_per_s=1000, most_quantity=9))


@pytest.fixture
def channels(postgres: Postgres, shelf: Moody) -> Channels:
    return Channels(postgres, {"shelf": shelf}, VAULT)


@pytest.fixture(autouse=True)
async def stock(postgres: Postgres, ledger: StockLedger) -> None:
    await stock_up(postgres, ledger)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the pauses between two questions, and three of them at most."""
    monkeypatch.setattr("inventory.channels.loop.OUTCOME_FIRST_S", 0.1)
    monkeypatch.setattr("inventory.channels.loop.OUTCOME_PAUSE_MOST_S", 0.1)
    monkeypatch.setattr("inventory.channels.loop.OUTCOME_MOST_S", 0.35)


async def test_a_quantity_above_the_channels_highest_is_told_as_that_and_is_in_step(
    postgres: Postgres, channels: Channels, shelf: Moody
) -> None:
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert set(shelf.shown.values()) == {9}
    assert {one.told for one in (await Levels(postgres).page(channel_id)).items} == {10}


@pytest.mark.usefixtures("quick")
async def test_a_level_is_told_only_when_the_channel_says_that_it_is_done(
    postgres: Postgres, channels: Channels, shelf: Moody
) -> None:
    shelf.later, shelf.outcomes = True, deque([False, False, True])
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await until(lambda: len(shelf.calls) == 1)
        assert (await view(channels, channel_id)).behind == 20
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert len(shelf.calls) == 1
    assert set(shelf.shown.values()) == {9}


@pytest.mark.usefixtures("quick")
async def test_a_newer_level_waits_until_the_channel_is_done_with_the_older_one(
    postgres: Postgres, channels: Channels, shelf: Moody, ledger: StockLedger
) -> None:
    shelf.later, shelf.outcomes = True, deque([False, True])
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await until(lambda: len(shelf.calls) == 1)
        await ledger.adjust(SKUS[0], -6, key="sold", reason="test")
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert [len(call) for call in shelf.calls] == [20, 1]
    assert shelf.shown[SKUS[0]] == 4


async def test_what_changes_back_is_told_again_for_the_channel_may_have_sold_it(
    postgres: Postgres, channels: Channels, shelf: Moody, ledger: StockLedger
) -> None:
    shelf.capabilities = Capabilities(batch_size=50, calls_per_s=1)
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        shelf.shown[SKUS[0]] -= 1
        await ledger.adjust(SKUS[0], -1, key="sold there", reason="test")
        await ledger.adjust(SKUS[0], 1, key="came back", reason="test")
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert [len(call) for call in shelf.calls] == [20, 1]
    assert shelf.shown[SKUS[0]] == 10


@pytest.mark.usefixtures("quick")
async def test_what_a_channel_refuses_later_is_refused_by_item(
    postgres: Postgres, channels: Channels, shelf: Moody
) -> None:
    shelf.later = True
    shelf.refusals[SKUS[3]] = Refused(reason="no such item", temporary=False)
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await until(lambda: len(shelf.shown) == 19)
        await asyncio.sleep(0.1)
    finally:
        await sync.stop()
    seen = await view(channels, channel_id)
    assert (seen.behind, seen.last_error) == (1, "no such item")


@pytest.mark.usefixtures("quick")
async def test_a_channel_that_cannot_be_asked_for_a_moment_is_asked_again_and_not_told_again(
    postgres: Postgres, channels: Channels, shelf: Moody
) -> None:
    shelf.later = True
    shelf.doubts.append(ChannelDownError("answered 502"))
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert len(shelf.calls) == 1


@pytest.mark.usefixtures("quick")
async def test_a_call_that_is_never_finished_is_told_again(
    postgres: Postgres, channels: Channels, shelf: Moody
) -> None:
    shelf.later, shelf.outcomes = True, deque([False] * 5)
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await until(lambda: len(shelf.calls) == 2)
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert len(shelf.calls) >= 2, "and once more where the machine is slower than the time that a call has"
    assert {len(call) for call in shelf.calls} == {20}
    assert set(shelf.shown.values()) == {9}


async def test_access_that_has_ended_pauses_the_channel_and_is_no_loop_of_tries(
    postgres: Postgres, channels: Channels, shelf: Moody
) -> None:
    shelf.moods.append(ChannelGoneError("the token was revoked: connect the channel again"))
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await until(lambda: not shelf.moods)
        await asyncio.sleep(0.3)
        seen = await view(channels, channel_id)
        assert (seen.state, seen.last_error) == ("paused", "the token was revoked: connect the channel again")
        assert shelf.calls == []
        await channels.resume(channel_id)
        await in_step(channels, channel_id)
    finally:
        await sync.stop()


async def test_a_channel_is_left_alone_for_as_long_as_it_asks(
    postgres: Postgres, channels: Channels, shelf: Moody
) -> None:
    shelf.moods.append(ChannelDownError("answered 429", retry_after_ms=700))
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await until(lambda: not shelf.moods)
        began = asyncio.get_running_loop().time()
        await in_step(channels, channel_id)
        assert asyncio.get_running_loop().time() - began >= 0.65
    finally:
        await sync.stop()


async def test_while_a_channel_is_left_alone_none_of_its_other_levels_is_told_either(
    postgres: Postgres, channels: Channels, shelf: Moody
) -> None:
    shelf.capabilities = Capabilities(batch_size=5, calls_per_s=1000)
    shelf.moods.append(ChannelDownError("answered 503", retry_after_ms=700))
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await until(lambda: not shelf.moods)
        await asyncio.sleep(0.4)
        assert shelf.calls == []
        await in_step(channels, channel_id)
    finally:
        await sync.stop()


@pytest.fixture
def reading(monkeypatch: pytest.MonkeyPatch, shelf: Moody) -> None:
    """A channel that is read back every 0.2 seconds."""
    monkeypatch.setattr("inventory.channels.drift.DRIFT_EVERY_S", 0.2)
    monkeypatch.setattr("inventory.channels.drift.DRIFT_PAGE", 7)
    shelf.capabilities = Capabilities(batch_size=5, calls_per_s=1000, most_quantity=9, reads=True)


@pytest.mark.usefixtures("reading")
async def test_what_lastingly_shows_something_else_is_told_again(
    postgres: Postgres, channels: Channels, shelf: Moody
) -> None:
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        told = len(shelf.calls)
        await asyncio.sleep(0.5)
        assert len(shelf.calls) == told, "what is right is told once"
        shelf.shown[SKUS[4]] = 7
        shelf.shown.pop(SKUS[15])
        async with asyncio.timeout(5):
            while (drift := await drifting(postgres, channel_id)) != {
                SKUS[4]: "it shows 7",
                SKUS[15]: "the channel has no such item",
            }:
                assert drift.keys() <= {SKUS[4], SKUS[15]}
                await asyncio.sleep(0.01)
        await until(lambda: shelf.shown.get(SKUS[4]) == shelf.shown.get(SKUS[15]) == 9)
        async with asyncio.timeout(5):
            while await drifting(postgres, channel_id):
                await asyncio.sleep(0.01)
    finally:
        await sync.stop()
    assert sorted(one.sku for call in shelf.calls[told:] for one in call) == [SKUS[4], SKUS[15]]


async def drifting(postgres: Postgres, channel_id: str) -> dict[str, str]:
    """Return what staff see of it."""
    page = await Levels(postgres).page(channel_id)
    return {one.sku: one.drift for one in page.items if one.drift is not None}


@pytest.mark.usefixtures("reading")
async def test_a_sale_over_there_that_is_heard_of_before_the_second_look_is_not_undone(
    postgres: Postgres, channels: Channels, shelf: Moody, ledger: StockLedger
) -> None:
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        told = len(shelf.calls)
        for sold in range(1, 6):
            shelf.shown[SKUS[0]] = 9 - sold
            await asyncio.sleep(0.15)
        await ledger.adjust(SKUS[0], -6, key="sold over there", reason="test")
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert [one.quantity for call in shelf.calls[told:] for one in call] == [4]


@pytest.mark.usefixtures("reading")
async def test_reading_back_in_small_steps_at_a_pace_of_its_own_holds_up_no_level(
    postgres: Postgres, channels: Channels, shelf: Moody, ledger: StockLedger
) -> None:
    # At the pace of what is told, one reading would keep a sale waiting for a minute.
    shelf.capabilities = Capabilities(
        batch_size=50, calls_per_s=1 / 60, calls_at_once=2, most_quantity=9, reads=True, read_size=2, reads_per_s=100
    )
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        await until(lambda: len(shelf.reads) >= 5)
        await ledger.adjust(SKUS[0], -4, key="sold", reason="test")
        await until(lambda: shelf.shown[SKUS[0]] == 6)
    finally:
        await sync.stop()
    assert set(shelf.reads) <= {1, 2}


async def test_a_channel_that_cannot_be_opened_is_paused_and_stops_no_other(postgres: Postgres, shelf: Moody) -> None:
    class Broken(Shelf):
        def open(self, config: ChannelConfig, save: SaveSecrets) -> Shelf:
            raise KeyError(config.channel_id, save)

    kinds = {"shelf": shelf, "broken": Broken(shelf.capabilities)}
    channels = Channels(postgres, kinds, VAULT)
    broken = (await channels.create("broken", name="Broken", settings={})).channel_id
    good = await create(channels)
    sync = start_sync(postgres, channels, kinds)
    try:
        await in_step(channels, good)
        async with asyncio.timeout(5):
            while (await view(channels, broken)).state != "paused":
                await asyncio.sleep(0.01)
    finally:
        await sync.stop()
    assert (await view(channels, broken)).last_error == "its settings cannot be used: connect it anew"
