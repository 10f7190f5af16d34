"""The Meta channel against a catalogue that checks what it is sent, works slowly, refuses items and loses answers."""

from collections.abc import AsyncIterator

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
from inventory.channels.meta.channel_http import MetaChannel
from tests.fakes.channels.meta import FakeMeta, Product
from tests.fakes.channels.troubles import Pace, Throttled
from tests.integration.inventory.channels.meta_shop import opened
from tests.serving import serving

ITEMS = ["SKU-1", "größe 38/rot", "SKU-3"]


@pytest.fixture
def meta() -> FakeMeta:
    meta = FakeMeta()
    meta.products = {item_id: Product(title="A thing", quantity=5) for item_id in ITEMS}
    return meta


@pytest.fixture
async def channel(meta: FakeMeta) -> AsyncIterator[MetaChannel]:
    async with serving(meta.app) as url, opened(url) as channel:
        yield channel


def levels(*quantities: int) -> list[Level]:
    return [
        Level(sku=f"our {item_id}", item_id=item_id, quantity=quantity, version=1)
        for item_id, quantity in zip(ITEMS, quantities, strict=False)
    ]


async def told(channel: MetaChannel, *quantities: int) -> list[Answer]:
    """Tell levels and ask until it is known what came of them."""
    batch = levels(*quantities)
    answers: list[Answer] | Pending | None = await channel.tell(batch)
    if isinstance(answers, Pending):
        answers = await channel.outcome(answers, batch)
    assert isinstance(answers, list)
    return answers


def shown(meta: FakeMeta) -> list[tuple[str, int | None]]:
    return [(meta.products[item_id].availability, meta.products[item_id].quantity) for item_id in ITEMS]


def refused_for_good(answer: Answer, *words: str) -> bool:
    return isinstance(answer, Refused) and not answer.temporary and all(word in answer.reason for word in words)


async def test_levels_arrive_with_availability(meta: FakeMeta, channel: MetaChannel) -> None:
    assert await told(channel, 12, 0, 1_000_000_000) == [Told()] * 3
    assert shown(meta) == [("in stock", 12), ("out of stock", 0), ("in stock", 1_000_000_000)]


async def test_a_full_batch_is_one_call(meta: FakeMeta, channel: MetaChannel) -> None:
    size = channel.capabilities.batch_size
    meta.products = {str(number): Product(title="A thing") for number in range(size)}
    batch = [Level(sku=str(number), item_id=str(number), quantity=number, version=1) for number in range(size)]
    pending = await channel.tell(batch)
    assert isinstance(pending, Pending)
    assert await channel.outcome(pending, batch) == [Told()] * size
    assert [product.quantity for product in meta.products.values()] == list(range(size))
    assert meta.batches == [size]


async def test_while_meta_works_there_is_no_outcome(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.polls = 2
    batch = levels(1, 2, 3)
    pending = await channel.tell(batch)
    assert isinstance(pending, Pending)
    assert [await channel.outcome(pending, batch) for _ in range(3)] == [None, None, [Told()] * 3]


async def test_an_unknown_item_is_refused_and_not_made(meta: FakeMeta, channel: MetaChannel) -> None:
    del meta.products[ITEMS[1]]
    first, second, third = await told(channel, 9, 8, 7)
    assert (first, third) == (Told(), Told())
    assert refused_for_good(second, "does not exist")
    assert ITEMS[1] not in meta.products


async def test_every_one_of_many_errors_is_found_although_meta_shows_samples(
    meta: FakeMeta, channel: MetaChannel
) -> None:
    meta.products = {}
    assert all(refused_for_good(answer) for answer in await told(channel, 9, 8, 7))


@pytest.mark.parametrize("takes_the_rest", [False, True])
async def test_what_is_wrong_at_first_sight_does_not_hold_up_the_others(
    meta: FakeMeta, channel: MetaChannel, takes_the_rest: bool
) -> None:
    meta.wrong = {ITEMS[0]: "the item is under review"}
    meta.takes_the_rest = takes_the_rest
    del meta.products[ITEMS[2]]
    first, second, third = await told(channel, 9, 8, 7)
    assert refused_for_good(first, "under review")
    assert second == Told()
    assert refused_for_good(third, "does not exist")
    assert meta.products[ITEMS[1]].quantity == 8


async def test_when_all_is_wrong_at_first_sight_the_answer_comes_at_once(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.wrong = dict.fromkeys(ITEMS, "no")
    answers = await channel.tell(levels(9, 8, 7))
    assert isinstance(answers, list)
    assert all(refused_for_good(answer, "no") for answer in answers)


async def test_a_quantity_that_meta_cannot_count_is_refused(meta: FakeMeta, channel: MetaChannel) -> None:
    high, right = await told(channel, 2**31, 8)
    assert refused_for_good(high, "whole number")
    assert right == Told()
    assert shown(meta)[0] == ("in stock", 5)


async def test_errors_without_names_are_tried_again_for_all(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.names_none = True
    del meta.products[ITEMS[0]]
    answers = await told(channel, 9, 8)
    assert all(isinstance(answer, Refused) and answer.temporary for answer in answers)


async def test_too_much_data_is_sent_in_halves(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.most_entries = 1
    del meta.products[ITEMS[2]]
    first, second, third = await told(channel, 9, 8, 7)
    assert (first, second) == (Told(), Told())
    assert refused_for_good(third)
    assert meta.batches == [1, 1, 1]


@pytest.mark.parametrize("state", ["error", "canceled"])
async def test_a_batch_that_meta_gives_up_is_told_again(meta: FakeMeta, channel: MetaChannel, state: str) -> None:
    meta.end_as.append(state)
    with pytest.raises(ChannelDownError):
        await told(channel, 9)
    assert await told(channel, 9) == [Told()]


async def test_a_forgotten_handle_is_told_again(meta: FakeMeta, channel: MetaChannel) -> None:
    pending = await channel.tell(levels(9))
    assert isinstance(pending, Pending)
    meta.forget_batches()
    with pytest.raises(ChannelDownError, match="does not know"):
        await channel.outcome(pending, levels(9))


async def test_a_lost_answer_leaves_the_right_level_when_the_call_is_repeated(
    meta: FakeMeta, channel: MetaChannel
) -> None:
    meta.troubles.lose = 1
    with pytest.raises(ChannelDownError):
        await told(channel, 9, 8)
    assert await told(channel, 9, 8) == [Told(), Told()]
    assert shown(meta)[:2] == [("in stock", 9), ("in stock", 8)]


@pytest.mark.parametrize(("minutes", "wait_ms"), [(5, 300_000), (0, 60_000), (None, 60_000)])
async def test_too_many_batches_say_how_long_to_wait(
    meta: FakeMeta, channel: MetaChannel, minutes: int | None, wait_ms: int
) -> None:
    meta.fail_with.append((400, {"code": 80014, "message": "There have been too many calls"}, minutes))
    with pytest.raises(ChannelDownError, match="80014") as caught:
        await told(channel, 9)
    assert caught.value.retry_after_ms == wait_ms


async def test_a_batch_over_the_limit_is_not_applied_and_waits(meta: FakeMeta) -> None:
    limited = FakeMeta(pace=Pace(8, 60))
    limited.products = meta.products
    async with serving(limited.app) as url, opened(url) as channel:
        for quantity in range(8):
            assert await told(channel, quantity) == [Told()]
        with pytest.raises(ChannelDownError) as caught:
            await told(channel, 8)
    assert caught.value.retry_after_ms == 60_000
    assert limited.over_pace == 1
    assert meta.products[ITEMS[0]].quantity == 7


@pytest.mark.parametrize(("hint", "wait_ms"), [(3, 3_000), (None, None)])
async def test_a_429_of_the_network_passes_its_hint_on(
    meta: FakeMeta, channel: MetaChannel, hint: int | None, wait_ms: int | None
) -> None:
    meta.troubles.throttle.append(Throttled(retry_after_s=hint))
    with pytest.raises(ChannelDownError) as caught:
        await told(channel, 9)
    assert caught.value.retry_after_ms == wait_ms


async def test_a_token_that_dies_while_meta_works_pauses_the_channel_and_is_not_named(
    meta: FakeMeta, channel: MetaChannel
) -> None:
    pending = await channel.tell(levels(9))
    assert isinstance(pending, Pending)
    meta.dead = True  # its error quotes the token
    for call in (channel.outcome(pending, levels(9)), channel.tell(levels(9)), channel.read(ITEMS)):
        with pytest.raises(ChannelGoneError, match="make a new one") as caught:
            await call
        said = f"{caught.value!r} {caught.value.details} {channel!r} {pending!r}"
        assert meta.access_token not in said
        assert meta.app_secret not in said


async def test_a_missing_permission_or_catalogue_pauses_the_channel(meta: FakeMeta) -> None:
    meta.allowed = False
    async with serving(meta.app) as url, opened(url) as channel, opened(url, catalog_id="1") as other:
        with pytest.raises(ChannelGoneError, match="catalog_management"):
            await told(channel, 9)
        with pytest.raises(ChannelGoneError, match="catalog_id"):
            await told(other, 9)


async def test_a_wrong_app_secret_pauses_the_channel(meta: FakeMeta) -> None:
    async with serving(meta.app) as url, opened(url, app_secret="another") as channel:
        with pytest.raises(ChannelGoneError, match="app_secret"):
            await told(channel, 9)


async def test_a_call_that_meta_refuses_is_refused_for_all_its_levels(meta: FakeMeta, channel: MetaChannel) -> None:
    refusal = (400, {"code": 100, "message": "(#100) Param requests must be an array"}, None)
    meta.fail_with.extend([refusal, refusal])
    assert all(refused_for_good(answer, "(#100)") for answer in await told(channel, 9, 8))
    with pytest.raises(ChannelDownError):
        await channel.read(ITEMS)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"handles":[]}', b'{"handles":["\xff"]}'])
async def test_an_answer_without_sense_is_told_again(meta: FakeMeta, channel: MetaChannel, body: bytes) -> None:
    meta.garble.append(body)
    with pytest.raises(ChannelDownError):
        await told(channel, 9)
    assert await told(channel, 9) == [Told()]


async def test_it_reads_back(meta: FakeMeta, channel: MetaChannel) -> None:
    meta.products[ITEMS[1]].availability = "out of stock"
    meta.products[ITEMS[2]].quantity = None  # sells without end
    assert await channel.read([*ITEMS, "unknown"]) == [5, 0, 1_000_000_000, None]


@pytest.mark.parametrize("prefix", ["SKU-", "größe-" * 15], ids=["short", "long"])
async def test_a_full_batch_is_read_back_in_portions(meta: FakeMeta, channel: MetaChannel, prefix: str) -> None:
    item_ids = [f"{prefix}{number}" for number in range(300)]
    meta.products = {item_id: Product(quantity=place) for place, item_id in enumerate(item_ids)}
    assert await channel.read(item_ids) == list(range(300))
