from collections.abc import Mapping

import pytest

from inventory.channels.channel import Answer, ChannelConfig, ChannelDownError, Level, Refused, Told
from inventory.channels.limits import SAID_CHARS
from inventory.channels.pinterest.answers import (
    Batch,
    Fault,
    Items,
    Tokens,
    answers_of,
    availability_of,
    fault_of,
    read_answer,
    sentence,
    shown,
)
from inventory.channels.pinterest.channel_http import BATCH, PinterestKind
from inventory.channels.pinterest.products import ITEM_ID_CHARS
from kit.errors import InvalidError

GOOD = {
    "catalog_id": "2680059592705",
    "country": "US",
    "language": "en-US",
    "client_id": "1478951",
    "client_secret": "pin-client-secret",
    "refresh_token": "pinr.refresh-token",
}
PUBLISHED = b"""{"batch_id":"595953100599279259-66753b9bb65c46c49bd8503b27fecf9e","catalog_type":"RETAIL",
    "status":"COMPLETED","created_time":"2024-01-01T20:10:40","completed_time":"2024-01-01T20:10:45",
    "items":[{"item_id":"DS0294-M","status":"FAILURE","warnings":[],
              "errors":[{"attribute":"title","code":106,"message":"The title is missing"}]},
             {"item_id":"DS0294-L","status":"SUCCESS","errors":[],"warnings":[]},
             {"item_id":"DS0294-S","status":"PROCESSING","errors":[]},{"status":"SUCCESS"}]}"""


def level(item_id: str) -> Level:
    return Level(sku=item_id, item_id=item_id, quantity=1, version=1)


def is_final(answer: Answer) -> bool | None:
    return None if isinstance(answer, Told) else not answer.temporary


@pytest.mark.parametrize(("quantity", "word"), [(0, "out of stock"), (1, "in stock"), (999, "in stock")])
def test_a_quantity_is_told_as_a_word(quantity: int, word: str) -> None:
    assert availability_of(quantity) == word


def test_the_published_batch_is_answered_item_by_item_in_the_order_of_the_levels() -> None:
    batch = read_answer(PUBLISHED, Batch)
    answers = answers_of(batch, [level(one) for one in ("DS0294-L", "DS0294-XL", "DS0294-M", "DS0294-S")])
    assert [is_final(one) for one in answers] == [None, False, True, False]
    assert isinstance(answers[2], Refused)
    assert answers[2].reason == "Pinterest did not take it (Pinterest: 106 title: The title is missing)"


def test_a_failure_without_a_reason_is_one() -> None:
    batch = read_answer(b'{"created_time":"t","status":"FAILED","items":[{"item_id":"A","status":"FAILURE"}]}', Batch)
    assert [is_final(one) for one in answers_of(batch, [level("A")])] == [True]


@pytest.mark.parametrize("items", [b"", b',"items":null', b',"items":[]'])
def test_a_batch_that_says_nothing_of_an_item_leaves_it_for_later(items: bytes) -> None:
    batch = read_answer(b'{"created_time":"t","status":"FAILED"' + items + b"}", Batch)
    assert [is_final(one) for one in answers_of(batch, [level("A")])] == [False]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'"\xff"',
        b'{"status":"COMPLETED"}',
        b'{"created_time":"t","status":"DONE"}',
        b'{"created_time":"t","status":"COMPLETED","items":[{"item_id":"A","status":"OK"}]}',
    ],
)
def test_what_is_no_batch_leaves_everything_unknown(body: bytes) -> None:
    with pytest.raises(ChannelDownError):
        read_answer(body, Batch)


@pytest.mark.parametrize(
    ("word", "quantity"),
    [("in stock", 1), ("IN_STOCK", 1), ("preorder", 1), ("PREORDER", 1), ("out of stock", 0), ("OUT_OF_STOCK", 0)],
)
def test_availability_is_read_in_both_of_its_spellings(word: str, quantity: int) -> None:
    body = b'{"items":[{"item_id":"A","attributes":{"availability":"%s","price":"9 USD"}}]}' % word.encode()
    assert shown(read_answer(body, Items)) == {"A": quantity}


def test_an_item_that_is_an_error_or_has_no_availability_is_not_shown() -> None:
    body = b'{"items":[{"item_id":"A","errors":[{"code":1}]},{"item_id":"B","attributes":{}},{"item_id":"C"}]}'
    assert shown(read_answer(body, Items)) == {}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b'{"code":2,"message":"Authentication failed."}', Fault(code=2, message="Authentication failed.")),
        (b"<html>", Fault()),
        (b'{"code":"x"}', Fault()),
        (b'"\xff"', Fault()),
    ],
)
def test_a_refusal_is_read_as_far_as_it_can_be(body: bytes, fault: Fault) -> None:
    assert fault_of(body) == fault


def test_a_message_is_cut_short_and_on_one_line() -> None:
    said = sentence("no", Fault(code=1, message="a\nb" * 1_000, attribute="c" * 1_000))
    assert "\n" not in said
    assert len(said) < 2 * SAID_CHARS + 40


def test_tokens_are_not_shown() -> None:
    assert "pina" not in repr(Tokens(access_token="pina_1", expires_in=1, refresh_token="pinar_1"))


@pytest.mark.parametrize("item_id", ["A", "DS0294-M", "a mug, blue/42", "杯子", "x" * ITEM_ID_CHARS])
def test_an_item_is_the_sku_of_the_catalogue(item_id: str) -> None:
    PinterestKind().check_item_id(item_id)


@pytest.mark.parametrize("item_id", ["", " A", "A ", "A\n", "A\x00B", "x" * (ITEM_ID_CHARS + 1)])
def test_an_item_of_another_form_is_refused(item_id: str) -> None:
    with pytest.raises(InvalidError, match="sku"):
        PinterestKind().check_item_id(item_id)


async def test_the_secrets_are_taken_out_of_the_settings() -> None:
    prepared = await PinterestKind().prepare(GOOD)
    of_products = {"link_template": "", "image_template": "", "brand": "", "condition": "new"}
    assert prepared.settings == {name: GOOD[name] for name in ("catalog_id", "country", "language", "client_id")} | (
        of_products
    )
    assert prepared.secrets == {
        "client_secret": GOOD["client_secret"],
        "refresh_token": GOOD["refresh_token"],
        "access_token": "",
        "access_token_expires_at": "0",
    }
    known = {"access_token": "pina.1", "access_token_expires_at": "1795348800"}
    assert (await PinterestKind().prepare(GOOD | known)).secrets == prepared.secrets | known


@pytest.mark.parametrize("language", ["EN", "en", "de", "es-419", "zh-CN"])
async def test_every_published_form_of_a_language_is_taken(language: str) -> None:
    assert (await PinterestKind().prepare(GOOD | {"language": language})).settings["language"] == language


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"catalog_id": ""}, "catalog_id"),
        ({"catalog_id": "12a"}, "catalog_id"),
        ({"catalog_id": "1" * 26}, "catalog_id"),
        ({"country": "us"}, "country"),
        ({"language": "english"}, "language"),
        ({"client_id": "1\n"}, "client_id"),
        ({"client_secret": ""}, "client_secret"),
        ({"refresh_token": "two words"}, "refresh_token"),
        ({"access_token": "two words"}, "access_token"),
        ({"access_token_expires_at": "soon"}, "access_token_expires_at"),
        ({"url": "https://example.com"}, "url"),
        ({"link_template": "https://shop.example/p"}, "link_template"),
        ({"image_template": "{sku}"}, "image_template"),
        ({"condition": "shiny"}, "condition"),
    ],
)
async def test_a_wrong_setting_is_named_and_no_secret_repeated(change: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidError) as invalid:
        await PinterestKind().prepare(GOOD | change)
    assert invalid.value.details["field"] == field
    assert "two words" not in str(invalid.value)
    assert GOOD["client_secret"] not in str(invalid.value)


async def test_it_tells_availability_in_large_batches_and_takes_no_orders() -> None:
    async def save(_: Mapping[str, str]) -> None:
        raise AssertionError("nothing was renewed")

    config = ChannelConfig(
        channel_id="c", kind="pinterest", name="n", settings={"client_id": "1"}, secrets={"client_secret": "s"}
    )
    channel = PinterestKind().open(config, save)
    can = channel.capabilities
    assert (can.batch_size, can.tells, can.reads, can.orders) == (BATCH, "availability", True, "none")
    await channel.close()
