from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from inventory.channels.channel import ChannelConfig, ChannelDownError, ChannelGoneError
from inventory.channels.limits import SAID_CHARS
from inventory.channels.publishing import Lists, Publishes
from inventory.channels.selling import Cancels, Greets
from inventory.channels.wechat.answers import (
    GONE,
    SECRET_GONE,
    Said,
    Stock,
    StockSaid,
    TokenSaid,
    raise_for_us,
    read_answer,
    refusal,
    step_to,
    until_midnight_ms,
)
from inventory.channels.wechat.channel_http import WechatKind
from kit.errors import InvalidError

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
GOOD = {"appid": "wx0123456789abcdef", "app_secret": "0123456789abcdef0123456789abcdef"}


@pytest.mark.parametrize(
    ("quantity", "normal", "total", "step"),
    [
        (10, 10, 10, 0),
        (12, 10, 10, 2),
        (0, 10, 10, -10),
        (60, 10, 60, 0),
        (55, 10, 60, -5),
        (30, 10, 60, -10),
        (70, 0, 60, 10),
        (5, 0, 60, 0),
    ],
)
def test_the_step_brings_the_total_to_the_level_without_asking_for_less_than_nothing(
    quantity: int, normal: int, total: int, step: int
) -> None:
    assert step_to(quantity, Stock(normal_stock_num=normal, total_stock_num=total)) == step


@pytest.mark.parametrize(
    ("errcode", "temporary"),
    [
        (10020050, False),
        (10020051, False),
        (10020052, False),
        (10020055, False),
        (10020091, False),
        (10020217, False),
        (10020220, False),
        (10020289, False),
        (47001, False),
        (10020054, True),
        (10020112, True),
        (10020219, True),
        (99999999, True),
    ],
)
def test_a_code_of_an_item_says_whether_it_passes(errcode: int, temporary: bool) -> None:
    refused = refusal(Said(errcode=errcode, errmsg="why\nrid: 1"))
    assert refused.temporary is temporary
    assert f"{errcode} why rid: 1" in refused.reason
    raise_for_us(Said(errcode=errcode), now=NOON, gone=GONE)


@pytest.mark.parametrize(
    ("errcode", "retry_after_ms"), [(-1, None), (45011, 60_000), (45009, 4 * 3_600_000)], ids=["busy", "minute", "day"]
)
@pytest.mark.parametrize("gone", [GONE, SECRET_GONE], ids=["call", "token"])
def test_a_code_of_ours_that_passes_says_when(errcode: int, retry_after_ms: int | None, gone: dict[int, str]) -> None:
    with pytest.raises(ChannelDownError) as down:
        raise_for_us(Said(errcode=errcode), now=NOON, gone=gone)
    assert down.value.retry_after_ms == retry_after_ms


@pytest.mark.parametrize("errcode", [40164, 45035, 48001, 61004])
def test_what_only_staff_can_end_is_gone(errcode: int) -> None:
    with pytest.raises(ChannelGoneError, match=str(errcode)):
        raise_for_us(Said(errcode=errcode), now=NOON, gone=GONE)


@pytest.mark.parametrize("errcode", [40001, 40013, 40125, 40243, 41004, 48001, 50004, 50007, 61004])
def test_a_secret_that_buys_no_token_is_gone(errcode: int) -> None:
    with pytest.raises(ChannelGoneError, match=str(errcode)):
        raise_for_us(Said(errcode=errcode), now=NOON, gone=SECRET_GONE)


@pytest.mark.parametrize(
    ("now", "wait_ms"),
    [
        (datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC), 1_000),
        (datetime(2026, 11, 22, 16, 0, 0, tzinfo=UTC), 24 * 3_600_000),
        (datetime(2026, 12, 31, 12, 0, 0, tzinfo=UTC), 4 * 3_600_000),
    ],
)
def test_the_day_ends_at_midnight_in_china(now: datetime, wait_ms: int) -> None:
    assert until_midnight_ms(now) == wait_ms


def test_an_answer_is_read_with_what_it_has_beside() -> None:
    body = b"""{"errcode": 0, "errmsg": "ok", "data": {"normal_stock_num": 998, "limited_discount_stock_num": 0,
        "warehouse_stocks": [{"out_warehouse_id": "a", "num": 109}], "total_stock_num": 1107}}"""
    assert read_answer(200, body, StockSaid).data == Stock(normal_stock_num=998, total_stock_num=1107)


def test_what_stands_beside_an_error_is_not_read() -> None:
    said = read_answer(200, b'{"errcode": 10020052, "errmsg": "no", "data": {}}', StockSaid)
    assert said == StockSaid(errcode=10020052, errmsg="no")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b'{"errcode":0}'),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'"\xff"'),
        (200, b'{"errcode":"0"}'),
        (200, b'{"errcode":0,"data":{"normal_stock_num":"9","total_stock_num":9}}'),
        (200, b'{"errcode":0,"data":{"normal_stock_num":9}}'),
    ],
)
def test_what_is_no_answer_leaves_everything_unknown(status: int, body: bytes) -> None:
    with pytest.raises(ChannelDownError):
        read_answer(status, body, StockSaid)


def test_a_message_is_cut_short_and_a_token_not_shown() -> None:
    assert len(refusal(Said(errcode=1, errmsg="m" * 10_000)).reason) < SAID_CHARS + 80
    assert "84_abc" not in repr(TokenSaid(access_token="84_abc", expires_in=1))


@pytest.mark.parametrize("item_id", ["1/2", "10000000000001/1000000001", "18446744073709551615/1"])
def test_an_item_is_a_product_and_a_sku(item_id: str) -> None:
    WechatKind().check_item_id(item_id)


@pytest.mark.parametrize(
    "item_id", ["", "1", "1/", "/1", "1/2/3", "a/1", "1 /2", "01/2", "1/2\n", "\u0661/1", "1" * 21 + "/1"]
)
def test_an_item_of_another_form_is_refused(item_id: str) -> None:
    with pytest.raises(InvalidError, match="product_id/sku_id"):
        WechatKind().check_item_id(item_id)


async def test_the_secret_is_taken_out_of_the_settings() -> None:
    prepared = await WechatKind().prepare(GOOD)
    assert prepared.settings == {"appid": GOOD["appid"], "product_template": "{}"}
    assert prepared.secrets == {"app_secret": GOOD["app_secret"], "callback_token": "", "encoding_aes_key": ""}
    assert prepared.generated is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"appid": ""}, "appid"),
        ({"appid": "gh_0123456789abcdef"}, "appid"),
        ({"appid": GOOD["appid"] + "\n"}, "appid"),
        ({"app_secret": ""}, "app_secret"),
        ({"app_secret": GOOD["app_secret"] + "0"}, "app_secret"),
        ({"url": "https://example.com"}, "url"),
    ],
)
async def test_a_wrong_setting_is_named_and_not_repeated(change: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidError) as invalid:
        await WechatKind().prepare(GOOD | change)
    assert invalid.value.details["field"] == field
    assert GOOD["app_secret"] not in str(invalid.value)


async def test_a_tell_is_one_sku_and_orders_are_pushed() -> None:
    config = ChannelConfig(
        channel_id="c", kind="wechat", name="n", settings={"appid": "a"}, secrets={"app_secret": "s"}
    )

    async def save(_: Mapping[str, str]) -> None:
        raise AssertionError("nothing has to be saved")

    channel = WechatKind().open(config, save)
    for part in (Cancels, Publishes, Lists):
        assert isinstance(channel, part)
    assert isinstance(WechatKind(), Greets)
    can = channel.capabilities
    assert (can.batch_size, can.tells, can.reads, can.orders) == (1, "quantity", True, "push")
    await channel.close()
