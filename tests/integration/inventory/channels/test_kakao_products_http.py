"""Products and items of KakaoTalk Store against a store that checks every body, on a real HTTP server."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Level, Refused, Told
from inventory.channels.kakao.channel_http import KakaoKind
from inventory.channels.publishing import ItemPage, Lists, Product, PublishAnswer, Published, Publishes, Variant
from kit.money import Money
from tests.fakes.channels.kakao_products import REGISTER, UPDATE_PRODUCT
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.kakao_store import MUG, KakaoStore, kakao_store


@pytest.fixture
async def store() -> AsyncIterator[KakaoStore]:
    async with kakao_store() as one:
        yield one


def variant(sku: str, title: str = "", amount: int = 12_000, level: int = 3, item_id: str | None = None) -> Variant:
    return Variant(sku=sku, title=title, price=Money(amount, "KRW"), level=level, item_id=item_id)


CAP = Product(
    product_id="prod_1",
    product_key="cap",
    title="모자",
    description="<p>면</p>",
    image="https://img.example/cap.jpg",
    vendor="Brand",
    listing="",
    variants=(variant("C-RED", "빨강"), variant("C-BLACK", "검정", amount=12_500, level=4)),
)


async def publish(store: KakaoStore, product: Product) -> PublishAnswer:
    (answer,) = await store.channel.publish([product])
    return answer


async def published(store: KakaoStore, product: Product) -> Published:
    answer = await publish(store, product)
    assert isinstance(answer, Published), answer
    return answer


async def test_the_channel_publishes_and_lists(store: KakaoStore) -> None:
    assert isinstance(store.channel, Publishes)
    assert isinstance(store.channel, Lists)
    assert store.channel.publishing.products == 1


async def test_a_new_product_is_registered_with_its_stock_and_can_be_told_levels_at_once(store: KakaoStore) -> None:
    made = await published(store, CAP)
    there = store.fake.products[int(made.listing)]
    assert [(one["managedCode"], one["price"], one["stockQuantity"]) for one in there["option"]["combinations"]] == [
        ("C-RED", 0, 3),
        ("C-BLACK", 500, 4),
    ]
    assert (there["salePrice"], there["storeManagementCode"], there["taxType"]) == (12_000, "cap", "TAX")
    level = Level(sku="C-RED", item_id=made.items["C-RED"], quantity=9, version=1)
    assert await store.channel.tell([level]) == [Told()]
    assert await store.channel.read([made.items["C-RED"], made.items["C-BLACK"]]) == [9, 4]


async def test_a_product_without_variants_is_registered_without_options_and_told_levels(store: KakaoStore) -> None:
    made = await published(store, msgspec.structs.replace(CAP, variants=(variant("POT"),)))
    assert made.items == {"POT": made.listing}
    assert await store.channel.read([made.listing]) == [3]
    assert await store.channel.tell([Level(sku="POT", item_id=made.listing, quantity=0, version=1)]) == [Told()]
    assert await store.channel.read([made.listing]) == [0]


async def test_a_sale_of_a_published_product_is_known_by_our_codes(store: KakaoStore) -> None:
    made = await published(store, CAP)
    product_id, _, combination_id = made.items["C-BLACK"].partition("/")
    (order,) = await store.channel.orders([store.fake.place_order(int(product_id), int(combination_id), 2)])
    assert order is not None
    assert [(line.item_id, line.quantity) for line in order.lines] == [(made.items["C-BLACK"], 2)]


async def test_telling_a_product_again_changes_it_and_makes_no_second(store: KakaoStore) -> None:
    made = await published(store, CAP)
    changed = msgspec.structs.replace(
        CAP,
        title="새 모자",
        listing=made.listing,
        variants=(
            variant("C-RED", "빨강", amount=15_000),
            variant("C-BLACK", "검정"),
            variant("C-BLUE", "파랑", level=0),
        ),
    )
    again = await published(store, changed)
    assert await published(store, changed) == again
    there = store.fake.products[int(made.listing)]
    assert there["name"] == "새 모자"
    assert [(one["managedCode"], one["price"], one["stockQuantity"]) for one in there["option"]["combinations"]] == [
        ("C-RED", 3_000, 3),
        ("C-BLACK", 0, 4),
        ("C-BLUE", 0, 0),
    ]
    assert made.items.items() <= again.items.items()
    assert set(again.items) == {"C-RED", "C-BLACK", "C-BLUE"}
    assert store.fake.catalogue.registered == 1


async def test_a_combination_without_stock_is_added_right_after_registering(store: KakaoStore) -> None:
    scarce = msgspec.structs.replace(CAP, variants=(variant("C-RED", "빨강"), variant("C-BLACK", "검정", level=0)))
    made = await published(store, scarce)
    assert set(made.items) == {"C-RED", "C-BLACK"}
    assert await store.channel.read([made.items["C-BLACK"]]) == [0]
    assert (store.calls(f"POST {REGISTER}"), store.calls(f"POST {UPDATE_PRODUCT}")) == (1, 1)


async def test_a_linked_product_of_the_merchants_is_put_right_and_keeps_all_else(store: KakaoStore) -> None:
    before = copy.deepcopy(store.fake.products[22])
    linked = msgspec.structs.replace(
        CAP, variants=(variant("S-RED", amount=31_000, item_id="22/1"), variant("OTHER", amount=32_000, item_id="22/2"))
    )
    assert (await published(store, linked)).items == {"S-RED": "22/1", "OTHER": "22/2"}
    there = store.fake.products[22]
    assert there["next year's field"] == before["next year's field"]
    assert there["delivery"] == {"baseFee": 2500, "deliveryMethodType": "DELIVERY", "asGuideWords": "문의"}
    assert [one["stockQuantity"] for one in there["option"]["combinations"]] == [5, 6]
    assert there["option"]["combinationAttributes"] == before["option"]["combinationAttributes"]
    assert (there["salePrice"], there["option"]["combinations"][1]["price"]) == (31_000, 1_000)
    assert store.fake.catalogue.registered == 0


async def test_skus_that_are_linked_to_several_products_are_refused(store: KakaoStore) -> None:
    torn = msgspec.structs.replace(CAP, variants=(variant("A", item_id="22/1"), variant("B", item_id="11")))
    answer = await publish(store, torn)
    assert isinstance(answer, Refused)
    assert "several products" in answer.reason


async def test_a_product_whose_answer_was_lost_is_found_by_its_code(store: KakaoStore) -> None:
    def lose_the_next() -> None:
        store.troubles.lose = 1
        store.fake.on_read = None

    store.fake.on_read = lose_the_next
    with pytest.raises(ChannelDownError):
        await publish(store, CAP)
    assert store.fake.catalogue.registered == 1, "it was made"
    assert set((await published(store, CAP)).items) == {"C-RED", "C-BLACK"}
    assert store.fake.catalogue.registered == 1


async def test_a_listing_that_was_deleted_over_there_is_registered_anew(store: KakaoStore) -> None:
    made = await published(store, CAP)
    del store.fake.products[int(made.listing)]
    again = await published(store, msgspec.structs.replace(CAP, listing=made.listing))
    assert again.listing != made.listing


async def test_what_kakao_refuses_is_refused_for_good_with_the_field(store: KakaoStore) -> None:
    settings = store.config.settings | {
        "product_template": json.dumps(
            {
                "categoryId": "1",
                "productImage": {"representImage": {"url": "https://elsewhere.example/1.jpg"}},
                "delivery": {},
            }
        )
    }
    config = msgspec.structs.replace(store.config, settings=settings)
    channel = KakaoKind(base_url=store.url).open(config, store.never)
    (answer,) = await channel.publish([CAP])
    await channel.close()
    assert isinstance(answer, Refused)
    assert not answer.temporary
    assert "productImage.representImage.url" in answer.reason
    assert store.fake.catalogue.registered == 0


async def test_a_template_without_an_image_is_refused_before_anything_is_called(store: KakaoStore) -> None:
    old = msgspec.structs.replace(store.config, settings={"channel_ids": "101"})
    channel = KakaoKind(base_url=store.url).open(old, store.never)
    (answer,) = await channel.publish([CAP])
    await channel.close()
    assert isinstance(answer, Refused)
    assert "productImage" in answer.reason
    assert store.calls("POST") == 0


@pytest.mark.parametrize(("hint", "wait_ms"), [(None, None), (17, 17_000)])
async def test_throttling_is_passed_on_with_its_hint(store: KakaoStore, hint: int | None, wait_ms: int | None) -> None:
    for call in (store.channel.publish([CAP]), store.channel.items(after=None)):
        store.troubles.throttle.append(Throttled(retry_after_s=hint))
        with pytest.raises(ChannelDownError) as caught:
            await call
        assert caught.value.retry_after_ms == wait_ms
    assert store.fake.catalogue.registered == 0


async def test_keys_that_end_in_the_middle_pause_the_channel(store: KakaoStore) -> None:
    def revoke() -> None:
        store.fake.revoked = True

    store.fake.on_read = revoke
    with pytest.raises(ChannelGoneError):
        await publish(store, CAP)
    with pytest.raises(ChannelGoneError):
        await store.channel.items(after=None)


@pytest.mark.parametrize("answer", [b"", b"<html>", b"{}", b"[{}]"])
async def test_rubbish_registers_nothing(store: KakaoStore, answer: bytes) -> None:
    store.fake.plan(200, answer)
    with pytest.raises(ChannelDownError):
        await publish(store, CAP)
    store.fake.plan(200, answer)
    with pytest.raises(ChannelDownError):
        await store.channel.items(after=None)
    assert store.fake.catalogue.registered == 0


async def test_items_are_paged_to_the_end_with_their_combinations(store: KakaoStore) -> None:
    for number in range(100, 118):
        store.fake.products[number] = copy.deepcopy(MUG) | {"productId": number, "storeManagementCode": f"M-{number}"}
    pages: list[ItemPage] = [await store.channel.items(after=None)]
    while (after := pages[-1].next) is not None:
        pages.append(await store.channel.items(after=after))
    items = [item for page in pages for item in page.items]
    assert [item.item_id for item in items[:4]] == ["11", "22/1", "22/2", "100"]
    assert [item.seller_sku for item in items[:4]] == ["MUG", "S-RED", "S-NAVY", "M-100"]
    assert (len(items), len(pages)) == (21, 2)


async def test_a_level_that_is_told_while_a_product_is_written_waits_and_is_not_overwritten(store: KakaoStore) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        arrived.set()
        await go_on.wait()

    store.fake.catalogue.before_update = hold
    linked = msgspec.structs.replace(CAP, variants=(variant("S-RED", amount=31_000, item_id="22/1"),))
    publishing = asyncio.create_task(published(store, linked))
    await arrived.wait()
    level = Level(sku="N", item_id="22/2", quantity=1, version=1)
    telling = asyncio.create_task(store.channel.tell([level]))
    await asyncio.wait({telling}, timeout=0.2)
    go_on.set()
    await publishing
    assert await telling == [Told()]
    assert store.fake.quantity(22, 2) == 1
