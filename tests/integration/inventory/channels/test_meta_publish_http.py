"""Products told to a Meta catalogue: made once, changed by telling them again, refused alone."""

from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Level, Pending, Refused
from inventory.channels.meta.channel_http import MetaChannel
from inventory.channels.publishing import (
    Product,
    PublishAnswer,
    Published,
    Publishes,
    PublishesLater,
)
from kit.money import Money
from tests.fakes.channels.meta import FakeMeta
from tests.fakes.channels.troubles import Throttled
from tests.integration.inventory.channels.meta_shop import PRODUCTS, opened
from tests.integration.inventory.channels.products import CUP, MUG, NO_IMAGE
from tests.serving import serving


@pytest.fixture
def meta() -> FakeMeta:
    return FakeMeta()


@pytest.fixture
async def channel(meta: FakeMeta) -> AsyncIterator[MetaChannel]:
    async with serving(meta.app) as url, opened(url, **PRODUCTS) as channel:
        yield channel


async def published(channel: MetaChannel, *products: Product) -> list[PublishAnswer]:
    """Publish products and ask until it is known what came of them."""
    answers: list[PublishAnswer] | Pending | None = await channel.publish(products)
    if isinstance(answers, Pending):
        answers = await channel.published(answers, products)
    assert isinstance(answers, list)
    return answers


def reasons(answers: Sequence[PublishAnswer]) -> list[tuple[str, bool] | None]:
    return [(one.reason, one.temporary) if isinstance(one, Refused) else None for one in answers]


async def test_products_are_made_with_all_that_is_known_of_them(meta: FakeMeta, channel: MetaChannel) -> None:
    assert isinstance(channel, Publishes)
    assert isinstance(channel, PublishesLater)
    assert await published(channel, MUG, CUP) == [Published(), Published()]
    assert list(meta.products) == ["MUG-L", "MUG-S", "CUP"]
    assert meta.products["MUG-L"].cells == {
        "id": "MUG-L",
        "title": "Mug - L",
        "description": "Holds tea.",
        "availability": "in stock",
        "condition": "new",
        "price": "24.99 USD",
        "link": "https://shop.example/p/mug?sku=MUG-L",
        "image_link": "https://img.example/mug.png",
        "brand": "Potter",
        "item_group_id": "prod_1",
        "quantity_to_sell_on_facebook": 7,
    }
    assert (meta.products["MUG-S"].availability, meta.products["MUG-S"].quantity) == ("out of stock", 0)
    cup = meta.products["CUP"].cells
    assert (cup["price"], cup["brand"], cup["description"]) == ("1300 JPY", "House", "Cup")
    assert "item_group_id" not in cup
    assert meta.batches == [3]


async def test_telling_a_product_again_changes_it_and_makes_none(meta: FakeMeta, channel: MetaChannel) -> None:
    await published(channel, CUP)
    variant = msgspec.structs.replace(CUP.variants[0], price=Money(900, "JPY"))
    assert await published(channel, msgspec.structs.replace(CUP, title="Teacup", variants=(variant,))) == [Published()]
    assert list(meta.products) == ["CUP"]
    assert (meta.products["CUP"].title, meta.products["CUP"].cells["price"]) == ("Teacup", "900 JPY")


async def test_a_lost_answer_makes_no_second_item(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await published(channel, CUP)
    assert await published(channel, CUP) == [Published()]
    assert list(meta.products) == ["CUP"]


async def test_a_variant_that_is_linked_keeps_its_item(meta: FakeMeta, channel: MetaChannel) -> None:
    linked = msgspec.structs.replace(CUP, variants=(msgspec.structs.replace(CUP.variants[0], item_id="theirs-1"),))
    assert await published(channel, linked) == [Published()]
    assert list(meta.products) == ["theirs-1"]
    assert meta.products["theirs-1"].cells["link"].endswith("sku=CUP")


async def test_while_meta_works_there_is_no_answer(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.polls = 2
    pending = await channel.publish([CUP])
    assert isinstance(pending, Pending)
    assert [await channel.published(pending, [CUP]) for _ in range(3)] == [None, None, [Published()]]


async def test_a_product_without_an_image_is_refused_alone_and_never_sent(meta: FakeMeta, channel: MetaChannel) -> None:
    first, second = reasons(await published(channel, NO_IMAGE, MUG))
    assert first is not None
    assert "image_template" in first[0]
    assert (first[1], second) == (False, None)
    assert list(meta.products) == ["MUG-L", "MUG-S"]
    assert reasons(await published(channel, NO_IMAGE)) == [first]
    assert meta.batches == [2]


async def test_without_link_template_nothing_is_published(meta: FakeMeta) -> None:
    async with serving(meta.app) as url, opened(url) as channel:
        [answer] = reasons(await published(channel, MUG))
    assert answer is not None
    assert "link_template" in answer[0]
    assert not answer[1]
    assert meta.products == {}


@pytest.mark.parametrize("when", ["wrong", "later_wrong"])
async def test_a_product_with_an_item_that_meta_refuses_is_refused_with_its_reason(
    meta: FakeMeta, channel: MetaChannel, when: str
) -> None:
    setattr(meta, when, {"MUG-S": "the item is under review"})
    first, second = reasons(await published(channel, MUG, CUP))
    assert first is not None
    assert "MUG-S: Meta: the item is under review" in first[0]
    assert (first[1], second) == (False, None)


async def test_errors_without_names_are_tried_again_for_all(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.names_none = True
    meta.later_wrong = {"CUP": "no"}
    assert [one and one[1] for one in reasons(await published(channel, MUG, CUP))] == [True, True]


async def test_too_many_items_are_sent_in_halves(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.most_entries = 1
    assert await published(channel, MUG, CUP) == [Published(), Published()]
    assert meta.batches == [1, 1, 1]


async def test_the_largest_batch_is_one_call(meta: FakeMeta, channel: MetaChannel) -> None:
    size = channel.publishing.batch_size
    variant = CUP.variants[0]
    products = [
        msgspec.structs.replace(
            CUP,
            product_id=f"prod_{n}",
            description="€" * 9_000,
            variants=(msgspec.structs.replace(variant, sku=f"S{n}", item_id=None),),
        )
        for n in range(size)
    ]
    assert await published(channel, *products) == [Published()] * size
    assert meta.batches == [size]


async def test_a_call_that_meta_refuses_is_refused_for_all_its_products(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.fail_with.append((400, {"code": 100, "message": "(#100) Param requests must be an array"}, None))
    answers = reasons(await published(channel, MUG, CUP))
    assert all(one is not None and "(#100)" in one[0] and not one[1] for one in answers)


async def test_limits_and_a_dead_token_are_as_with_levels(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.troubles.throttle.append(Throttled(retry_after_s=3))
    with pytest.raises(ChannelDownError) as down:
        await channel.publish([CUP])
    assert down.value.retry_after_ms == 3_000
    pending = await channel.publish([CUP])
    assert isinstance(pending, Pending)
    meta.dead = True
    with pytest.raises(ChannelGoneError, match="make a new one"):
        await channel.published(pending, [CUP])


async def test_a_level_after_publishing_finds_the_item(meta: FakeMeta, channel: MetaChannel) -> None:
    await published(channel, CUP)
    level = Level(sku="CUP", item_id="CUP", quantity=2, version=1)
    pending = await channel.tell([level])
    assert isinstance(pending, Pending)
    await channel.outcome(pending, [level])
    assert meta.products["CUP"].quantity == 2
    assert meta.products["CUP"].title == "Cup"
