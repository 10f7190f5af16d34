"""Products told to a Pinterest catalogue: made once, changed by telling them again, refused alone."""

from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channel import ChannelConfig, ChannelDownError, Level, Pending, Refused, Told
from inventory.channels.pinterest.channel_http import PinterestChannel, PinterestKind
from inventory.channels.publishing import Product, PublishAnswer, Published, Publishes, PublishesLater
from kit.money import Money
from tests.fakes.channels.pinterest import CATALOG_ID, CLIENT_ID, CLIENT_SECRET, FIRST_REFRESH, FakePinterest
from tests.fakes.channels.troubles import Throttled, Troubles
from tests.integration.inventory.channels.products import CUP, MUG, NO_IMAGE
from tests.serving import serving

GIVEN = {
    "catalog_id": CATALOG_ID,
    "country": "US",
    "language": "en-US",
    "client_id": CLIENT_ID,
    "client_secret": CLIENT_SECRET,
    "refresh_token": FIRST_REFRESH,
}
PRODUCTS = {"link_template": "https://shop.example/p/{sku}", "brand": "House"}


@pytest.fixture
def catalogue() -> FakePinterest:
    return FakePinterest()


@pytest.fixture
def troubles(catalogue: FakePinterest) -> Troubles:
    return Troubles(catalogue.app)


@pytest.fixture
async def url(troubles: Troubles) -> AsyncIterator[str]:
    async with serving(Starlette(routes=[Mount("/", app=troubles)])) as url:
        yield url


async def opened(url: str, **settings: str) -> PinterestChannel:
    kind = PinterestKind(base_url=f"{url}/v5")
    prepared = await kind.prepare(GIVEN | settings)
    config = ChannelConfig(
        channel_id="chan_1", kind="pinterest", name="n", settings=prepared.settings, secrets=prepared.secrets
    )

    async def save(_: Mapping[str, str]) -> None:
        """Nobody opens the channel again."""

    return kind.open(config, save)


@pytest.fixture
async def channel(url: str) -> AsyncIterator[PinterestChannel]:
    channel = await opened(url, **PRODUCTS)
    yield channel
    await channel.close()


async def published(channel: PinterestChannel, *products: Product) -> list[PublishAnswer]:
    """Publish products and ask until it is known what came of them."""
    answers: list[PublishAnswer] | Pending | None = await channel.publish(products)
    if isinstance(answers, Pending):
        answers = await channel.published(answers, products)
    assert isinstance(answers, list)
    return answers


def reasons(answers: Sequence[PublishAnswer]) -> list[tuple[str, bool] | None]:
    return [(one.reason, one.temporary) if isinstance(one, Refused) else None for one in answers]


async def test_products_are_made_with_all_that_is_known_of_them(
    catalogue: FakePinterest, channel: PinterestChannel
) -> None:
    assert isinstance(channel, Publishes)
    assert isinstance(channel, PublishesLater)
    assert await published(channel, MUG, CUP) == [Published(), Published()]
    assert catalogue.published["MUG-L"] == {
        "title": "Mug - L",
        "description": "Holds tea.",
        "availability": "in stock",
        "condition": "new",
        "price": "24.99 USD",
        "link": "https://shop.example/p/MUG-L",
        "image_link": ["https://img.example/mug.png"],
        "brand": "Potter",
        "item_group_id": "prod_1",
    }
    assert catalogue.items == {"MUG-L": "in stock", "MUG-S": "out of stock", "CUP": "in stock"}
    assert catalogue.published["CUP"]["price"] == "1300 JPY"
    assert list(catalogue.batch_sizes) == [3]


async def test_telling_a_product_again_changes_it_and_makes_none(
    catalogue: FakePinterest, channel: PinterestChannel
) -> None:
    await published(channel, CUP)
    variant = msgspec.structs.replace(CUP.variants[0], price=Money(900, "JPY"), level=0)
    assert await published(channel, msgspec.structs.replace(CUP, title="Teacup", variants=(variant,))) == [Published()]
    assert catalogue.items == {"CUP": "out of stock"}
    assert (catalogue.published["CUP"]["title"], catalogue.published["CUP"]["price"]) == ("Teacup", "900 JPY")


async def test_a_lost_answer_makes_no_second_item_and_the_skipped_batch_is_seen_to_be_there(
    catalogue: FakePinterest, troubles: Troubles, channel: PinterestChannel
) -> None:
    await channel.read(["CUP"])
    troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await channel.publish([CUP])
    assert await channel.publish([CUP]) == [Published()], "skipped, as it was told the same"
    told, refused = reasons(await published(channel, CUP, NO_IMAGE))
    assert told is None
    assert refused is not None
    assert "image_template" in refused[0]
    assert list(catalogue.items) == ["CUP"]


async def test_a_skipped_batch_that_does_not_show_is_for_later(
    catalogue: FakePinterest, channel: PinterestChannel
) -> None:
    dearer = msgspec.structs.replace(
        CUP, variants=(msgspec.structs.replace(CUP.variants[0], price=Money(1400, "JPY")),)
    )
    await published(channel, CUP)
    await published(channel, dearer)
    [answer] = reasons(await published(channel, CUP))
    assert answer is not None, "the third was taken for the first, and nothing was done"
    assert answer[1]
    catalogue.forget()
    assert await published(channel, CUP) == [Published()]
    assert catalogue.published["CUP"]["price"] == "1300 JPY"


async def test_while_pinterest_works_there_is_no_answer(catalogue: FakePinterest, channel: PinterestChannel) -> None:
    catalogue.polls = 2
    pending = await channel.publish([CUP])
    assert isinstance(pending, Pending)
    assert [await channel.published(pending, [CUP]) for _ in range(3)] == [None, None, [Published()]]


async def test_a_product_that_cannot_be_told_is_refused_alone_and_never_sent(
    catalogue: FakePinterest, channel: PinterestChannel
) -> None:
    long_id = msgspec.structs.replace(CUP, variants=(msgspec.structs.replace(CUP.variants[0], item_id="x" * 128),))
    long_link = msgspec.structs.replace(CUP, image="https://img.example/" + "x" * 500)
    first, second, third, fourth = reasons(await published(channel, NO_IMAGE, long_id, long_link, MUG))
    assert first is not None
    assert second is not None
    assert third is not None
    assert ("image_template" in first[0], "item id" in second[0], "address" in third[0]) == (True, True, True)
    assert (first[1], second[1], third[1], fourth) == (False, False, False, None)
    assert list(catalogue.items) == ["MUG-L", "MUG-S"]


async def test_without_link_template_nothing_is_published(catalogue: FakePinterest, url: str) -> None:
    channel = await opened(url)
    [answer] = reasons(await published(channel, MUG))
    await channel.close()
    assert answer is not None
    assert "link_template" in answer[0]
    assert not answer[1]
    assert catalogue.items == {}


async def test_a_product_with_an_item_that_fails_is_refused_with_its_reason(
    catalogue: FakePinterest, channel: PinterestChannel
) -> None:
    catalogue.refuses["MUG-S"] = 106
    first, second = reasons(await published(channel, MUG, CUP))
    assert first is not None
    assert "106" in first[0]
    assert (first[1], second) == (False, None)


async def test_the_catalogue_of_a_feed_takes_no_products_and_says_why(
    catalogue: FakePinterest, channel: PinterestChannel
) -> None:
    catalogue.has_feed = True
    first, second = reasons(await published(channel, MUG, NO_IMAGE))
    assert first is not None
    assert second is not None
    assert ("feed" in first[0], first[1], "image_template" in second[0]) == (True, False, True)


async def test_batches_that_fail_or_are_forgotten_are_for_later(
    catalogue: FakePinterest, channel: PinterestChannel
) -> None:
    catalogue.loses_items = True
    assert [one and one[1] for one in reasons(await published(channel, MUG))] == [True]
    catalogue.loses_items = False
    pending = await channel.publish([CUP])
    assert isinstance(pending, Pending)
    catalogue.forget()
    assert [one and one[1] for one in reasons(await channel.published(pending, [CUP]) or [])] == [True]


async def test_throttling_and_access_that_ends_in_the_middle(
    catalogue: FakePinterest, troubles: Troubles, channel: PinterestChannel
) -> None:
    await channel.read(["CUP"])
    troubles.throttle.append(Throttled(retry_after_s=9))
    with pytest.raises(ChannelDownError) as down:
        await channel.publish([CUP])
    assert down.value.retry_after_ms == 9_000
    pending = await channel.publish([CUP])
    assert isinstance(pending, Pending)
    catalogue.end_access()
    assert await channel.published(pending, [CUP]) == [Published()]


async def test_a_level_after_publishing_finds_the_item(catalogue: FakePinterest, channel: PinterestChannel) -> None:
    await published(channel, CUP)
    level = Level(sku="CUP", item_id="CUP", quantity=0, version=1)
    pending = await channel.tell([level])
    assert isinstance(pending, Pending)
    assert await channel.outcome(pending, [level]) == [Told()]
    assert catalogue.items == {"CUP": "out of stock"}
