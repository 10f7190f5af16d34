"""KakaoTalk Store without a network: settings, item ids, the option object, and what each error means."""

import json
from typing import Any

import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Level, Refused, Told
from inventory.channels.kakao.answers import MOST_QUANTITY, QUOTA_WAIT_MS, changed, product_from, refusal, shown
from inventory.channels.kakao.channel_http import KakaoKind
from kit.errors import InvalidError

KEYS = {"admin_key": "a" * 32, "seller_key": "s" * 32}
PATHS = {"orders_path": "/v1/orders", "order_path": "/v1/orders/{order_id}"}


def level(item_id: str, quantity: int) -> Level:
    return Level(sku=f"sku-{item_id}", item_id=item_id, quantity=quantity, version=1)


def product(option: str | None, stock: str = "null", product_id: str = "7") -> bytes:
    return f'{{"productId": {product_id}, "option": {option or "null"}, "stock": {stock}, "name": "x"}}'.encode()


COMBINATIONS = (
    '{"type": "COMBINATION", "combinations": ['
    '{"id": 1, "price": 1.10, "stockQuantity": 5, "usable": true, "later": {"a": [1, 2.50]}},'
    '{"price": 12345678901234567890123, "id": 2, "stockQuantity": "6", "name": "\\ube68\\uac15"}],'
    ' "combinationSortType": null, "unheard": [ 1.0 , "\\/" ]}'
)


async def test_keys_are_secrets_and_the_talk_store_is_the_default_channel() -> None:
    prepared = await KakaoKind().prepare(KEYS)
    optional = {"orders_path": "", "order_path": "", "cancel_path": "", "product_template": "{}"}
    assert prepared.settings == {"channel_ids": "101"} | optional
    assert prepared.secrets == KEYS
    assert prepared.generated is None
    assert (await KakaoKind().prepare(KEYS | {"channel_ids": "101,102"})).settings["channel_ids"] == "101,102"


@pytest.mark.parametrize(
    "paths",
    [
        PATHS,
        PATHS | {"orders_path": "/v2/orders?from={from}&to={to}&size=50"},
        PATHS | {"order_path": "/v1/orders/{order_id}?with=all"},
        PATHS | {"cancel_path": "/v1/orders/{order_id}/cancel"},
        PATHS | {"cancel_path": "POST /v1/cancel/{order_id}"},
    ],
)
async def test_paths_to_orders_are_settings(paths: dict[str, str]) -> None:
    assert (await KakaoKind().prepare(KEYS | paths)).settings.items() >= paths.items()


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"seller_key": "s" * 32}, "admin_key"),
        ({"admin_key": "a" * 32}, "seller_key"),
        (KEYS | {"seller_key": "short"}, "seller_key"),
        (KEYS | {"admin_key": "a" * 31 + "\n"}, "admin_key"),
        (KEYS | {"admin_key": "ключ" * 8}, "admin_key"),
        (KEYS | {"channel_ids": ""}, "channel_ids"),
        (KEYS | {"channel_ids": "101\r\nx: y"}, "channel_ids"),
        (KEYS | {"url": "http://x"}, "url"),
        (KEYS | {"orders_path": "/v1/orders"}, "order_path"),
        (KEYS | {"order_path": "/v1/orders/{order_id}"}, "orders_path"),
        (KEYS | {"cancel_path": "/v1/cancel/{order_id}"}, "order_path"),
        (KEYS | {"orders_path": "https://elsewhere.example/", "order_path": "/o/{order_id}"}, "orders_path"),
        (KEYS | {"orders_path": "/v1/orders?since={since}", "order_path": "/o/{order_id}"}, "orders_path"),
        (KEYS | {"orders_path": "/v1/orders", "order_path": "/v1/orders"}, "order_path"),
        (KEYS | PATHS | {"cancel_path": "DELETE /v1/cancel/{order_id}"}, "cancel_path"),
        (KEYS | {"product_template": '{"a": }'}, "product_template"),
    ],
)
async def test_a_wrong_setting_is_named_and_its_value_is_not_repeated(settings: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await KakaoKind().prepare(settings)
    assert caught.value.details["field"] == field
    assert not settings.get(field) or settings[field] not in caught.value.message


@pytest.mark.parametrize(
    ("item_id", "group"), [("7", "7"), ("7/1", "7"), ("1234567890123456789/9", "1234567890123456789")]
)
def test_item_ids_are_grouped_by_product(item_id: str, group: str) -> None:
    KakaoKind().check_item_id(item_id)
    assert KakaoKind().group_of(item_id) == group


@pytest.mark.parametrize("item_id", ["", "0", "07", "7/", "/7", "7/1/2", "7/x", "x", "7 ", "7\n", "\u0667", "1" * 20])
def test_other_item_ids_are_refused(item_id: str) -> None:
    with pytest.raises(InvalidError):
        KakaoKind().check_item_id(item_id)


def test_only_the_stock_quantity_changes_and_all_other_bytes_stay() -> None:
    answers, option = changed(product_from(product(COMBINATIONS), "7"), [level("7/2", 0)])
    assert answers == [Told()]
    assert option is not None
    after, before = json.loads(option), json.loads(COMBINATIONS)
    assert after["combinations"][1].pop("stockQuantity") == 0
    before["combinations"][1].pop("stockQuantity")
    assert after == before
    for kept in (b"1.10", b'{"a": [1, 2.50]}', b"12345678901234567890123", b'[ 1.0 , "\\/" ]', b'"\\ube68\\uac15"'):
        assert kept in option
    assert list(after) == list(before)


def test_the_own_quantity_of_a_product_with_combinations_is_sent_empty() -> None:
    with_own = COMBINATIONS.replace('"type"', '"stockQuantity": 11, "type"')
    _, option = changed(product_from(product(with_own), "7"), [level("7/1", 4)])
    assert option is not None
    assert json.loads(option)["stockQuantity"] is None


@pytest.mark.parametrize(
    ("option", "stock", "expected"),
    [
        ('{"type": "NONE"}', '{"stockQuantity": 3}', {"type": "NONE", "stockQuantity": 8}),
        ('{"type": "NONE"}', 'null, "stockQuantity": 3', {"type": "NONE", "stockQuantity": 8}),
        (None, '{"stockQuantity": "3"}', {"type": "NONE", "stockQuantity": 8}),
        ('{"stockQuantity": 3, "type": "SIMPLE", "simples": [{"id": 4}]}', "null", None),
        ('{"type": "CUSTOM", "customs": [{"id": 4, "x": null}], "combinations": []}', '{"stockQuantity": 9}', None),
    ],
)
def test_a_product_without_combinations_has_one_quantity(
    option: str | None, stock: str, expected: dict[str, Any] | None
) -> None:
    answers, sent = changed(product_from(product(option, stock), "7"), [level("7", 8)])
    assert answers == [Told()]
    assert sent is not None
    assert json.loads(sent) == (expected or json.loads(option or "{}") | {"stockQuantity": 8})


def test_levels_that_are_shown_already_are_told_without_a_write() -> None:
    found = product_from(product(COMBINATIONS), "7")
    assert changed(found, [level("7/1", 5), level("7/2", 6)]) == ([Told(), Told()], None)
    assert shown(found, ["1", "2", "3", ""]) == [5, 6, None, None]


def test_what_cannot_be_told_is_refused_for_good_and_the_rest_is_told() -> None:
    unlimited = COMBINATIONS.replace('"usable"', '"unlimitedStockQuantity": "true", "usable"')
    found = product_from(product(unlimited), "7")
    answers, option = changed(found, [level("7/1", 1), level("7/2", 2), level("7/3", 3), level("7", 4)])
    assert [isinstance(answer, Told) for answer in answers] == [False, True, False, False]
    assert all(not answer.temporary for answer in answers if isinstance(answer, Refused))
    assert option is not None
    assert [one["stockQuantity"] for one in json.loads(option)["combinations"]] == [5, 2]
    assert shown(found, ["1"]) == [MOST_QUANTITY]
    always = product_from(product('{"type": "NONE"}', '{"stockQuantity": 0, "unlimitedStockQuantity": true}'), "7")
    assert isinstance(changed(always, [level("7", 0)])[0][0], Refused)
    assert shown(always, [""]) == [MOST_QUANTITY]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"data": {"productId": 7}}',
        product(COMBINATIONS, product_id="8"),
        product('{"type": "COMBINATION"}'),
        product(COMBINATIONS.replace('"COMBINATION"', '"NONE"')),
        product('{"combinations": 3}'),
        product('{"stockQuantity": {}}'),
        product('{"type": "NONE"}', '{"stockQuantity": "many"}'),
        b"[" * 100_000,
        b'{"productId": 7, "option": {"type": "\xff"}}',
    ],
)
def test_an_answer_that_is_not_understood_in_full_is_no_product(body: bytes) -> None:
    with pytest.raises(ChannelDownError):
        product_from(body, "7")


def shop_error(code: int) -> dict[str, Any]:
    return {"code": -800, "msg": "x", "extras": {"error_code": code, "error_message": "why", "validation": None}}


@pytest.mark.parametrize(
    ("status", "body", "retry_after_ms"),
    [
        (400, {"code": -1, "msg": "inside"}, None),
        (400, {"code": -7, "msg": "maintenance"}, None),
        (400, {"code": -603, "msg": "time-out"}, None),
        (400, {"code": -10, "msg": "quota"}, QUOTA_WAIT_MS),
        (400, {"code": -11, "msg": "paid quota"}, QUOTA_WAIT_MS),
        (400, shop_error(-10000), None),
        (400, "no object", None),
        (302, {}, None),
    ],
)
def test_what_passes_is_tried_again(status: int, body: object, retry_after_ms: int | None) -> None:
    with pytest.raises(ChannelDownError) as caught:
        refusal(status, json.dumps(body).encode())
    assert caught.value.retry_after_ms == retry_after_ms


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((403, {"code": code, "msg": "key-of-ours"}) for code in (-3, -4, -5, -12)),
        *((400, {"code": code, "msg": "key-of-ours"}) for code in (-8, -9, -903)),
        (401, {"code": -401, "msg": "wrong appKey(key-of-ours) format"}),
        (401, {"code": -77, "msg": "key-of-ours"}),
        (401, "no object"),
        (403, "no object"),
    ],
)
def test_access_that_has_ended_is_gone_and_no_key_is_repeated(status: int, body: object) -> None:
    with pytest.raises(ChannelGoneError) as caught:
        refusal(status, json.dumps(body).encode())
    assert "key-of-ours" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (400, {"code": -2, "msg": "bad (key-of-ours)"}, "-2): bad (…)"),
        (403, {"code": -6, "msg": "not allowed"}, "-6): not allowed"),
        (400, shop_error(-10001), "-10001): why"),
        (404, shop_error(-10404), "-10404): why"),
        (400, {"code": -800, "msg": "bare"}, "-800): bare"),
    ],
)
def test_other_errors_are_refusals_for_good(status: int, body: object, says: str) -> None:
    refused = refusal(status, json.dumps(body).encode(), hide=["key-of-ours"])
    assert not refused.temporary
    assert refused.reason.endswith(says)


def test_a_validation_error_names_the_fields_and_is_cut_short() -> None:
    error = shop_error(-10001)
    error["extras"]["validation"] = {"option.stockQuantity": ["too high", "no"], "rest": ["x" * 1_000]}
    refused = refusal(400, json.dumps(error).encode())
    assert "option.stockQuantity: too high, no" in refused.reason
    assert len(refused.reason) < 300
