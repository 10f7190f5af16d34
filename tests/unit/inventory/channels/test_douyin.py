"""Signatures of Douyin's shops by a published example, the names of calls, and what the codes mean."""

import json
from collections.abc import Mapping

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Level, Prepared, Refused, Told
from inventory.channels.douyin.answers import (
    NewTokens,
    Said,
    Updated,
    answers,
    idempotent_id,
    is_access_ended,
    is_already_used,
    raise_for_call,
    raise_for_renewal,
    refused_call,
)
from inventory.channels.douyin.channel_http import DouyinKind
from inventory.channels.douyin.signing import param_json, sign
from inventory.channels.limits import SAID_CHARS
from kit.errors import InvalidError

SECRET = "contract-app-secret"
CALL = {"app_key": "1234567890123456789", "method": "order.searchList", "timestamp": "1667899926"}
BODY = '{"a":[3,{"a":1,"b":2}],"nested":{"a":true,"汉":"<&"},"z":1}'.encode()
SIGNED = "cfb0c61c20926f758e13f4bd3d59a0de0e22f3c6059f1045cae36e6cea2bd417"
SETTINGS = {
    "app_key": "1234567890123456789",
    "shop_id": "4463798",
    "app_secret": "the-app-secret",
    "access_token": "the-access-token",
    "refresh_token": "the-refresh-token",
    "access_token_expires_at": "1700000000",
}
SECRETS = ("app_secret", "access_token", "refresh_token", "access_token_expires_at")


def test_the_published_signature() -> None:
    assert sign(SECRET, **CALL, body=BODY) == SIGNED


@pytest.mark.parametrize(
    ("secret", "call", "body"),
    [
        (SECRET, {}, BODY[:-3] + bytes([BODY[-3] ^ 1]) + BODY[-2:]),
        (SECRET, {}, json.dumps(json.loads(BODY)).encode()),
        (SECRET, {}, json.dumps(json.loads(BODY), separators=(",", ":")).encode()),
        (SECRET + "x", {}, BODY),
        (SECRET, {"method": "order.orderDetail"}, BODY),
        (SECRET, {"timestamp": "1667899927"}, BODY),
    ],
)
def test_anything_else_signs_differently(secret: str, call: Mapping[str, str], body: bytes) -> None:
    assert sign(secret, **(CALL | dict(call)), body=body) != SIGNED


def test_a_body_is_written_in_the_one_way_that_is_signed() -> None:
    assert param_json({"z": 1, "nested": {"汉": "<&", "a": True}, "a": [3, {"b": 2, "a": 1}]}) == BODY


def level(quantity: int, version: int) -> Level:
    return Level(sku="s", item_id="1/2", quantity=quantity, version=version)


def test_the_name_of_a_call_is_its_content_with_versions_in_any_order() -> None:
    name = idempotent_id([(11, level(5, 1)), (12, level(6, 1))])
    assert len(name) == 32
    assert idempotent_id([(12, level(6, 1)), (11, level(5, 1))]) == name
    others = [
        idempotent_id([(11, level(5, 3)), (12, level(6, 1))]),
        idempotent_id([(11, level(6, 1)), (12, level(5, 1))]),
        idempotent_id([(13, level(5, 1)), (12, level(6, 1))]),
        idempotent_id([(11, level(5, 1))]),
        idempotent_id([(11, level(5, 1)), (12, level(6, 1))], salt="x"),
    ]
    assert len({name, *others}) == len(others) + 1


@pytest.mark.parametrize(
    ("code", "sub_code"),
    [
        (20000, ""),
        (20001, "isp.timeout"),
        (60000, ""),
        (90000, ""),
        (50001, "isp.unknown"),
        (50002, "isp.busy"),
        (40003, "isv.timestamp-invalid"),
        (12345, ""),
        (0, ""),
    ],
)
def test_codes_that_pass_and_unknown_ones_are_tried_again(code: int, sub_code: str) -> None:
    with pytest.raises(ChannelDownError, match=f"code {code} ?{sub_code}: "):
        raise_for_call(Said(code=code, sub_code=sub_code))


@pytest.mark.parametrize(
    ("code", "sub_code"),
    [
        (30001, ""),
        (30002, ""),
        (70000, ""),
        (80000, ""),
        (40003, "isv.signature-invalid"),
        (40003, "isv.access-token-invalid"),
        (40003, "isv.app-id-invalid"),
    ],
)
def test_codes_about_our_access_end_it(code: int, sub_code: str) -> None:
    with pytest.raises(ChannelGoneError, match=str(code)):
        raise_for_call(Said(code=code, sub_code=sub_code))


@pytest.mark.parametrize(
    ("code", "sub_code"),
    [(10000, ""), (10001, ""), (40004, "isv.parameter-invalid:1"), (50002, "isv.business-failed:2010009")],
)
def test_codes_about_items_are_not_about_the_channel(code: int, sub_code: str) -> None:
    raise_for_call(Said(code=code, sub_code=sub_code))


def test_two_sub_codes_ask_for_new_access() -> None:
    assert is_access_ended(Said(code=40003, sub_code="isv.access-token-expired"))
    assert is_access_ended(Said(code=40003, sub_code="isv.access-token-no-existed"))
    assert not is_access_ended(Said(code=40003, sub_code="isv.signature-invalid"))


def test_two_sub_codes_say_that_a_name_was_used() -> None:
    assert is_already_used(Said(code=40003, sub_code="isv.idempotent-id-existed"))
    assert is_already_used(Said(code=50002, sub_code="isv.business-failed:-20002"))
    assert not is_already_used(Said(code=50002, sub_code="isv.business-failed:-200021"))
    assert not is_already_used(Said(code=10000))


@pytest.mark.parametrize(
    ("code", "sub_code", "error"),
    [
        (50001, "dop.token-generate-failed:token-expired", ChannelGoneError),
        (50001, "dop.token-generate-failed:token-invalid", ChannelGoneError),
        (40003, "isv.parameter-invalid", ChannelGoneError),
        (20000, "", ChannelDownError),
        (50001, "isp.unknown", ChannelDownError),
    ],
)
def test_what_a_failed_renewal_means(code: int, sub_code: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=str(code)):
        raise_for_renewal(Said(code=code, sub_code=sub_code))


def updated(*results: tuple[int, int]) -> Updated:
    told = [{"sku_id": sku_id, "status_code": code, "status_message": "m" * 500} for sku_id, code in results]
    return msgspec.convert({"code": 10000, "data": {"results": told}}, Updated)


def test_results_are_matched_to_their_skus() -> None:
    levels = [(sku_id, level(1, 1)) for sku_id in (11, 12, 13, 14)]
    first, second, third, fourth = answers(levels, updated((14, 20001), (12, 0), (11, 2010009), (11, 0)))
    assert isinstance(first, Refused)
    assert not first.temporary
    assert "2010009" in first.reason
    assert len(first.reason) < SAID_CHARS + 60
    assert second == Told()
    assert third == Refused(reason="Douyin told no result for this SKU", temporary=True)
    assert isinstance(fourth, Refused)
    assert fourth.temporary


def test_no_results_at_all_are_no_answer() -> None:
    for said in (updated(), Updated(code=10000)):
        with pytest.raises(ChannelDownError, match="no results"):
            answers([(11, level(1, 1))], said)


def test_a_refused_call_is_told_in_short() -> None:
    refused = refused_call(Said(code=50002, sub_code="isv.x", sub_msg="m" * 500))
    assert "50002 isv.x: mmm" in refused.reason
    assert len(refused.reason) < SAID_CHARS + 60
    assert not refused.temporary


@pytest.mark.parametrize(
    ("told", "ends"), [(530_808, 1_700_530_808), (1_700_530_808, 1_700_530_808), (0, 1_700_000_000)]
)
def test_the_end_of_access_is_a_duration_or_a_time(told: int, ends: int) -> None:
    assert NewTokens(access_token="a", refresh_token="r", expires_in=told).expires_at_s(1_700_000_000) == ends


async def test_settings_are_taken_apart_from_secrets() -> None:
    prepared = await DouyinKind().prepare(SETTINGS)
    assert prepared == Prepared(
        settings={"app_key": SETTINGS["app_key"], "shop_id": SETTINGS["shop_id"]}
        | {"push_sign": "md5", "product_template": "{}"},
        secrets={name: SETTINGS[name] for name in SECRETS},
    )
    without_end = {name: value for name, value in SETTINGS.items() if name != "access_token_expires_at"}
    assert (await DouyinKind().prepare(without_end)).secrets["access_token_expires_at"] == "0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("app_key", ""),
        ("app_key", "abc"),
        ("shop_id", "0"),
        ("shop_id", "4 4"),
        ("app_secret", "short"),
        ("access_token", "x" * 2049),
        ("refresh_token", "line\nbreak"),
        ("access_token_expires_at", "tomorrow"),
        ("password", "x"),
    ],
)
async def test_a_wrong_setting_is_named_and_a_secret_not_repeated(name: str, value: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await DouyinKind().prepare(SETTINGS | {name: value})
    assert caught.value.details == {"field": name}
    assert name not in SECRETS or value not in caught.value.message


@pytest.mark.parametrize("item_id", ["", "1", "1/", "/2", "0/1", "1/2/3", "a/b", "1/2\n", "1/" + "2" * 20, "٣/٤"])
def test_an_item_id_is_two_numbers(item_id: str) -> None:
    with pytest.raises(InvalidError, match="product_id/sku_id"):
        DouyinKind().check_item_id(item_id)


def test_items_of_any_products_go_together() -> None:
    kind = DouyinKind()
    kind.check_item_id("3337589750809921129/1751540901742600")
    assert kind.group_of("17/1") == kind.group_of("18/2")
