"""Products and items of LINE MyShop against a shop that checks every body, on a real HTTP server."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Level, Refused, Told
from inventory.channels.line_myshop.calls_http import PRODUCTS
from inventory.channels.publishing import ItemPage, Lists, Product, PublishAnswer, Published, Publishes, Variant
from kit.money import Money
from tests.fakes.channels.line_myshop import Stock
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.line_shop import LineShop, line_shop


@pytest.fixture
async def shop() -> AsyncIterator[LineShop]:
    async with line_shop() as one:
        yield one


def variant(sku: str, title: str, amount: int = 9950, level: int = 3) -> Variant:
    return Variant(sku=sku, title=title, price=Money(amount, "THB"), level=level, item_id=None)


SHIRT = Product(
    product_id="prod_1",
    product_key="shirt",
    title="เสื้อ",
    description="<p>cotton</p>",
    image="https://img.example/shirt.jpg",
    vendor="Brand",
    listing="",
    variants=(variant("S-RED", "แดง", level=3), variant("S-BLACK", "ดำ", level=4)),
)


async def publish(shop: LineShop, product: Product) -> PublishAnswer:
    (answer,) = await shop.channel.publish([product])
    return answer


async def published(shop: LineShop, product: Product) -> Published:
    answer = await publish(shop, product)
    assert isinstance(answer, Published), answer
    return answer


async def test_the_channel_publishes_and_lists(shop: LineShop) -> None:
    assert isinstance(shop.channel, Publishes)
    assert isinstance(shop.channel, Lists)
    assert shop.channel.publishing.products == 1


async def test_a_new_product_is_made_with_its_stock_and_can_be_told_levels_at_once(shop: LineShop) -> None:
    made = await published(shop, SHIRT)
    shown = shop.fake.catalogue.shown(int(made.listing))
    assert [(one["sku"], one["availableNumber"], one["price"]) for one in shown["variants"]] == [
        ("S-RED", 3, 99.5),
        ("S-BLACK", 4, 99.5),
    ]
    assert [one["options"] for one in shown["variants"]] == [
        [{"name": "สี", "value": "แดง"}],
        [{"name": "สี", "value": "ดำ"}],
    ]
    assert shown["category"]["id"] == 7
    levels = [Level(sku="S-RED", item_id=made.items["S-RED"], quantity=9, version=1)]
    assert await shop.channel.tell(levels) == [Told()]
    assert await shop.channel.read([made.items["S-RED"], made.items["S-BLACK"]]) == [9, 4]


async def test_a_product_without_variants_is_made_without_options(shop: LineShop) -> None:
    mug = msgspec.structs.replace(SHIRT, product_key="mug", variants=(variant("MUG", ""),))
    made = await published(shop, mug)
    assert shop.fake.catalogue.shown(int(made.listing))["hasOnlyDefaultVariant"] is True
    assert set(made.items) == {"MUG"}


async def test_telling_a_product_again_changes_it_and_makes_no_second(shop: LineShop) -> None:
    made = await published(shop, SHIRT)
    changed = msgspec.structs.replace(
        SHIRT,
        title="เสื้อใหม่",
        listing=made.listing,
        variants=(variant("S-RED", "แดง", amount=12_345), variant("S-BLACK", "ดำ"), variant("S-BLUE", "ฟ้า", level=2)),
    )
    again = await published(shop, changed)
    assert await published(shop, changed) == again
    shown = shop.fake.catalogue.shown(int(made.listing))
    assert again.listing == made.listing
    assert made.items.items() <= again.items.items()
    assert shown["name"] == "เสื้อใหม่"
    assert [(one["sku"], one["price"]) for one in shown["variants"]] == [
        ("S-RED", 123.45),
        ("S-BLACK", 99.5),
        ("S-BLUE", 99.5),
    ]
    assert shop.fake.catalogue.made == 1
    assert shop.troubles.calls[f"PATCH {PRODUCTS}/{made.listing}/prices"] == 1
    assert shop.troubles.calls[f"POST {PRODUCTS}/{made.listing}/variants"] == 1


async def test_stock_of_a_product_that_is_there_is_left_to_levels(shop: LineShop) -> None:
    made = await published(shop, SHIRT)
    shop.fake.place_order({int(made.items["S-RED"].partition("/")[2]): 2})
    await published(shop, SHIRT)
    assert await shop.channel.read([made.items["S-RED"]]) == [1]


async def test_the_shops_own_discount_stays(shop: LineShop) -> None:
    made = await published(shop, SHIRT)
    shop.fake.catalogue.listings[int(made.listing)].instant_discount = Decimal("9.5")
    dearer = msgspec.structs.replace(SHIRT, variants=(variant("S-RED", "แดง", amount=20_000),))
    await published(shop, dearer)
    listing = shop.fake.catalogue.listings[int(made.listing)]
    assert listing.instant_discount == Decimal("9.5")
    assert next(iter(listing.variants.values())).price == Decimal("200.00")


async def test_a_product_whose_answer_was_lost_is_found_by_its_skus(shop: LineShop) -> None:
    def lose_the_next() -> None:
        shop.troubles.lose = 1
        shop.fake.on_read = None

    shop.fake.on_read = lose_the_next
    with pytest.raises(ChannelDownError):
        await publish(shop, SHIRT)
    assert shop.fake.catalogue.made == 1, "it was made"
    found = await published(shop, SHIRT)
    assert shop.fake.catalogue.made == 1
    assert set(found.items) == {"S-RED", "S-BLACK"}


async def test_a_product_of_the_merchants_own_with_our_skus_is_taken_over(shop: LineShop) -> None:
    theirs = msgspec.structs.replace(SHIRT, variants=(variant("line-20", "M"), variant("line-21", "L")))
    assert (await published(shop, theirs)).items == {"line-20": "2/20", "line-21": "2/21"}
    assert shop.fake.catalogue.made == 0


async def test_a_listing_that_was_deleted_over_there_is_made_anew(shop: LineShop) -> None:
    made = await published(shop, SHIRT)
    del shop.fake.products[int(made.listing)]
    again = await published(shop, msgspec.structs.replace(SHIRT, listing=made.listing))
    assert again.listing != made.listing
    assert shop.fake.catalogue.made == 2


async def test_a_variant_without_stock_waits_until_it_has_some(shop: LineShop) -> None:
    scarce = msgspec.structs.replace(SHIRT, variants=(variant("S-RED", "แดง"), variant("S-BLACK", "ดำ", level=0)))
    assert set((await published(shop, scarce)).items) == {"S-RED"}
    assert set((await published(shop, SHIRT)).items) == {"S-RED", "S-BLACK"}
    none_left = tuple(msgspec.structs.replace(one, sku=f"{one.sku}-2", level=0) for one in SHIRT.variants)
    answer = await publish(shop, msgspec.structs.replace(SHIRT, variants=none_left))
    assert isinstance(answer, Refused)
    assert answer.temporary


async def test_what_line_refuses_is_refused_for_good_with_its_words_and_changes_no_price(shop: LineShop) -> None:
    free = msgspec.structs.replace(SHIRT, variants=(variant("FREE", "", amount=0),))
    answer = await publish(shop, free)
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert "BAD_REQUEST" in answer.reason
    made = await published(shop, SHIRT)
    shop.fake.catalogue.promotion = True
    dearer = msgspec.structs.replace(SHIRT, variants=(variant("S-RED", "แดง", amount=20_000),))
    answer = await publish(shop, dearer)
    assert isinstance(answer, Refused)
    assert "promotion" in answer.reason
    assert shop.fake.catalogue.shown(int(made.listing))["variants"][0]["price"] == 99.5


async def test_another_currency_is_refused_before_anything_is_changed(shop: LineShop) -> None:
    await published(shop, SHIRT)
    calls = dict(shop.troubles.calls)
    euros = tuple(msgspec.structs.replace(one, price=Money(100, "EUR")) for one in SHIRT.variants)
    answer = await publish(shop, msgspec.structs.replace(SHIRT, title="x", variants=euros))
    assert isinstance(answer, Refused)
    assert {name for name in shop.troubles.calls if shop.troubles.calls[name] != calls.get(name)} == {f"GET {PRODUCTS}"}


@pytest.mark.parametrize(("hint", "wait_ms"), [(None, None), (17, 17_000)])
async def test_throttling_is_passed_on_with_its_hint(shop: LineShop, hint: int | None, wait_ms: int | None) -> None:
    for call in (shop.channel.publish([SHIRT]), shop.channel.items(after=None)):
        shop.troubles.throttle.append(Throttled(retry_after_s=hint))
        with pytest.raises(ChannelDownError) as caught:
            await call
        assert caught.value.retry_after_ms == wait_ms
    assert shop.fake.catalogue.made == 0


async def test_a_key_that_ends_in_the_middle_pauses_the_channel(shop: LineShop) -> None:
    def revoke() -> None:
        shop.fake.revoked = True

    shop.fake.on_read = revoke
    with pytest.raises(ChannelGoneError) as caught:
        await publish(shop, SHIRT)
    assert shop.fake.api_key not in caught.value.message
    with pytest.raises(ChannelGoneError):
        await shop.channel.items(after=None)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b'{"data": [{"id": "1"}]}'])
async def test_rubbish_makes_no_product(shop: LineShop, answer: bytes) -> None:
    shop.fake.plan(200, answer)
    with pytest.raises(ChannelDownError):
        await publish(shop, SHIRT)
    assert shop.fake.catalogue.made == 0


async def test_items_are_paged_to_the_end(shop: LineShop) -> None:
    shop.fake.products = {number: [number * 10] for number in range(1, 232)}
    shop.fake.stock = {number * 10: Stock(on_hand=1) for number in range(1, 232)}
    pages: list[ItemPage] = [await shop.channel.items(after=None)]
    while (after := pages[-1].next) is not None:
        pages.append(await shop.channel.items(after=after))
    assert [len(page.items) for page in pages] == [100, 100, 31]
    items = [item for page in pages for item in page.items]
    assert [item.item_id for item in items] == [f"{number}/{number * 10}" for number in range(1, 232)]
    assert items[0].seller_sku == "line-10"


async def test_levels_orders_and_products_may_overlap(shop: LineShop) -> None:
    shop.fake.stock[10].on_hand = 1_000
    numbers = [shop.fake.place_order({10: 1}) for _ in range(5)]

    async def levels() -> None:
        for quantity in range(20):
            await shop.channel.tell([Level(sku="B", item_id="2/21", quantity=quantity, version=quantity + 1)])

    async def orders() -> None:
        for number in numbers:
            await shop.channel.orders([number])

    await asyncio.gather(levels(), orders(), publish(shop, SHIRT), shop.channel.items(after=None))
    assert shop.fake.stock[21].available == 19
    assert shop.fake.catalogue.made == 1


async def test_a_product_whose_items_are_linked_and_carry_no_sku_is_not_made_a_second_time(shop: LineShop) -> None:
    linked = msgspec.structs.replace(SHIRT.variants[0], item_id="9/9")
    (refused,) = await shop.channel.publish([msgspec.structs.replace(SHIRT, variants=(linked,))])
    assert isinstance(refused, Refused)
    assert "is linked to an item" in refused.reason
