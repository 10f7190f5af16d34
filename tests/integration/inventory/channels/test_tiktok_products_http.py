"""The catalogue of TikTok Shop, against a shop that checks every field."""

import json
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.publishing import Lists, Product, PublishAnswer, Published, Publishes, Variant
from kit.money import Money
from tests.integration.inventory.channels.tiktok_shop import Shop, open_shop

TEMPLATE: dict[str, object] = {
    "category_id": "600001",
    "main_images": [{"uri": "tos/all.jpg"}],
    "package_weight": {"value": "1", "unit": "KILOGRAM"},
    "products": {"mug": {"main_images": [{"uri": "tos/mug.jpg"}]}},
    "sku": {"identifier_code": {"code": "00012345678905", "type": "GTIN"}},
    "title": "never shown",
}


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as shop:
        shop.open(template=json.dumps(TEMPLATE))
        yield shop


RED = Variant(sku="MUG-RED", title="Red", price=Money(1999, "EUR"), level=5, item_id=None)
BLUE = Variant(sku="MUG-BLUE", title="Blue", price=Money(2000, "EUR"), level=7, item_id=None)


def product(*variants: Variant, listing: str = "", title: str = "A mug", key: str = "mug") -> Product:
    return Product(
        product_id="prod_01J",
        product_key=key,
        title=title,
        description="<p>For tea.</p>",
        image="https://example.com/mug.jpg",
        vendor="Potter",
        listing=listing,
        variants=variants or (RED, BLUE),
    )


async def publish(shop: Shop, told: Product) -> PublishAnswer:
    (answer,) = await shop.channel.publish([told])
    return answer


async def published(shop: Shop, told: Product) -> Published:
    answer = await publish(shop, told)
    assert isinstance(answer, Published)
    return answer


async def test_a_new_product_is_created_with_what_the_template_says(shop: Shop) -> None:
    assert isinstance(shop.channel, Publishes)
    assert isinstance(shop.channel, Lists)
    answer = await published(shop, product())
    (listed,) = shop.fake.catalogue.products.values()
    assert answer.listing == listed["id"]
    assert (listed["title"], listed["description"]) == ("A mug", "<p>For tea.</p>")
    assert listed["main_images"] == [{"uri": "tos/mug.jpg"}]
    assert {sku["identifier_code"]["type"] for sku in listed["skus"]} == {"GTIN"}
    assert [sku["price"] for sku in listed["skus"]] == [
        {"amount": "19.99", "currency": "EUR"},
        {"amount": "20", "currency": "EUR"},
    ]
    assert [sku["sales_attributes"] for sku in listed["skus"]] == [
        [{"name": "Variant", "value_name": "Red"}],
        [{"name": "Variant", "value_name": "Blue"}],
    ]
    assert answer.items == {sku["seller_sku"]: f"{listed['id']}/{sku['id']}" for sku in listed["skus"]}
    for item_id, units in zip(answer.items.values(), (5, 7), strict=True):
        shop.kind.check_item_id(item_id)
        assert shop.fake.stock(*item_id.split("/")) == [units, 0]


async def test_a_single_variant_needs_no_name_and_a_title_that_is_not_the_only_one_is_none(shop: Shop) -> None:
    answer = await published(shop, product(RED))
    assert shop.fake.catalogue.products[answer.listing]["skus"][0]["sales_attributes"] == []
    twins = (
        Variant(sku="A", title="Same", price=RED.price, level=1, item_id=None),
        Variant(sku="B", title="Same", price=RED.price, level=1, item_id=None),
        Variant(sku="C", title="", price=RED.price, level=1, item_id=None),
    )
    other = replace(product(*twins), product_id="prod_02")
    answer = await published(shop, other)
    skus = shop.fake.catalogue.products[answer.listing]["skus"]
    assert [sku["sales_attributes"][0]["value_name"] for sku in skus] == ["A", "B", "C"]


@pytest.mark.parametrize("blind", [True, False])
async def test_a_creation_whose_answer_was_lost_makes_one_product_only(shop: Shop, blind: bool) -> None:
    shop.fake.catalogue.blind = blind
    shop.fake.lose["/product/202309/products"] = 1
    with pytest.raises(ChannelDownError):
        await publish(shop, product())
    assert len(shop.fake.catalogue.products) == 1
    answer = await published(shop, product())
    assert list(shop.fake.catalogue.products) == [answer.listing]
    assert set(answer.items) == {"MUG-RED", "MUG-BLUE"}


async def test_a_product_that_is_there_is_edited_only_where_it_changed(shop: Shop) -> None:
    first = await published(shop, product())
    listed = shop.fake.catalogue.products[first.listing]
    shop.troubles.calls.clear()
    assert await published(shop, product(listing=first.listing)) == first
    assert shop.troubles.calls == {f"GET /product/202309/products/{first.listing}": 1}
    listed["status"] = "ACTIVATE"
    dearer = replace(RED, price=Money(2150, "EUR"))
    assert await published(shop, product(dearer, BLUE, listing=first.listing, title="A large mug")) == first
    assert listed["title"] == "A large mug"
    assert [sku["price"]["amount"] for sku in listed["skus"]] == ["21.50", "20"]
    assert shop.fake.catalogue.edits == 1


async def test_a_product_of_the_merchants_own_with_our_skus_is_taken_over(shop: Shop) -> None:
    own = shop.fake.catalogue.add("Mug by hand", "MUG-RED", "MUG-BLUE", "MUG-GREEN")
    answer = await published(shop, product())
    assert answer.listing == own
    assert set(answer.items) == {"MUG-RED", "MUG-BLUE"}
    assert len(shop.fake.catalogue.products) == 1
    assert [sku["seller_sku"] for sku in shop.fake.catalogue.products[own]["skus"]] == [
        "MUG-RED",
        "MUG-BLUE",
        "MUG-GREEN",
    ]


async def test_a_linked_sku_that_is_called_otherwise_over_there_is_found(shop: Shop) -> None:
    own = shop.fake.catalogue.add("Mug by hand", "their-name")
    sku_id = shop.fake.catalogue.products[own]["skus"][0]["id"]
    linked = replace(RED, item_id=f"{own}/{sku_id}")
    answer = await published(shop, product(linked))
    assert answer == Published(listing=own, items={"MUG-RED": f"{own}/{sku_id}"})


async def test_a_deleted_product_is_not_found(shop: Shop) -> None:
    shop.fake.catalogue.add("Old mug", "MUG-RED", status="DELETED")
    answer = await published(shop, product())
    assert shop.fake.catalogue.products[answer.listing]["title"] == "A mug"


@pytest.mark.parametrize(
    ("told", "template", "says"),
    [
        (product(key="other"), {"category_id": "1"}, "uploaded images only"),
        (product(Variant(sku="X", title="", price=Money(1, "USD"), level=1, item_id=None)), TEMPLATE, "12052084"),
        (product(Variant(sku="X", title="", price=Money(1, "XXX"), level=1, item_id=None)), TEMPLATE, "XXX"),
        (product(title="m" * 256), TEMPLATE, "12052051"),
        (product(listing="404"), TEMPLATE, "12052032"),
    ],
)
async def test_what_is_refused_is_told(shop: Shop, told: Product, template: dict[str, object], says: str) -> None:
    shop.open(template=json.dumps(template))
    answer = await publish(shop, told)
    assert isinstance(answer, Refused)
    assert says in answer.reason
    assert not answer.temporary
    assert shop.fake.catalogue.products == {}


async def test_skus_in_two_products_and_a_sku_that_is_missing_there_are_for_staff(shop: Shop) -> None:
    first = shop.fake.catalogue.add("Red mug", "MUG-RED")
    shop.fake.catalogue.add("Blue mug", "MUG-BLUE")
    answer = await publish(shop, product())
    assert isinstance(answer, Refused)
    assert "several products" in answer.reason
    answer = await publish(shop, product(listing=first))
    assert isinstance(answer, Refused)
    assert "no SKU MUG-BLUE" in answer.reason


async def test_a_price_may_have_to_wait_for_the_review(shop: Shop) -> None:
    first = await published(shop, product())
    dearer = replace(RED, price=Money(2150, "EUR"))
    answer = await publish(shop, product(dearer, BLUE, listing=first.listing))
    assert isinstance(answer, Refused)
    assert answer.temporary


async def test_more_variants_than_a_product_may_have_are_not_tried(shop: Shop) -> None:
    many = tuple(replace(RED, sku=f"S{number}") for number in range(101))
    answer = await publish(shop, product(*many))
    assert isinstance(answer, Refused)
    assert shop.troubles.calls == {}


async def test_items_are_listed_page_by_page_without_what_was_deleted(shop: Shop) -> None:
    ids = [shop.fake.catalogue.add(f"Product {number}", f"S{number}", f"T{number}") for number in range(5)]
    shop.fake.catalogue.products[ids[1]]["status"] = "DELETED"
    shop.fake.catalogue.page_size = 2
    names: list[str] = []
    after = None
    for _ in range(3):
        page = await shop.channel.items(after=after)
        names += [item.seller_sku for item in page.items]
        for item in page.items:
            shop.kind.check_item_id(item.item_id)
            assert item.title == f"Product {item.seller_sku[1:]}"
        after = page.next
    assert after is None
    assert names == ["S0", "T0", "S2", "T2", "S3", "T3", "S4", "T4"]


async def test_a_missing_scope_for_products_stops_no_levels(shop: Shop) -> None:
    shop.fake.scopes = {"stock"}
    for call in (shop.channel.items(after=None), shop.channel.publish([product()])):
        with pytest.raises(ChannelDownError, match="the app may not change products"):
            await call
    assert await shop.channel.read(["1001/11"]) == [2]
