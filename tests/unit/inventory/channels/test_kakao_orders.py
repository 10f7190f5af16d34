"""Orders of KakaoTalk Store without a network: where they are asked for, and what each holds."""

import json

import pytest

from inventory.channels.channel import ChannelDownError
from inventory.channels.kakao.answers import read_answer
from inventory.channels.kakao.listed import names_in, products_in
from inventory.channels.kakao.orders import Order, channel_order, list_address, order_address, orders_in
from inventory.channels.selling import SeenOrder, SoldLine

NAMES = {("shirt", "S-RED"): "22/1", ("mug", ""): "11"}
TEN_MS = 1_795_309_200_000
"""2026-11-22 10:00 in Korea."""


def order(
    base: dict[str, object] | None = None, item: dict[str, object] | None = None, order_id: object = 1704970398
) -> Order:
    whole = {
        "id": order_id,
        "orderBase": {"status": "PayComplete", "createdAt": "20261122100000"} | (base or {}),
        "orderProduct": {"quantity": 2, "sellerItemNo": "shirt", "sellerItemOptionCode": "S-RED"} | (item or {}),
        "orderer": {"phoneNumber": "x"},
    }
    return read_answer(json.dumps(whole).encode(), Order)


def test_an_order_is_one_item_named_by_the_sellers_codes() -> None:
    read = channel_order(order(), NAMES)
    assert (read.order_id, read.status, read.placed_at_ms) == ("1704970398", "PayComplete", TEN_MS)
    assert read.lines == (SoldLine(item_id="22/1", quantity=2),)
    plain = order(item={"sellerItemNo": "mug", "sellerItemOptionCode": None})
    assert channel_order(plain, NAMES).lines == (SoldLine(item_id="11", quantity=2),)


@pytest.mark.parametrize(
    "status",
    ["PayFailed", "PayCancelComplete", "UnpaidCancelComplete", "ShippingCancelComplete", "ShippingRefundComplete"],
)
def test_what_was_cancelled_or_never_paid_holds_nothing(status: str) -> None:
    read = channel_order(order({"status": status}), NAMES)
    assert (read.lines, read.status) == ((), status)


@pytest.mark.parametrize(
    "status",
    [
        "Created",
        "PayWaiting",
        "ShippingWaiting",
        "ShippingCancelRequestBuyer",
        "ShippingComplete",
        "ReturnCancelComplete",
        "ExchangeShippingComplete",
        "BuyDecision",
        "Unheard",
    ],
)
def test_everything_else_holds_unpaid_returned_or_unheard_of(status: str) -> None:
    assert channel_order(order({"status": status}), NAMES).lines != ()


def test_a_partial_cancellation_shows_as_fewer_units_and_none_as_none() -> None:
    assert channel_order(order(item={"quantity": 1}), NAMES).lines == (SoldLine(item_id="22/1", quantity=1),)
    assert channel_order(order(item={"quantity": 0}), NAMES).lines == ()


def test_an_item_whose_codes_name_nothing_is_shown_by_its_codes() -> None:
    unknown = order(item={"sellerItemNo": 4711, "sellerItemOptionCode": "x"})
    assert channel_order(unknown, NAMES).lines == (SoldLine(item_id="seller:4711/x", quantity=2),)
    bare = order(item={"sellerItemNo": None, "sellerItemOptionCode": None})
    assert channel_order(bare, NAMES).lines == (SoldLine(item_id="seller:/", quantity=2),)


@pytest.mark.parametrize(
    "at",
    ["20261122100000", "2026-11-22T10:00:00", "2026-11-22 10:00:00", "2026-11-22T01:00:00Z", TEN_MS, str(TEN_MS)],
)
def test_times_are_korean_unless_they_say_otherwise(at: object) -> None:
    assert channel_order(order({"createdAt": at}), NAMES).placed_at_ms == TEN_MS


def test_ids_keep_their_digits() -> None:
    assert channel_order(order(order_id=12345678901234567890123), NAMES).order_id == "12345678901234567890123"
    assert channel_order(order(order_id="0012"), NAMES).order_id == "0012"


@pytest.mark.parametrize(
    ("base", "item", "named"),
    [
        ({"status": None}, {}, "status"),
        ({"createdAt": None}, {}, "createdAt"),
        ({"createdAt": "soon"}, {}, "createdAt"),
        ({}, {"quantity": None}, "quantity"),
        ({}, {"quantity": -1}, "quantity"),
    ],
)
def test_an_order_that_cannot_be_read_says_what_is_missing(
    base: dict[str, object], item: dict[str, object], named: str
) -> None:
    with pytest.raises(ChannelDownError) as caught:
        channel_order(order(base, item), NAMES)
    assert named in caught.value.message


def test_a_list_is_asked_for_in_korean_time_and_ends_a_minute_ahead() -> None:
    address = list_address("/v1/orders", TEN_MS, TEN_MS + 3_600_000, None)
    times = "order_modified_at_start=20261122100000&order_modified_at_end=20261122110100"
    assert address == f"/v1/orders?{times}&page=1"
    assert list_address("/v1/orders", TEN_MS, TEN_MS, "3").endswith("&page=3")
    own = list_address("/v2/orders?a={from}&b={to}", TEN_MS, TEN_MS, "1&lastOrderId=7&lastModifiedAt=20261122100000")
    assert own == "/v2/orders?a=20261122100000&b=20261122100100&lastOrderId=7&lastModifiedAt=20261122100000"


def test_an_order_id_cannot_leave_its_place_in_a_path() -> None:
    assert order_address("/v1/orders/{order_id}", "../x?y=1") == "/v1/orders/..%2Fx%3Fy%3D1"


ENTRY = {"orderId": 17, "orderStatus": "PayComplete", "modifiedAt": "20261122100000"}


def test_pages_end_where_the_answer_says_so() -> None:
    body = {"content": [ENTRY], "last": False, "totalPages": 3}
    page = orders_in(json.dumps(body).encode(), "2")
    assert page.orders == (SeenOrder(order_id="17", stamp="20261122100000 PayComplete"),)
    assert page.next == "3"
    assert orders_in(json.dumps(body).encode(), "3").next is None
    assert orders_in(json.dumps(body | {"last": True}).encode(), None).next is None
    assert orders_in(json.dumps(body | {"content": []}).encode(), None).next is None
    assert orders_in(json.dumps({"content": [ENTRY]}).encode(), "9").next == "10"


def test_the_second_form_goes_on_behind_the_last_order_until_it_is_empty_or_stands_still() -> None:
    body = json.dumps({"contents": [ENTRY]}).encode()
    first = orders_in(body, None)
    assert first.next == "1&lastOrderId=17&lastModifiedAt=20261122100000"
    assert orders_in(body, first.next).next is None
    assert orders_in(b'{"contents": []}', first.next).next is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"content": 1}', b'{"content": [{}]}', b"[" * 100_000])
def test_what_is_no_list_is_tried_again(body: bytes) -> None:
    with pytest.raises(ChannelDownError):
        orders_in(body, None)


def test_codes_name_an_item_only_if_they_name_one() -> None:
    products = [
        {"productId": 11, "storeManagementCode": "mug"},
        {
            "productId": 22,
            "storeManagementCode": "shirt",
            "option": {"combinations": [{"id": 1, "managedCode": "S-RED"}, {"id": 2, "managedCode": 7}, {"id": 3}]},
        },
        {"productId": 33, "storeManagementCode": "twice"},
        {"productId": 34, "storeManagementCode": "twice", "option": {"combinations": None}},
        {"productId": 35},
    ]
    assert names_in(products_in(json.dumps(products).encode())) == {
        ("mug", ""): "11",
        ("shirt", "S-RED"): "22/1",
        ("shirt", "7"): "22/2",
        ("shirt", ""): "22/3",
    }
