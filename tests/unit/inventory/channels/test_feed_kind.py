"""Setting feeds up, and what their channel says to the engine."""

import pytest

from inventory.channels.channel import BY_SKU, ChannelConfig, Level, Told
from inventory.channels.feed_kind import TEMPLATE_CHARS, FeedKind
from inventory.channels.feeds import FORMATS
from inventory.channels.registry import channel_kinds
from kit.errors import InvalidError

GOOD = {"format": "meta", "link_template": "https://shop.example/p/{sku}"}


@pytest.mark.parametrize("name", sorted(FORMATS))
async def test_every_format_can_be_set_up_and_has_no_secret(name: str) -> None:
    prepared = await FeedKind().prepare(GOOD | {"format": name})
    assert prepared.settings == GOOD | {"format": name}
    assert (prepared.secrets, prepared.generated) == ({}, None)


async def test_what_is_left_blank_is_not_set() -> None:
    prepared = await FeedKind().prepare(GOOD | {"image_template": " ", "brand": " Potter ", "condition": ""})
    assert prepared.settings == GOOD | {"brand": "Potter"}


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
        ("link_template", "https://shop.example/p/{SKU}"),
        ("link_template", "https://shop.example/p/{sku}{"),
        ("link_template", "https://shop.example/p/{sku}?q={title}"),
        ("link_template", "https://{sku}.example/"),
        ("link_template", "https://user:pass@shop.example/{sku}"),
        ("link_template", "https://shop.example:99999/{sku}"),
        ("link_template", "https://[shop/{sku}"),
        ("link_template", "https:///{sku}"),
        ("link_template", "javascript:alert({sku})"),
        ("link_template", "{sku}://shop.example"),
        ("link_template", "shop.example/{sku}"),
        ("link_template", "https://shop.example/a b/{sku}"),
        ("link_template", "https://shop.example/ü/{sku}"),
        ("link_template", "https://shop.example/\n{sku}"),
        ("link_template", "https://shop.example/{sku}" + "x" * TEMPLATE_CHARS),
    ],
)
async def test_a_wrong_setting_is_named(name: str, wrong: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await FeedKind().prepare(GOOD | {name: wrong})
    assert caught.value.details["field"] == name


async def test_a_level_is_told_as_soon_as_it_is_there_to_be_fetched() -> None:
    kind = channel_kinds(allow_private=False)["feed"]
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
