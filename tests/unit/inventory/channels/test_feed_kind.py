"""Setting feeds up, and what their channel says to the engine."""

import pytest

from inventory.channels.channel import BY_SKU, ChannelConfig, Level, Told
from inventory.channels.feed_kind import FeedKind
from inventory.channels.feeds import FORMATS
from kit.errors import InvalidError

GOOD = {"format": "meta", "link_template": "https://shop.example/p/{sku}"}
LEFT_OUT = {"image_template": "", "brand": "", "condition": "new"}


@pytest.mark.parametrize("name", sorted(FORMATS))
async def test_every_format_can_be_set_up_and_has_no_secret(name: str) -> None:
    prepared = await FeedKind().prepare(GOOD | {"format": name})
    assert prepared.settings == GOOD | LEFT_OUT | {"format": name}
    assert (prepared.secrets, prepared.generated) == ({}, None)


async def test_what_is_left_blank_is_not_set() -> None:
    prepared = await FeedKind().prepare(GOOD | {"image_template": " ", "brand": " Potter ", "condition": ""})
    assert prepared.settings == GOOD | LEFT_OUT | {"brand": "Potter"}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("format", "ebay"),
        ("format", ""),
        ("brand", "b" * 71),
        ("condition", "shiny"),
        ("colour", "red"),
        ("colour", ""),
        ("image_template", "https://img.example/a.png"),
        ("link_template", ""),
        ("link_template", "https://shop.example/p"),
        ("link_template", "https://shop.example/a b/{sku}"),
    ],
)
async def test_a_wrong_setting_is_named(name: str, wrong: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await FeedKind().prepare(GOOD | {name: wrong})
    assert caught.value.details["field"] == name


async def test_a_level_is_told_as_soon_as_it_is_there_to_be_fetched() -> None:
    kind = FeedKind()
    assert kind.item_form == BY_SKU

    async def save(_: object) -> None:
        raise AssertionError("a feed has nothing to save")

    config = ChannelConfig(channel_id="chan_1", kind="feed", name="Feed", settings=GOOD, secrets={})
    channel = kind.open(config, save)
    levels = [Level(sku=sku, item_id=sku, quantity=1, version=1) for sku in ("A", "B")]
    assert await channel.tell(levels) == [Told(), Told()]
    assert not channel.capabilities.reads
    assert channel.capabilities.tells == "quantity"
    await channel.close()
