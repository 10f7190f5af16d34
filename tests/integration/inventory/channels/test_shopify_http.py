"""The Shopify channel against a shop that checks what it is sent, sells in between, throttles and loses answers."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from inventory.channels.channel import (
    Answer,
    ChannelDownError,
    ChannelGoneError,
    Level,
    Pending,
    Refused,
    Told,
)
from inventory.channels.shopify.channel_http import ShopifyChannel
from tests.fakes.channels.shopify import FakeShopify
from tests.fakes.channels.shopify_operations import ShopItem
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.shopify_shop import opened
from tests.serving import serving

ITEMS = ["30322695", "43729076", "113711323"]


@pytest.fixture
def shop() -> FakeShopify:
    shop = FakeShopify()
    shop.items = {number: ShopItem(available=5) for number in ITEMS}
    return shop


@pytest.fixture
async def channel(shop: FakeShopify) -> AsyncIterator[ShopifyChannel]:
    async with serving(shop.app) as url, opened(url, shop) as channel:
        yield channel


def levels(*quantities: int) -> list[Level]:
    return [
        Level(sku=f"SKU-{number}", item_id=number, quantity=quantity, version=1)
        for number, quantity in zip(ITEMS, quantities, strict=False)
    ]


async def told(channel: ShopifyChannel, *quantities: int) -> list[Answer]:
    answers = await channel.tell(levels(*quantities))
    assert not isinstance(answers, Pending)
    return answers


def shown(shop: FakeShopify) -> list[int]:
    return [shop.items[number].available for number in ITEMS]


async def test_levels_arrive(shop: FakeShopify, channel: ShopifyChannel) -> None:
    assert await told(channel, 12, 0, 1_000_000_000) == [Told()] * 3
    assert shown(shop) == [12, 0, 1_000_000_000]


async def test_a_full_batch_arrives_for_what_the_smallest_plan_gives_in_a_second(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    numbers = [str(number) for number in range(1, channel.capabilities.batch_size + 1)]
    shop.items = {number: ShopItem() for number in numbers}
    batch = [Level(sku=number, item_id=number, quantity=int(number), version=1) for number in numbers]
    assert await channel.tell(batch) == [Told()] * len(batch)
    assert {number: item.available for number, item in shop.items.items()} == {one: int(one) for one in numbers}
    assert shop.most_points - shop.points <= 100


async def test_what_is_right_already_is_not_set(shop: FakeShopify, channel: ShopifyChannel) -> None:
    assert await told(channel, 5, 5, 5) == [Told()] * 3
    assert not shop.keys


async def test_a_sale_in_between_is_seen_and_the_level_set_from_there(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    shop.sold_meanwhile.append({ITEMS[0]: 2})
    assert await told(channel, 9, 8) == [Told(), Told()]
    assert shown(shop) == [9, 8, 5]
    assert starts(shop) == [[5, 5], [3, 5]]


async def test_a_shop_that_sells_all_the_time_is_asked_again_later(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.sold_meanwhile.extend([{ITEMS[0]: 1}, {ITEMS[0]: 1}])
    answers = await told(channel, 9, 8)
    assert [isinstance(answer, Refused) and answer.temporary for answer in answers] == [True, True]
    assert shown(shop) == [3, 5, 5]
    assert await told(channel, 9, 8) == [Told(), Told()]


async def test_an_item_that_a_change_is_refused_for_does_not_hold_up_the_others(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    shop.refuse[ITEMS[1]] = "NON_MUTABLE_INVENTORY_ITEM"
    first, second, third = await told(channel, 9, 8, 7)
    assert (first, third) == (Told(), Told())
    assert isinstance(second, Refused)
    assert not second.temporary
    assert "NON_MUTABLE_INVENTORY_ITEM" in second.reason
    assert shown(shop) == [9, 5, 7]


async def test_unknown_untracked_and_unstocked_items_are_refused_and_the_others_set(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    del shop.items[ITEMS[0]]
    shop.items[ITEMS[1]].tracked = False
    shop.items["7"] = ShopItem(stocked=False)
    batch = [*levels(9, 9, 9), Level(sku="SKU-7", item_id="7", quantity=9, version=1)]
    answers = await channel.tell(batch)
    assert not isinstance(answers, Pending)
    unknown, untracked, right, unstocked = answers
    assert right == Told()
    for answer, word in ((unknown, "link"), (untracked, "track"), (unstocked, "stock it")):
        assert isinstance(answer, Refused)
        assert not answer.temporary
        assert word in answer.reason
    assert shop.items[ITEMS[2]].available == 9


async def test_a_quantity_above_the_highest_is_refused_for_good(shop: FakeShopify, channel: ShopifyChannel) -> None:
    high, right = await told(channel, 1_000_000_001, 8)
    assert isinstance(high, Refused)
    assert not high.temporary
    assert right == Told()
    assert shown(shop) == [5, 8, 5]


async def test_a_lost_answer_leaves_the_right_level_and_the_change_is_not_made_twice(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    shop.lose_changes = 1
    with pytest.raises(ChannelDownError):
        await told(channel, 9, 8)
    assert await told(channel, 9, 8) == [Told(), Told()]
    assert shown(shop) == [9, 8, 5]
    assert len(shop.keys) == 1


async def test_every_change_has_an_idempotency_key_of_its_own(shop: FakeShopify, channel: ShopifyChannel) -> None:
    for _ in range(2):
        assert await told(channel, 9) == [Told()]
        assert shown(shop)[0] == 9
        shop.items[ITEMS[0]].available = 5  # somebody there sets it back, so the same change has to count again
    assert len(shop.keys) == 2


async def test_an_empty_bucket_says_how_long_until_the_call_fits(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.points, shop.restore_rate = 1.0, 1.0
    with pytest.raises(ChannelDownError, match="THROTTLED") as caught:
        await told(channel, 9, 8, 7)  # 1 + 3 x 3 points to read, at one a second
    assert caught.value.retry_after_ms is not None
    assert 7_000 <= caught.value.retry_after_ms <= 9_000
    shop.points = 20.0
    assert await told(channel, 9, 8, 7) == [Told()] * 3


@pytest.mark.parametrize(("hint", "wait_ms"), [(3, 3_000), (None, None)])
async def test_a_429_of_the_network_passes_its_hint_on(
    shop: FakeShopify, channel: ShopifyChannel, hint: int | None, wait_ms: int | None
) -> None:
    shop.troubles.throttle.append(Throttled(retry_after_s=hint))
    with pytest.raises(ChannelDownError) as caught:
        await told(channel, 9)
    assert caught.value.retry_after_ms == wait_ms


@pytest.mark.parametrize("status", [301, 400, 430, 500])
async def test_an_answer_that_says_nothing_about_the_levels_is_tried_again(
    shop: FakeShopify, channel: ShopifyChannel, status: int
) -> None:
    shop.end_with.append(status)
    with pytest.raises(ChannelDownError):
        await told(channel, 9)
    assert await told(channel, 9) == [Told()]


@pytest.mark.parametrize("status", [401, 402, 403, 404, 423])
async def test_access_that_has_ended_pauses_the_channel(
    shop: FakeShopify, channel: ShopifyChannel, status: int
) -> None:
    shop.end_with.append(status)
    with pytest.raises(ChannelGoneError, match=str(status)):
        await told(channel, 9)


async def test_a_dead_token_pauses_the_channel_and_is_not_named(shop: FakeShopify) -> None:
    async with serving(shop.app) as url, opened(url, shop, "a-token-that-has-died") as channel:
        with pytest.raises(ChannelGoneError, match="its new token") as caught:
            await told(channel, 9)
        assert "a-token-that-has-died" not in f"{caught.value!r} {channel!r} {caught.value.details}"


async def test_a_missing_scope_pauses_the_channel_and_is_named(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.scopes = {"read_inventory"}
    with pytest.raises(ChannelGoneError, match="write_inventory"):
        await told(channel, 9)
    assert shown(shop) == [5, 5, 5]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"errors":[{"message":"\xff"}]}',
        b"[]",
        b"{}",
        b'{"data":null}',
        b'{"data":{"nodes":[]}}',
        b'{"data":{"nodes":[{"id":"gid://shopify/InventoryItem/1","tracked":true,"inventoryLevel":null}]}}',
        b'{"data":{"nodes":[{"id":"gid://shopify/InventoryItem/30322695","tracked":true,"inventoryLevel":'
        b'{"quantities":[{"name":"available","quantity":"5"}]}}]}}',
        b'{"errors":[{"message":"Internal error","extensions":{"code":"INTERNAL_SERVER_ERROR"}}]}',
    ],
)
async def test_an_answer_without_sense_is_tried_again(shop: FakeShopify, channel: ShopifyChannel, body: bytes) -> None:
    shop.garble.append(body)
    with pytest.raises(ChannelDownError):
        await told(channel, 9)
    assert await told(channel, 9) == [Told()]


async def test_an_answer_without_sense_to_a_change_is_tried_again(shop: FakeShopify, channel: ShopifyChannel) -> None:
    look = {"data": {"nodes": [node(ITEMS[0], 5)]}}
    shop.garble.extend([msgspec.json.encode(look), b'{"data":{"inventorySetQuantities":null}}'])
    with pytest.raises(ChannelDownError):
        await told(channel, 9)
    assert await told(channel, 9) == [Told()]


async def test_it_reads_back(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.items[ITEMS[0]].available = -2  # sold too many
    shop.items[ITEMS[1]].stocked = False
    assert await channel.read([*ITEMS, "1"]) == [-2, None, 5, None]


def node(number: str, available: int) -> object:
    level = {"quantities": [{"name": "available", "quantity": available}]}
    return {"id": f"gid://shopify/InventoryItem/{number}", "tracked": True, "inventoryLevel": level}


def starts(shop: FakeShopify) -> list[list[int]]:
    """What each change was made from, item by item."""
    return [
        [one["changeFromQuantity"] for one in msgspec.json.decode(change)["quantities"]]
        for change in shop.keys.values()
    ]
