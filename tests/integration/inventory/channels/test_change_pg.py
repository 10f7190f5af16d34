"""Changing a channel that is connected: what is not named stays, and nothing that is renewed meanwhile undoes it."""

import pytest

from inventory.channels.channel import Capabilities
from inventory.channels.channels_pg import Channels
from inventory.channels.limits import SETTINGS_MOST
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.stock_pg import StockLedger
from kit.errors import InvalidError, NotFoundError
from kit.postgres import Postgres
from tests.fakes.all_channels.stand import Stand
from tests.fakes.all_channels.stands import ALL
from tests.integration.inventory.channels.shelf import (
    VAULT,
    Shelf,
    create,
    in_step,
    start_sync,
    stock_up,
    until,
    view,
)

SECRET = "a secret of at least thirty-two characters"
STANDS = [make() for make in ALL]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(Capabilities(batch_size=50, calls_per_s=1000))


@pytest.fixture
async def channels(postgres: Postgres, shelf: Shelf) -> Channels:
    await stock_up(postgres, StockLedger(postgres))
    return Channels(postgres, {"shelf": shelf}, VAULT)


@pytest.mark.parametrize("stand", STANDS, ids=lambda stand: stand.kind)
async def test_a_channel_of_any_kind_that_is_changed_keeps_what_was_not_named(postgres: Postgres, stand: Stand) -> None:
    kinds = channel_kinds(SECRET, allow_private=True)
    channels = Channels(postgres, kinds, channel_vault(SECRET))
    settings = stand.settings("http://127.0.0.1:8000")
    channel_id = (await channels.create(stand.kind, name="Shop", settings=settings)).channel_id
    before = await channels.config(channel_id)
    name, value = next(iter(settings.items()))
    await channels.change(channel_id, {name: value})
    after = await channels.config(channel_id)
    assert (after.settings, after.secrets, after.set_up) == (before.settings, before.secrets, before.set_up + 1)
    assert len(kinds[stand.kind].setting_names) <= SETTINGS_MOST
    with pytest.raises(InvalidError) as refused:
        await channels.change(channel_id, {"no_such_setting": "1"})
    assert refused.value.details["field"] == "no_such_setting"


async def test_a_channel_goes_on_with_its_new_settings_and_forgets_no_level(
    postgres: Postgres, channels: Channels, shelf: Shelf
) -> None:
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        opened = shelf.config
        told = len(shelf.calls)
        await channels.pause(channel_id, reason="the access has ended")
        await channels.change(channel_id, {"color": "red"})
        await until(lambda: shelf.config is not opened)
        changed = await view(channels, channel_id)
    finally:
        await sync.stop()
    assert shelf.config is not None
    assert shelf.config.settings == {"color": "red"}
    assert (changed.state, changed.last_error, changed.behind) == ("active", None, 0)
    assert len(shelf.calls) == told, "what it knows it is not told again"


async def test_secrets_that_the_old_connection_renews_late_do_not_undo_the_change(channels: Channels) -> None:
    channel_id = await create(channels)
    old = await channels.config(channel_id)
    await channels.change(channel_id, {"color": "red"})
    await channels.save_secrets(old, {"token": "renewed too late"})
    assert (await channels.config(channel_id)).secrets == {"token": "a token"}
    new = await channels.config(channel_id)
    await channels.save_secrets(new, {"token": "renewed in time"})
    assert (await channels.config(channel_id)).secrets == {"token": "renewed in time"}


async def test_there_is_nothing_to_change_of_a_channel_that_is_not_there(channels: Channels) -> None:
    with pytest.raises(NotFoundError):
        await channels.change("chan_9", {"color": "red"})
