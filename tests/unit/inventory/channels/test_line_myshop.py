"""LINE MyShop without a network: settings, item ids, pages of products, and what each error means."""

import json

import pytest

from inventory.channels.channel import ChannelDownError, ChannelGoneError
from inventory.channels.line_myshop.answers import available_in, refusal
from inventory.channels.line_myshop.channel_http import CALLS_AT_ONCE, CALLS_PER_S, LineMyshopKind
from inventory.channels.line_myshop.orders_http import ORDER_CALLS_AT_ONCE, ORDER_CALLS_PER_S
from inventory.channels.line_myshop.products_http import PUBLISH_CALLS_PER_S
from kit.errors import InvalidError

KEY = "dGhlLWtleS1vZi10aGUtc2hvcA=="


TOKEN = "bG9uZy1saXZlZC1hY2Nlc3M/+=="
USER, GROUP = "U" + "0a" * 16, "C" + "1b" * 16


async def test_only_the_key_has_to_be_given_and_key_and_token_are_secrets() -> None:
    prepared = await LineMyshopKind().prepare({"api_key": KEY})
    assert prepared.settings == {"messaging_to": "", "product_template": "{}"}
    assert prepared.secrets == {"api_key": KEY, "messaging_token": ""}
    assert prepared.generated is None
    to = f"{USER},{GROUP}"
    prepared = await LineMyshopKind().prepare({"api_key": KEY, "messaging_token": TOKEN, "messaging_to": to})
    assert prepared.secrets == {"api_key": KEY, "messaging_token": TOKEN}
    assert prepared.settings["messaging_to"] == to


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "api_key"),
        ({"api_key": ""}, "api_key"),
        ({"api_key": "short"}, "api_key"),
        ({"api_key": KEY + "\r\nx: y"}, "api_key"),
        ({"api_key": "k" * 257}, "api_key"),
        ({"api_key": KEY, "url": "http://x"}, "url"),
        ({"api_key": KEY, "messaging_token": "a token"}, "messaging_token"),
        ({"api_key": KEY, "messaging_to": USER + ";" + GROUP}, "messaging_to"),
        ({"api_key": KEY, "messaging_to": "a-line-id"}, "messaging_to"),
        ({"api_key": KEY, "product_template": "[]"}, "product_template"),
        ({"api_key": KEY, "product_template": '{"categoryId": }'}, "product_template"),
    ],
)
async def test_a_wrong_setting_is_named_and_its_value_is_not_repeated(settings: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidError) as caught:
        await LineMyshopKind().prepare(settings)
    assert caught.value.details["field"] == field
    assert not settings.get(field) or settings[field] not in caught.value.message


def test_an_item_id_has_the_product_to_read_and_the_inventory_to_change() -> None:
    LineMyshopKind().check_item_id("1000071365/332677")
    assert LineMyshopKind().group_of("1000071365/332677") == "1000071365"


@pytest.mark.parametrize(
    "item_id", ["", "7", "7/", "/7", "0/7", "7/07", "7/1/2", "7/x", "7/1 ", "7/1\n", "1/" + "1" * 20]
)
def test_other_item_ids_are_refused(item_id: str) -> None:
    with pytest.raises(InvalidError):
        LineMyshopKind().check_item_id(item_id)


def test_a_minute_of_levels_orders_and_products_stays_within_a_thousand_requests() -> None:
    levels = 2 * (CALLS_AT_ONCE + 60 * CALLS_PER_S)
    orders = 2 * (ORDER_CALLS_AT_ONCE + 60 * ORDER_CALLS_PER_S)
    products = 5 * (1 + 60 * PUBLISH_CALLS_PER_S)
    assert (levels, orders, products) == (740, 130, 65)
    assert levels + orders + products <= 1_000
    assert 2 * (CALLS_AT_ONCE + CALLS_PER_S) + 2 * (ORDER_CALLS_AT_ONCE + ORDER_CALLS_PER_S) + 5 <= 50


def test_a_quantity_is_found_by_product_and_inventory() -> None:
    page = {
        "data": [
            {"id": 1, "variants": [{"inventoryId": 10, "availableNumber": 5, "onHandNumber": 9}]},
            {"id": 2, "variants": [{"inventoryId": 10, "availableNumber": 6}, {"availableNumber": 7}]},
            {"id": 3, "variants": None},
            {"id": 4},
        ],
        "totalRow": 4,
    }
    body = json.dumps(page).encode()
    assert available_in(body, 1, 10) == 5
    assert available_in(body, 2, 10) == 6
    assert [available_in(body, product_id, 11) for product_id in (1, 2, 3, 4, 5)] == [None] * 5
    assert available_in(b'{"data": null}', 1, 10) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b'{"data": {}}',
        b'{"data": [{"variants": []}]}',
        b'{"data": [{"id": 1, "variants": [{"inventoryId": 10}]}]}',
        b'{"data": [{"id": 1, "variants": [{"inventoryId": 10, "availableNumber": "5"}]}]}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_page_of_products_is_tried_again(body: bytes) -> None:
    with pytest.raises(ChannelDownError):
        available_in(body, 1, 10)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"code": "INTERNAL_ERROR", "message": "x"}),
        (302, {"code": "MOVED", "message": "x"}),
        (400, {"message": "no code"}),
        (404, "no object"),
    ],
)
def test_what_passes_is_tried_again(status: int, body: object) -> None:
    with pytest.raises(ChannelDownError):
        refusal(status, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, {"code": "UNAUTHORIZED", "message": KEY}),
        (400, {"code": "UNAUTHORIZED", "message": KEY}),
        (403, {"code": "PERMISSION_DENIED", "message": KEY}),
        (403, {"code": KEY}),
        (401, "no object"),
    ],
)
def test_access_that_has_ended_is_gone_and_the_key_is_not_repeated(status: int, body: object) -> None:
    with pytest.raises(ChannelGoneError) as caught:
        refusal(status, json.dumps(body).encode())
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "temporary"),
    [
        (400, "BAD_REQUEST", False),
        (404, "NOT_FOUND", False),
        (409, "DATA_CONFLICT", True),
        (400, "SOMETHING_NEW", False),
    ],
)
def test_other_errors_are_refusals_and_only_a_conflict_passes(status: int, code: str, temporary: bool) -> None:
    body = json.dumps({"code": code, "message": f"not {KEY}" + "x" * 1_000, "timestamp": 1}).encode()
    refused = refusal(status, body, hide=KEY)
    assert refused.temporary == temporary
    assert refused.reason.startswith(f"LINE refused it: {code}: not …x")
    assert len(refused.reason) < 300
