"""The catalogue of a Douyin shop: told, found again after a lost answer, and listed for matching."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.douyin.channel_http import DouyinChannel
from inventory.channels.publishing import ListedItem, Product, PublishAnswer, Published, Variant
from kit.money import Money
from tests.fakes.channels.douyin_products import ADD, DETAIL, EDIT, LIST, PRICE
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.douyin_world import DouyinWorld, douyin_world

Here = tuple[DouyinWorld, DouyinChannel]


@pytest.fixture
async def here() -> AsyncIterator[Here]:
    async with douyin_world() as both:
        yield both


def variant(sku: str, *, price: int = 1_999, level: int = 7, item_id: str | None = None) -> Variant:
    return Variant(sku=sku, title=sku.lower(), price=Money(price, "CNY"), level=level, item_id=item_id)


def product(*variants: Variant, title: str = "A mug of clay", listing: str = "") -> Product:
    return Product(
        product_id="prod_1",
        product_key="mug",
        title=title,
        description="It holds tea.",
        image="https://shop.example/mug.jpg",
        vendor="us",
        listing=listing,
        variants=variants or (variant("RED"), variant("BLUE")),
    )


async def told(channel: DouyinChannel, given: Product) -> PublishAnswer:
    [answer] = await channel.publish([given])
    return answer


async def published(channel: DouyinChannel, given: Product) -> Published:
    answer = await told(channel, given)
    assert isinstance(answer, Published), answer
    return answer


def listed_as(given: Product, answer: Published) -> Product:
    return msgspec.structs.replace(given, listing=answer.listing)


@pytest.mark.parametrize("as_text", [False, True], ids=["numbers", "numbers as text"])
async def test_a_new_product_is_added_with_its_skus(here: Here, as_text: bool) -> None:
    world, channel = here
    world.shop.as_text = as_text
    answer = await published(channel, product())
    [made] = world.shop.catalogue.products.values()
    assert answer.listing == str(made.product_id)
    assert answer.items == {one.code: f"{made.product_id}/{one.sku_id}" for one in made.skus}
    for item_id in answer.items.values():
        world.kind.check_item_id(item_id)
    assert await channel.read(list(answer.items.values())) == [7, 7]


async def test_a_changed_product_is_the_same_and_its_stock_is_left_alone(here: Here) -> None:
    world, channel = here
    first = await published(channel, product())
    world.shop.catalogue.pass_audits()
    world.shop.stock = dict.fromkeys(world.shop.stock, 3)
    changed = product(variant("RED", price=1_500), variant("BLUE"), title="A mug of glass")
    assert await published(channel, listed_as(changed, first)) == first
    [made] = world.shop.catalogue.products.values()
    assert (made.fields["name"], [one.price for one in made.skus]) == ("A mug of glass", [1_500, 1_999])
    assert set(world.shop.stock.values()) == {3}
    assert (world.troubles.calls[f"POST {PRICE}"], world.troubles.calls[f"POST {EDIT}"]) == (1, 1)


async def test_a_new_sku_of_a_product_gets_an_item_and_the_others_keep_theirs(here: Here) -> None:
    world, channel = here
    first = await published(channel, product())
    world.shop.catalogue.pass_audits()
    more = product(variant("RED"), variant("BLUE"), variant("GREEN", level=2))
    second = await published(channel, listed_as(more, first))
    assert {sku: second.items[sku] for sku in first.items} == first.items
    assert await channel.read([second.items["GREEN"]]) == [2]


@pytest.mark.parametrize("knows_numbers", [True, False], ids=["by number", "by name"])
async def test_an_addition_whose_answer_was_lost_makes_one_product(here: Here, knows_numbers: bool) -> None:
    world, channel = here
    world.shop.catalogue.knows_numbers, world.shop.catalogue.audits = knows_numbers, False
    world.shop.loses.append(ADD)
    with pytest.raises(ChannelDownError):
        await channel.publish([product()])
    # Its name may have changed meanwhile, and what it is known by may not be asked for yet; not both.
    answer = await published(channel, product(title="A mug of glass") if knows_numbers else product())
    assert [str(one) for one in world.shop.catalogue.products] == [answer.listing]
    assert set(answer.items) == {"RED", "BLUE"}


async def test_a_product_that_the_merchant_made_is_taken_over_and_not_doubled(here: Here) -> None:
    world, channel = here
    world.shop.catalogue.stock_up("A mug of clay", ["OTHER"])
    theirs = world.shop.catalogue.stock_up("A mug of clay", ["RED", "BLUE"])
    assert (await published(channel, product())).listing == str(theirs)
    assert len(world.shop.catalogue.products) == 2
    assert f"POST {ADD}" not in world.troubles.calls


async def test_options_of_the_merchants_own_are_not_written_over(here: Here) -> None:
    world, channel = here
    world.shop.catalogue.stock_up("A mug of clay", ["RED"])
    answer = await told(channel, product())
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert "options of its own" in answer.reason
    assert f"POST {EDIT}" not in world.troubles.calls


async def test_a_linked_product_is_changed_without_a_search(here: Here) -> None:
    world, channel = here
    theirs = world.shop.catalogue.stock_up("Their own mug", ["RED", "BLUE"])
    items = {one.seller_sku: one.item_id for one in (await channel.items(after=None)).items}
    lists = world.troubles.calls[f"POST {LIST}"]
    linked = product(*(variant(sku, item_id=item_id) for sku, item_id in items.items()))
    assert await published(channel, linked) == Published(listing=str(theirs), items=items)
    assert world.troubles.calls[f"POST {LIST}"] == lists


async def test_skus_that_are_linked_to_several_products_are_refused(here: Here) -> None:
    _, channel = here
    answer = await told(channel, product(variant("RED", item_id="1/2"), variant("BLUE", item_id="3/4")))
    assert isinstance(answer, Refused)
    assert "several products" in answer.reason


async def test_what_is_in_the_audit_is_told_when_it_is_the_same_and_else_later(here: Here) -> None:
    world, channel = here
    first = await published(channel, product())
    assert await published(channel, listed_as(product(), first)) == first
    answer = await told(channel, listed_as(product(title="A mug of glass"), first))
    assert isinstance(answer, Refused)
    assert answer.temporary
    assert f"POST {EDIT}" not in world.troubles.calls


async def test_what_douyin_does_not_take_is_refused_with_its_words(here: Here) -> None:
    world, channel = here
    answer = await told(channel, product(title="杯" * 31))
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert "the name is too long" in answer.reason
    assert world.shop.catalogue.products == {}


async def test_a_product_that_is_gone_is_not_made_again(here: Here) -> None:
    world, channel = here
    first = await published(channel, product())
    for product_there in world.shop.catalogue.products.values():
        product_there.is_deleted = True
    answer = await told(channel, listed_as(product(), first))
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert len(world.shop.catalogue.products) == 1


async def test_a_lost_change_is_told_again(here: Here) -> None:
    world, channel = here
    world.shop.catalogue.audits = False
    first = await published(channel, product())
    world.shop.loses.append(EDIT)
    changed = listed_as(product(variant("RED", price=1), variant("BLUE"), title="A mug of glass"), first)
    with pytest.raises(ChannelDownError):
        await channel.publish([changed])
    assert await published(channel, changed) == first
    [made] = world.shop.catalogue.products.values()
    assert (made.fields["name"], made.skus[0].price) == ("A mug of glass", 1)


async def test_throttling_and_ended_access_make_no_second_product(here: Here) -> None:
    world, channel = here
    world.troubles.throttle.append(Throttled(retry_after_s=3))
    with pytest.raises(ChannelDownError) as down:
        await channel.publish([product()])
    assert down.value.retry_after_ms == 3_000
    world.shop.end_access()
    await published(channel, product())
    assert len(world.shop.catalogue.products) == 1


async def test_items_are_listed_page_by_page_without_deleted_ones(here: Here) -> None:
    world, channel = here
    ids = [world.shop.catalogue.stock_up(f"Mug {number}", [f"A-{number}", f"B-{number}"]) for number in range(123)]
    world.shop.catalogue.products[ids[5]].is_deleted = True
    found: list[ListedItem] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        page = await channel.items(after=after)
        found += page.items
        after, pages = page.next, pages + 1
    expected = [f"{letter}-{number}" for number in range(123) if number != 5 for letter in "AB"]
    assert [one.seller_sku for one in found] == expected
    assert found[0].title == "Mug 0 A-0"
    assert (pages, world.troubles.calls[f"POST {DETAIL}"]) == (13, 123)


async def test_a_shop_without_products_has_one_empty_page(here: Here) -> None:
    _, channel = here
    page = await channel.items(after=None)
    assert (page.items, page.next) == ((), None)
