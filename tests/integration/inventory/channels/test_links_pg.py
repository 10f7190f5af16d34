"""Links and secrets of named channels on a real Postgres."""

import asyncio

import pytest

from inventory.channels.channel import Capabilities
from inventory.channels.channels_pg import Channels
from inventory.channels.levels_pg import Levels
from inventory.channels.links import Link
from inventory.channels.links_pg import Links
from inventory.stock_pg import StockLedger
from kit.errors import InvalidError, NotFoundError
from kit.postgres import Postgres
from kit.vault import Vault
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


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(Capabilities(batch_size=7, calls_per_s=1000), item_form="group/number")


@pytest.fixture
def channels(postgres: Postgres, shelf: Shelf) -> Channels:
    return Channels(postgres, {"shelf": shelf}, VAULT)


@pytest.fixture
def links(postgres: Postgres, shelf: Shelf) -> Links:
    return Links(postgres, {"shelf": shelf})


@pytest.fixture(autouse=True)
async def stock(postgres: Postgres, ledger: StockLedger) -> None:
    await stock_up(postgres, ledger)


def item(number: int) -> str:
    """Three items in each group."""
    return f"{number // 3}/{number}"


async def link_all(links: Links, channel_id: str, count: int = len(SKUS)) -> None:
    made = [Link(line=at + 2, sku=SKUS[at], item_id=item(at)) for at in range(count)]
    assert (await links.link(channel_id, made)).linked == count


async def test_what_is_not_linked_is_not_told_and_is_listed(
    postgres: Postgres, channels: Channels, links: Links, shelf: Shelf, rows: Levels
) -> None:
    channel_id = await create(channels)
    await link_all(links, channel_id, 5)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        await asyncio.sleep(0.3)
    finally:
        await sync.stop()
    assert shelf.shown == {item(at): 10 for at in range(5)}
    seen = await view(channels, channel_id)
    assert (seen.behind, seen.unlinked, seen.lag_ms) == (0, 15, 0)
    page = (await rows.page(channel_id)).items
    assert [(one.sku, one.item_id) for one in page if one.linked] == [(SKUS[at], item(at)) for at in range(5)]


async def test_one_call_holds_items_of_one_group_only_and_every_group_has_its_turn(
    postgres: Postgres, channels: Channels, links: Links, shelf: Shelf
) -> None:
    channel_id = await create(channels)
    await link_all(links, channel_id)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    groups = [{one.item_id.partition("/")[0] for one in call} for call in shelf.calls]
    assert all(len(one) == 1 for one in groups)
    assert len(shelf.calls) == 7  # 20 items, three in a group: not one call more


async def test_a_group_that_changes_all_the_time_does_not_keep_the_others_waiting(
    channels: Channels, links: Links, rows: Levels, ledger: StockLedger
) -> None:
    channel_id = await create(channels)
    await link_all(links, channel_id)
    seen = []
    after = None
    for turn in range(7):
        due = await rows.take_due(channel_id, 7, after=after)
        after = due[0].group
        seen.append(after)
        await rows.told(channel_id, due)
        await ledger.adjust(SKUS[0], -1, key=f"busy:{turn}", reason="test")
    assert seen == [str(group) for group in range(7)]
    assert [one.group for one in await rows.take_due(channel_id, 7, after=after)] == ["0"]


async def test_linking_again_changes_nothing_and_linking_anew_tells_the_new_item(
    postgres: Postgres, channels: Channels, links: Links, shelf: Shelf
) -> None:
    channel_id = await create(channels)
    await link_all(links, channel_id, 2)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        await link_all(links, channel_id, 2)
        assert (await view(channels, channel_id)).behind == 0
        swapped = [Link(line=2, sku=SKUS[0], item_id=item(1)), Link(line=3, sku=SKUS[1], item_id="9/9")]
        assert (await links.link(channel_id, swapped)).linked == 2
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert (shelf.shown["9/9"], shelf.shown[item(1)]) == (10, 10)
    assert await links.unlink(channel_id, [SKUS[0], SKUS[7]]) == 1
    assert (await view(channels, channel_id)).unlinked == 19


async def test_wrong_links_and_channels_are_named(channels: Channels, links: Links) -> None:
    channel_id = await create(channels)
    await link_all(links, channel_id, 1)
    wrong = [
        Link(line=2, sku="NONE", item_id="1/1"),
        Link(line=3, sku=SKUS[1], item_id="1"),
        Link(line=4, sku=SKUS[2], item_id=item(0)),
    ]
    linked = await links.link(channel_id, wrong)
    assert linked.linked == 0
    assert [one.reason for one in linked.left_out] == [
        "there is no SKU 'NONE'",
        "'1' is not of the form group/number",
        f"the item '{item(0)}' is linked to '{SKUS[0]}' already",
    ]
    with pytest.raises(NotFoundError):
        await links.link("chan_x", wrong)


async def test_a_channel_that_goes_by_sku_has_nothing_to_link(postgres: Postgres) -> None:
    by_sku = {"shelf": Shelf(Capabilities(batch_size=7, calls_per_s=1000))}
    channel_id = await create(Channels(postgres, by_sku, VAULT))
    with pytest.raises(InvalidError, match="nothing to link"):
        await Links(postgres, by_sku).link(channel_id, [])


async def test_secrets_are_sealed_in_the_database_and_renewed_ones_replace_them(
    postgres: Postgres, channels: Channels, links: Links, shelf: Shelf
) -> None:
    channel_id = await create(channels)
    await link_all(links, channel_id, 1)
    shelf.renews = {"token": "a renewed token"}
    sync = start_sync(postgres, channels, shelf)
    try:
        await until(lambda: bool(shelf.shown))
    finally:
        await sync.stop()
    async with postgres.connection() as connection:
        row = await connection.fetchrow("SELECT secret, secrets FROM channels")
    assert row is not None
    assert row["secret"] == ""
    assert b"token" not in row["secrets"]
    assert (await channels.active())[channel_id].secrets == {"token": "a renewed token"}


async def test_secrets_of_another_deployment_pause_the_channel_and_say_why(
    postgres: Postgres, channels: Channels, shelf: Shelf
) -> None:
    channel_id = await create(channels)
    other = Channels(postgres, {"shelf": shelf}, Vault("another secret of at least 32 characters", "channels"))
    assert await other.active() == {}
    seen = await view(channels, channel_id)
    assert seen.state == "paused"
    assert seen.last_error is not None
    assert "SHOWDROP_SECRET" in seen.last_error


async def test_secrets_that_were_put_into_another_channels_row_do_not_open_there(
    postgres: Postgres, channels: Channels
) -> None:
    mine, other = await create(channels), await create(channels)
    async with postgres.connection() as connection:
        await connection.execute(
            "UPDATE channels SET secrets = (SELECT secrets FROM channels WHERE channel_id = $1)", mine
        )
    assert list(await channels.active()) == [mine]
    assert (await view(channels, other)).state == "paused"


async def test_a_channel_of_before_keeps_its_plain_secret_until_it_is_renewed(
    postgres: Postgres, channels: Channels
) -> None:
    channel_id = await create(channels)
    async with postgres.connection() as connection:
        await connection.execute("UPDATE channels SET secrets = NULL, secret = 'whsec_plain'")
    assert (await channels.active())[channel_id].secrets == {"signing": "whsec_plain"}


async def test_a_channel_that_calls_items_as_skus_may_call_some_of_them_otherwise(
    postgres: Postgres, ledger: StockLedger
) -> None:
    assert (await ledger.level(SKUS[0])).on_hand == 10
    shelf = Naming(Capabilities(batch_size=50, calls_per_s=1000))
    channels, links = Channels(postgres, {"shelf": shelf}, VAULT), Links(postgres, {"shelf": shelf})
    channel_id = await create(channels)
    sync = start_sync(postgres, channels, shelf)
    try:
        await in_step(channels, channel_id)
        said = await links.link(
            channel_id,
            [
                Link(line=2, sku=SKUS[0], item_id="another name"),
                Link(line=3, sku=SKUS[1], item_id=SKUS[2]),  # which is the item of its own name
            ],
        )
        assert (said.linked, [one.line for one in said.left_out]) == (1, [3])
        await in_step(channels, channel_id)
        assert shelf.shown["another name"] == 10
        assert await links.unlink(channel_id, SKUS[:2]) == 1
        shelf.shown.clear()
        await in_step(channels, channel_id)
    finally:
        await sync.stop()
    assert shelf.shown == {SKUS[0]: 10}, "without its link it has its own name again"


class Naming(Shelf):
    """Calls its items as the SKUs are called, unless a link says otherwise."""

    names_items = True
