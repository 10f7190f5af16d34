"""Signatures of TikTok Shop by its published examples, and what its codes mean."""

import json

import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Level, Prepared, Refused, Told
from inventory.channels.limits import SAID_CHARS
from inventory.channels.tiktok.answers import (
    Said,
    SkuError,
    Trouble,
    answers,
    raise_for_call,
    raise_for_renewal,
    refusal,
    refused_call,
)
from inventory.channels.tiktok.channel_http import TikTokKind
from inventory.channels.tiktok.signing import sign
from kit.errors import InvalidError

PATH = "/product/202309/products/99/inventory/update"
PARAMS = {"app_key": "demo_key", "shop_cipher": "GCP_x", "timestamp": "1700000000"}
BODY = b'{"skus":[{"id":"1","inventory":[{"warehouse_id":"2","quantity":5}]}]}'
SIGNED = "9d4964f8b1f7d944e95ba2793c3390682aa51c944a241eff1702afaa7055f506"
SETTINGS = {
    "app_key": "29a39d",
    "shop_cipher": "GCP_XF90igAAAABh00qsWgtv",
    "warehouse_ids": "7001,7002",
    "app_secret": "the-app-secret",
    "access_token": "the-access-token",
    "refresh_token": "the-refresh-token",
    "access_token_expires_at": "1700000000",
}
SECRETS = ("app_secret", "access_token", "refresh_token", "access_token_expires_at")


@pytest.mark.parametrize(
    ("secret", "path", "params", "body", "signed"),
    [
        (
            "e59af819cc",
            "/authorization/202309/shops",
            {"app_key": "29a39d", "timestamp": "1623812664"},
            b"",
            "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8",
        ),
        (
            "app_secret",
            "/test-api",
            {"foo": "bar"},
            b"",
            "d3cb7fe11ecae942802ceeca67e7cf10120cc12f1517d45fbc1c8cfe5413c80f",
        ),
        ("demo_secret", PATH, PARAMS, BODY, SIGNED),
        ("demo_secret", PATH, dict(reversed(PARAMS.items())), BODY, SIGNED),
        ("demo_secret", PATH, PARAMS | {"sign": "x", "access_token": "y"}, BODY, SIGNED),
    ],
)
def test_published_signatures(secret: str, path: str, params: dict[str, str], body: bytes, signed: str) -> None:
    assert sign(secret, path, params, body) == signed


@pytest.mark.parametrize(
    ("secret", "path", "params", "body"),
    [
        ("demo_secret", PATH, PARAMS, BODY[:-10] + bytes([BODY[-10] ^ 1]) + BODY[-9:]),
        ("demo_secret", PATH, PARAMS, json.dumps(json.loads(BODY)).encode()),
        ("demo_secreu", PATH, PARAMS, BODY),
        ("demo_secret", PATH + "/", PARAMS, BODY),
        ("demo_secret", PATH, PARAMS | {"timestamp": "1700000001"}, BODY),
    ],
)
def test_anything_else_signs_differently(secret: str, path: str, params: dict[str, str], body: bytes) -> None:
    assert sign(secret, path, params, body) != SIGNED


@pytest.mark.parametrize("code", [36009002, 36009003, 36009007, 105002, 1, 40000000])
def test_codes_that_pass_and_unknown_ones_are_tried_again(code: int) -> None:
    with pytest.raises(ChannelDownError, match=str(code)):
        raise_for_call(Said(code=code, message="busy"))


@pytest.mark.parametrize("code", [105005, 106001, 106013, 36009004, 36009033, 105001, 101000])
def test_codes_about_our_access_end_it(code: int) -> None:
    with pytest.raises(ChannelGoneError, match=str(code)):
        raise_for_call(Said(code=code, message="no"))


@pytest.mark.parametrize("code", [0, 12052032, 12019028])
def test_codes_about_products_are_not_about_the_channel(code: int) -> None:
    raise_for_call(Said(code=code))


def test_a_renewal_is_tried_again_only_for_codes_that_pass() -> None:
    raise_for_renewal(Said(code=0))
    with pytest.raises(ChannelDownError):
        raise_for_renewal(Said(code=36009003))
    for code in (36004004, 98001006, 105002):
        with pytest.raises(ChannelGoneError, match="authorise the app again"):
            raise_for_renewal(Said(code=code))


def level(quantity: int = 5) -> Level:
    return Level(sku="s", item_id="1/2", quantity=quantity, version=1)


@pytest.mark.parametrize(
    ("codes", "quantity", "says", "temporary"),
    [
        ([12052990, 12052097], 5, "12052097", False),
        ([12052990], 5, "12052990", False),
        ([12052990, 36009003], 5, "36009003", True),
        ([12019024], 0, "deactivate it there by hand", False),
        ([12052990, 12052055], 0, "deactivate it there by hand", False),
        ([12052990, 12052055, 12052097], 0, "12052055", False),
        ([12052055], 7, "does not take 7 units", False),
        ([12019024], None, "refused the level", False),
        ([12052393], 5, "12052393", False),
        ([12052901], 5, "12052901", False),
    ],
)
def test_why_a_level_was_refused(codes: list[int], quantity: int | None, says: str, temporary: bool) -> None:
    refused = refusal([Trouble(code=code, message="m" * 500) for code in codes], quantity=quantity)
    assert says in refused.reason
    assert refused.temporary is temporary
    assert len(refused.reason) < SAID_CHARS + 120


def test_an_error_is_matched_to_its_sku_and_one_without_a_sku_to_all() -> None:
    levels = {"11": level(), "12": level(), "13": level()}
    named = SkuError(code=12052990, detail=None)
    assert answers(levels, []) == [Told()] * 3
    assert all(isinstance(answer, Refused) for answer in answers(levels, [named]))


@pytest.mark.parametrize(("code", "is_of_the_product"), [(12052901, True), (12052032, True), (12052556, False)])
def test_only_codes_about_the_product_refuse_all_at_once(code: int, is_of_the_product: bool) -> None:
    said = refused_call([level(0), level(3)], Said(code=code))
    assert isinstance(said, list) is is_of_the_product


async def test_settings_are_taken_apart_from_secrets() -> None:
    prepared = await TikTokKind().prepare(SETTINGS | {"warehouse_ids": "7001, 7002"})
    assert prepared == Prepared(
        settings={name: SETTINGS[name] for name in SETTINGS if name not in SECRETS} | {"product_template": "{}"},
        secrets={name: SETTINGS[name] for name in SECRETS},
    )


async def test_an_end_of_access_that_is_not_known_is_long_ago() -> None:
    prepared = await TikTokKind().prepare({k: v for k, v in SETTINGS.items() if k != "access_token_expires_at"})
    assert prepared.secrets["access_token_expires_at"] == "0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("app_key", ""),
        ("app_key", "a&b=c"),
        ("shop_cipher", "GCP x"),
        ("warehouse_ids", ""),
        ("warehouse_ids", "7001,"),
        ("warehouse_ids", "7001,7001"),
        ("warehouse_ids", ",".join(str(7000 + number) for number in range(21))),
        ("app_secret", "short"),
        ("app_secret", "with space in it"),
        ("access_token", "x" * 2049),
        ("refresh_token", "line\nbreak"),
        ("access_token_expires_at", "tomorrow"),
        ("product_template", "[]"),
        ("product_template", "{no}"),
        ("password", "x"),
    ],
)
async def test_a_wrong_setting_is_named_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await TikTokKind().prepare(SETTINGS | {name: value})
    assert caught.value.details == {"field": name}
    assert name not in SECRETS or value not in caught.value.message


@pytest.mark.parametrize("item_id", ["", "1", "1/", "/2", "0/1", "1/2/3", "a/b", "1/2\n", "1/" + "2" * 21, "٣/٤"])
def test_an_item_id_is_two_numbers(item_id: str) -> None:
    with pytest.raises(InvalidError, match="product_id/sku_id"):
        TikTokKind().check_item_id(item_id)


def test_items_of_one_product_go_together() -> None:
    kind = TikTokKind()
    kind.check_item_id("1729592969712207008/1729592969712207013")
    assert kind.group_of("17/1") == kind.group_of("17/2") == "17"
    assert kind.group_of("18/1") != "17"
