"""Whatever a channel answers, reading it ends in one of the expected errors."""

from collections.abc import Callable

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError
from inventory.channels.kakao import answers as kakao_answers
from inventory.channels.meta import answers as meta_answers
from inventory.channels.pinterest import answers as pinterest_answers
from inventory.channels.unreadable import UNREADABLE
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
