"""Whatever a channel answers, reading it ends in one of the expected errors."""

from collections.abc import Callable
from typing import Literal

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError
from inventory.channels.kakao import answers as kakao_answers
from inventory.channels.limits import SAID_CHARS
from inventory.channels.meta import answers as meta_answers
from inventory.channels.pinterest import answers as pinterest_answers
from inventory.channels.unreadable import UNREADABLE, decoded
from inventory.channels.wechat import answers as wechat_answers

ANSWERS = {
    "nothing": b"",
    "cut off": b'{"errcode": ',
    "not UTF-8": b'{"errmsg": "\xff"}',
    "another form": b"[]",
    "deep": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


class Form(msgspec.Struct):
    errcode: int


class State(msgspec.Struct):
    state: Literal["done"]


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS.keys())
def test_what_cannot_be_read_raises_nothing_else(body: bytes) -> None:
    with pytest.raises(UNREADABLE):
        msgspec.json.decode(body, type=Form)


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda body: kakao_answers.product_from(body, "1"), id="kakao"),
        pytest.param(meta_answers.taken_in, id="meta"),
        pytest.param(lambda body: pinterest_answers.read_answer(body, pinterest_answers.Tokens), id="pinterest"),
        pytest.param(lambda body: wechat_answers.read_answer(200, body, wechat_answers.Said), id="wechat"),
    ],
)
def test_a_channel_whose_answer_cannot_be_read_is_down(read: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(ChannelDownError):
        read(body)


@pytest.mark.parametrize("body", ANSWERS.values(), ids=ANSWERS.keys())
def test_what_cannot_be_read_is_told_with_whose_it_is(body: bytes) -> None:
    with pytest.raises(ChannelDownError, match=r"^A shop's answer cannot be read"):
        decoded(body, Form, "A shop's answer")


def test_the_field_is_named_and_not_what_stands_in_it() -> None:
    with pytest.raises(ChannelDownError) as down:
        decoded(b'{"errcode": "a-secret"}', Form, "A shop's answer")
    assert "$.errcode" in down.value.message
    assert "a-secret" not in down.value.message


def test_a_number_may_be_a_text_only_where_that_is_said() -> None:
    assert decoded(b'{"errcode": "5"}', Form, "An answer", strict=False).errcode == 5
    with pytest.raises(ChannelDownError):
        decoded(b'{"errcode": "5"}', Form, "An answer")


def test_a_word_that_is_not_known_is_told_cut_short() -> None:
    with pytest.raises(ChannelDownError) as down:
        decoded(b'{"state": "' + b"x" * 10_000 + b'"}', State, "An answer")
    assert len(down.value.message) < SAID_CHARS + 40
