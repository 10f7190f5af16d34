"""The catalogue of a WeChat shop: told, found again after a lost answer, and listed for matching."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.publishing import ListedItem, Product, PublishAnswer, Published, Variant
from inventory.channels.wechat.channel_http import WechatChannel
from inventory.channels.wechat.products_http import LOOK_AGAIN_MS, LOOK_CALLS, LOOK_GOOD_MS
from kit.money import Money
from tests.fakes.channels.troubles import Throttled
from tests.fakes.channels.wechat_products import ADD, FETCH, GET, LIST, UPDATE
from tests.integration.inventory.channels.wechat_world import WechatWorld, wechat_world

Here = tuple[WechatWorld, WechatChannel]


@pytest.fixture
async def here() -> AsyncIterator[Here]:
    async with wechat_world() as both:
        yield both


def variant(sku: str, *, price: int = 1_999, level: int = 7, item_id: str | None = None) -> Variant:
    return Variant(sku=sku, title=sku.lower(), price=Money(price, "CNY"), level=level, item_id=item_id)


def product(*variants: Variant, title: str = "A mug of clay", listing: str = "", number: int = 1) -> Product:
    return Product(
        product_id=f"prod_{number}",
        product_key=f"mug-{number}",
        title=title,
        description="It holds tea.",
        image="https://shop.example/mug.jpg",
        vendor="us",
        listing=listing,
        variants=variants or (variant("RED"), variant("BLUE")),
    )


async def told(channel: WechatChannel, given: Product) -> PublishAnswer:
    [answer] = await channel.publish([given])
    return answer


async def published(channel: WechatChannel, given: Product) -> Published:
    answer = await told(channel, given)
    assert isinstance(answer, Published), answer
    return answer


def again(given: Product, answer: Published) -> Product:
    linked = tuple(msgspec.structs.replace(one, item_id=answer.items[one.sku]) for one in given.variants)
    return msgspec.structs.replace(given, listing=answer.listing, variants=linked)


async def test_a_new_product_is_added_audited_and_then_sold(here: Here) -> None:
    world, channel = here
    answer = await published(channel, product())
    [made] = world.shop.catalogue.products.values()
    assert answer.listing == str(made.product_id)
    ids = {one["sku_code"]: f"{made.product_id}/{one['sku_id']}" for one in made.draft["skus"]}
    assert answer.items == ids
    for item_id in answer.items.values():
        world.kind.check_item_id(item_id)
    assert world.shop.catalogue.fetched == ["https://shop.example/mug.jpg"]
    world.shop.catalogue.pass_audits()
    assert await channel.read(list(answer.items.values())) == [7, 7]


async def test_a_changed_product_is_the_same_product(here: Here) -> None:
    world, channel = here
    first = await published(channel, product())
    world.shop.catalogue.pass_audits()
    changed = product(variant("RED", price=1_500), variant("BLUE"), variant("GREEN"), title="A mug of glass")
    second = await published(channel, again_with(changed, first))
    [made] = world.shop.catalogue.products.values()
    assert (made.draft["title"], [one["sale_price"] for one in made.draft["skus"]]) == (
        "A mug of glass",
        [1_500, 1_999, 1_999],
    )
    assert second.listing == first.listing
    assert {sku: second.items[sku] for sku in first.items} == first.items
    assert set(second.items) == {"RED", "BLUE", "GREEN"}
    assert world.shop.catalogue.fetched == ["https://shop.example/mug.jpg"], "a picture is fetched once"
    assert world.troubles.calls[f"POST {ADD}"] == 1


def again_with(given: Product, answer: Published) -> Product:
    return msgspec.structs.replace(given, listing=answer.listing)


async def test_an_addition_whose_answer_was_lost_makes_one_product(here: Here) -> None:
    world, channel = here
    world.shop.loses.append(ADD)
    with pytest.raises(ChannelDownError):
        await channel.publish([product()])
    answer = await published(channel, product())
    assert list(world.shop.catalogue.products) == [answer.listing]
    assert len(answer.items) == 2


async def test_a_process_that_died_after_an_addition_makes_one_product(here: Here) -> None:
    world, channel = here
    first = await published(channel, product())
    other = world.open()
    assert await published(other, product()) == first
    assert list(world.shop.catalogue.products) == [first.listing]
    await other.close()


async def test_a_lost_change_is_told_again(here: Here) -> None:
    world, channel = here
    world.shop.catalogue.audits = False
    first = await published(channel, product())
    world.shop.loses.append(UPDATE)
    changed = again_with(product(title="A mug of glass"), first)
    with pytest.raises(ChannelDownError):
        await channel.publish([changed])
    assert await published(channel, changed) == first
    assert world.shop.catalogue.products[first.listing].draft["title"] == "A mug of glass"


async def test_a_product_that_the_merchant_made_is_taken_over_and_not_doubled(here: Here) -> None:
    world, channel = here
    theirs = world.shop.catalogue.stock_up("Their own mug", ["RED", "BLUE"])
    answer = await published(channel, product())
    assert answer.listing == theirs
    assert list(world.shop.catalogue.products) == [theirs]


async def test_a_linked_product_is_changed_without_a_search(here: Here) -> None:
    world, channel = here
    theirs = world.shop.catalogue.stock_up("Their own mug", ["x", "y"])
    items = (await channel.items(after=None)).items
    linked = product(variant("RED", item_id=items[0].item_id), variant("BLUE", item_id=items[1].item_id))
    lists = world.troubles.calls[f"POST {LIST}"]
    answer = await published(channel, linked)
    assert answer == Published(listing=theirs, items={"RED": items[0].item_id, "BLUE": items[1].item_id})
    assert world.troubles.calls[f"POST {LIST}"] == lists


async def test_skus_that_are_spread_over_products_are_refused(here: Here) -> None:
    world, channel = here
    world.shop.catalogue.stock_up("Their red mug", ["RED"])
    world.shop.catalogue.stock_up("Their blue mug", ["BLUE"])
    for given in (product(), product(variant("RED", item_id="1/2"), variant("BLUE", item_id="3/4"))):
        answer = await told(channel, given)
        assert isinstance(answer, Refused)
        assert not answer.temporary
        assert "several products" in answer.reason
    assert f"POST {ADD}" not in world.troubles.calls


async def test_a_large_shop_is_looked_through_in_parts_and_once(here: Here) -> None:
    world, channel = here
    for number in range(2 * LOOK_CALLS):
        world.shop.catalogue.stock_up(f"Their mug {number}", [f"T-{number}"])
    for _ in range(2):
        with pytest.raises(ChannelDownError) as down:
            await channel.publish([product()])
        assert down.value.retry_after_ms == LOOK_AGAIN_MS
    first = await published(channel, product())
    assert world.troubles.calls[f"POST {GET}"] == 2 * LOOK_CALLS + 1
    lists = world.troubles.calls[f"POST {LIST}"]
    second = await published(channel, product(variant("CUP"), title="A cup of tea", number=2))
    assert first.listing != second.listing
    assert world.troubles.calls[f"POST {LIST}"] == lists
    world.now_ms += LOOK_GOOD_MS
    theirs = world.shop.catalogue.stock_up("Their own jug", ["JUG"])
    assert (await published(channel, product(variant("JUG"), number=3))).listing == theirs


async def test_what_is_in_the_audit_is_told_when_it_is_the_same_and_else_later(here: Here) -> None:
    world, channel = here
    first = await published(channel, product())
    assert await published(channel, again(product(), first)) == first
    answer = await told(channel, again(product(title="A mug of glass"), first))
    assert isinstance(answer, Refused)
    assert answer.temporary
    assert f"POST {UPDATE}" not in world.troubles.calls


async def test_what_wechat_does_not_take_is_refused_with_its_words(here: Here) -> None:
    world, channel = here
    for given in (product(title="Mug"), product(title="Mug", number=2)):
        answer = await told(channel, given)
        assert isinstance(answer, Refused)
        assert not answer.temporary
        assert "10020051" in answer.reason
    assert world.shop.catalogue.products == {}
    assert world.troubles.calls[f"POST {LIST}"] == 1


async def test_a_product_that_is_gone_is_not_made_again(here: Here) -> None:
    world, channel = here
    first = await published(channel, product())
    world.shop.catalogue.products.clear()
    answer = await told(channel, again(product(), first))
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert world.shop.catalogue.products == {}


async def test_a_picture_that_cannot_be_fetched_and_one_too_few_are_refused(here: Here) -> None:
    world, channel = here
    broken = msgspec.structs.replace(product(), image="https://shop.example/gone.jpg")
    answer = await told(channel, broken)
    assert isinstance(answer, Refused)
    assert answer.temporary
    answer = await told(channel, msgspec.structs.replace(product(), image=None))
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert world.troubles.calls.get(f"POST {ADD}") is None
    assert world.troubles.calls[f"POST {FETCH}"] == 1


async def test_throttling_and_an_ended_token_make_no_second_product(here: Here) -> None:
    world, channel = here
    world.troubles.throttle.append(Throttled())
    with pytest.raises(ChannelDownError):
        await channel.publish([product()])
    await channel.items(after=None)
    world.shop.end_tokens()
    await published(channel, product())
    assert len(world.shop.catalogue.products) == 1


async def test_items_are_listed_page_by_page(here: Here) -> None:
    world, channel = here
    for number in range(23):
        world.shop.catalogue.stock_up(f"Their mug {number}", [f"A-{number}", f"B-{number}"])
    found: list[ListedItem] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        page = await channel.items(after=after)
        found += page.items
        after, pages = page.next, pages + 1
    assert [one.seller_sku for one in found] == [f"{letter}-{number}" for number in range(23) for letter in "AB"]
    assert len({one.item_id for one in found}) == 46
    assert found[0].title == "Their mug 0"
    assert pages == 4, "WeChat names a next page until one is empty"
