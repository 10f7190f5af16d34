"""The catalogue of a shop at Shopify, against one that checks every field and deletes what it is not told."""

import json
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.publishing import Lists, Product, PublishAnswer, Published, Publishes, Variant
from inventory.channels.shopify.channel_http import ShopifyChannel, ShopifyKind
from kit.money import Money
from tests.fakes.channels.shopify import FakeShopify
from tests.integration.inventory.channels.shopify_shop import opened
from tests.serving import serving

RED = Variant(sku="MUG-RED", title="Red", price=Money(1999, "EUR"), level=5, item_id=None)
BLUE = Variant(sku="MUG-BLUE", title="Blue", price=Money(2000, "EUR"), level=7, item_id=None)
MUG = Product(
    product_id="prod_01JABC",
    product_key="mug",
    title="A mug",
    description="<p>For tea.</p>",
    image="https://example.com/mug.jpg",
    vendor="Potter",
    listing="",
    variants=(RED, BLUE),
)
TEMPLATE = {"status": "DRAFT", "variant": {"taxable": False}}


@pytest.fixture
def shop() -> FakeShopify:
    return FakeShopify()


@pytest.fixture
async def channel(shop: FakeShopify) -> AsyncIterator[ShopifyChannel]:
    async with serving(shop.app) as url, opened(url, shop, product_template=json.dumps(TEMPLATE)) as channel:
        yield channel


async def publish(channel: ShopifyChannel, told: Product) -> PublishAnswer:
    (answer,) = await channel.publish([told])
    return answer


async def published(channel: ShopifyChannel, told: Product) -> Published:
    answer = await publish(channel, told)
    assert isinstance(answer, Published), answer
    return answer


async def test_a_new_product_is_created_with_what_the_template_says(shop: FakeShopify, channel: ShopifyChannel) -> None:
    assert isinstance(channel, Publishes)
    assert isinstance(channel, Lists)
    answer = await published(channel, MUG)
    (product,) = shop.catalogue.products.values()
    assert product["id"].endswith(f"/{answer.listing}")
    assert (product["title"], product["status"], product["vendor"]) == ("A mug", "DRAFT", "Potter")
    red, blue = shop.catalogue.variants(answer.listing)
    assert (red["sku"], red["price"], blue["sku"], blue["price"]) == ("MUG-RED", "19.99", "MUG-BLUE", "20.00")
    for variant, units in ((red, 5), (blue, 7)):
        item_id = answer.items[variant["sku"]]
        ShopifyKind().check_item_id(item_id)
        assert variant["item"].endswith(f"/{item_id}")
        assert (shop.items[item_id].available, shop.items[item_id].tracked) == (units, True)
    assert await channel.read(list(answer.items.values())) == [5, 7]


@pytest.mark.parametrize("blind", [True, False])
async def test_a_creation_whose_answer_was_lost_makes_one_product_only(
    shop: FakeShopify, channel: ShopifyChannel, blind: bool
) -> None:
    shop.catalogue.blind = blind
    shop.lose["product"] = 1
    with pytest.raises(ChannelDownError):
        await publish(channel, MUG)
    (product,) = shop.catalogue.products.values()
    items = dict(shop.items)
    answer = await published(channel, MUG)
    assert list(shop.catalogue.products) == [product["id"]]
    assert set(answer.items) == {"MUG-RED", "MUG-BLUE"}
    assert shop.items == items


async def test_an_update_keeps_items_quantities_and_what_staff_added(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    first = await published(channel, MUG)
    product = shop.catalogue.products[f"gid://shopify/Product/{first.listing}"]
    product["status"], product["handle"] = "ACTIVE", "renamed-by-staff"
    shop.items[first.items["MUG-RED"]].available = 2  # three were sold
    green = replace(RED, sku="MUG-GREEN", title="Green")
    dearer = replace(RED, price=Money(2150, "EUR"), title="Dark red")
    told = replace(MUG, listing=first.listing, title="A large mug", variants=(dearer, BLUE, green))
    again = await published(channel, told)
    assert again.listing == first.listing
    assert {sku: again.items[sku] for sku in first.items} == first.items
    assert (product["title"], product["status"], product["handle"]) == ("A large mug", "ACTIVE", "renamed-by-staff")
    assert [one["price"] for one in shop.catalogue.variants(first.listing)] == ["21.50", "20.00", "19.99"]
    assert shop.items[first.items["MUG-RED"]].available == 2
    assert shop.items[again.items["MUG-GREEN"]].available == 5


async def test_a_product_of_the_merchants_own_with_our_skus_is_taken_over_and_loses_nothing(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    own = shop.catalogue.add("Mug by hand", "MUG-RED", "MUG-BLUE", "MUG-WHITE", options=("Colour", "Size"))
    before = [variant["id"] for variant in own["variants"]]
    answer = await published(channel, MUG)
    assert own["id"].endswith(f"/{answer.listing}")
    after = shop.catalogue.variants(answer.listing)
    assert [variant["id"] for variant in after] == before
    assert [value["name"] for value in after[2]["optionValues"]] == ["Colour 2", "Size 2"]
    assert (own["title"], own["handle"]) == ("A mug", "mug-by-hand")
    assert len(shop.catalogue.products) == 1


async def test_a_sku_that_only_begins_like_ours_is_not_ours(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.catalogue.add("Another mug", "MUG-RED-XL", "mug-red")
    answer = await published(channel, MUG)
    assert len(shop.catalogue.products) == 2
    assert len(shop.catalogue.variants(answer.listing)) == 2


async def test_a_product_that_was_deleted_there_is_made_again(shop: FakeShopify, channel: ShopifyChannel) -> None:
    first = await published(channel, MUG)
    shop.catalogue.products.clear()
    again = await published(channel, replace(MUG, listing=first.listing))
    assert again.listing != first.listing


async def test_skus_in_two_products_are_for_staff(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.catalogue.add("Red mug", "MUG-RED")
    shop.catalogue.add("Blue mug", "MUG-BLUE")
    answer = await publish(channel, MUG)
    assert isinstance(answer, Refused)
    assert "several products" in answer.reason
    assert not answer.temporary


async def test_a_price_in_another_currency_is_not_told(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.catalogue.currency = "USD"
    answer = await publish(channel, MUG)
    assert isinstance(answer, Refused)
    assert "the shop sells in USD" in answer.reason
    assert shop.catalogue.products == {}


async def test_what_is_refused_is_told(shop: FakeShopify, channel: ShopifyChannel) -> None:
    for code, temporary in (("INVALID_PRODUCT", False), ("GENERIC_ERROR", True)):
        shop.catalogue.refuse = code
        answer = await publish(channel, MUG)
        assert isinstance(answer, Refused)
        assert (code in answer.reason, answer.temporary) == (True, temporary)
    assert isinstance(await publish(channel, replace(MUG, title="")), Refused)


async def test_more_variants_than_are_read_are_not_told(shop: FakeShopify, channel: ShopifyChannel) -> None:
    many = tuple(replace(RED, sku=f"S{number}", title=f"T{number}") for number in range(101))
    assert isinstance(await publish(channel, replace(MUG, variants=many)), Refused)
    assert shop.catalogue.products == {}
    shop.catalogue.add("Huge", *(one.sku for one in many))
    answer = await publish(channel, replace(MUG, variants=many[:1]))
    assert isinstance(answer, Refused)
    assert len(shop.catalogue.products) == 1


async def test_the_most_variants_are_taken(channel: ShopifyChannel) -> None:
    many = tuple(replace(RED, sku=f"S{number}", title=f"T{number}") for number in range(channel.publishing.batch_size))
    answer = await published(channel, replace(MUG, variants=many))
    assert len(answer.items) == channel.publishing.batch_size


async def test_items_are_listed_page_by_page(shop: FakeShopify, channel: ShopifyChannel) -> None:
    for number in range(3):
        shop.catalogue.add(f"Product {number}", f"S{number}", f"T{number}")
    shop.catalogue.page_size = 4
    first = await channel.items(after=None)
    assert first.next is not None
    second = await channel.items(after=first.next)
    assert second.next is None
    items = [*first.items, *second.items]
    assert [item.seller_sku for item in items] == ["S0", "T0", "S1", "T1", "S2", "T2"]
    assert all(item.title.startswith(f"Product {item.seller_sku[1:]}") for item in items)
    assert [item.item_id for item in items] == list(shop.items)


async def test_a_missing_scope_for_products_stops_no_levels(shop: FakeShopify, channel: ShopifyChannel) -> None:
    shop.scopes = {"read_inventory", "write_inventory"}
    for call in (channel.items(after=None), channel.publish([MUG])):
        with pytest.raises(ChannelDownError, match="grant read_products and write_products"):
            await call
    assert await channel.read(["1"]) == [None]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data":{}}', b'{"data":{"productSet":null}}', b"\xff"])
async def test_rubbish_is_unknown(shop: FakeShopify, channel: ShopifyChannel, body: bytes) -> None:
    for call in (channel.items(after=None), channel.publish([MUG])):
        shop.garble.append(body)
        with pytest.raises(ChannelDownError):
            await call


async def test_a_product_whose_items_are_linked_and_carry_no_sku_is_not_made_a_second_time(
    shop: FakeShopify, channel: ShopifyChannel
) -> None:
    linked = replace(MUG, variants=(replace(RED, item_id="30322695"), BLUE))
    refused = await publish(channel, linked)
    assert isinstance(refused, Refused)
    assert (refused.temporary, "MUG-RED is linked to an item" in refused.reason) == (False, True)
    assert not shop.catalogue.products
