"""Orders of LINE MyShop without a network: what each holds, how times and pages are read."""

import json
from typing import Any

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError
from inventory.channels.line_myshop.answers import read_answer
from inventory.channels.line_myshop.orders import Order, channel_order, inventories_in, moment, orders_in
from inventory.channels.selling import SoldLine

INVENTORIES = {(1, None): 10, (2, 71): 20, (2, 72): 21}


def order(**fields: object) -> Order:
    whole = {
        "orderNumber": "2026112200000000001",
        "orderStatus": "FINALIZED",
        "paymentStatus": "PENDING",
        "checkoutAt": "2026-11-22T10:00:00.250Z",
        "lastUpdatedAt": "2026-11-22T11:00:00Z",
        "orderItems": [{"productId": 2, "variantId": 72, "quantity": 3}],
    }
    return read_answer(json.dumps(whole | fields).encode(), Order)


def test_an_order_holds_its_items_by_inventory_from_checkout_on() -> None:
    items = [
        {"productId": 2, "variantId": 72, "quantity": 3, "price": 99.5, "anything": {"else": 1}},
        {"productId": 1, "quantity": 1.0},
        {"productId": 2, "variantId": 71, "quantity": 0},
    ]
    read = channel_order(order(orderItems=items), INVENTORIES)
    assert read.order_id == "2026112200000000001"
    assert read.placed_at_ms == 1_795_341_600_250
    assert read.status == "FINALIZED"
    assert read.lines == (SoldLine(item_id="2/21", quantity=3), SoldLine(item_id="1/10", quantity=1))


@pytest.mark.parametrize("status", ["CANCELED", "EXPIRED"])
def test_what_is_over_holds_nothing(status: str) -> None:
    assert channel_order(order(orderStatus=status), INVENTORIES).lines == ()


@pytest.mark.parametrize("status", ["FINALIZED", "COMPLETED", "ON_THE_MOON"])
@pytest.mark.parametrize("payment", ["NO_PAYMENT", "PENDING", "PAID", "REFUND", "PENDING_REFUND"])
def test_everything_else_holds_paid_refunded_or_unheard_of(status: str, payment: str) -> None:
    assert channel_order(order(orderStatus=status, paymentStatus=payment), INVENTORIES).lines != ()


def test_a_number_keeps_its_digits_and_a_time_without_a_zone_is_utc() -> None:
    read = channel_order(order(orderNumber=12345678901234567890123, checkoutAt="2026-11-22T10:00:00.25"), INVENTORIES)
    assert read.order_id == "12345678901234567890123"
    assert read.placed_at_ms == 1_795_341_600_250
    assert channel_order(order(checkoutAt=None), INVENTORIES).placed_at_ms == 1_795_345_200_000


def test_a_product_without_variants_may_be_named_by_a_variant() -> None:
    items = [{"productId": 1, "variantId": 555, "quantity": 2}]
    assert channel_order(order(orderItems=items), INVENTORIES).lines == (SoldLine(item_id="1/10", quantity=2),)


def test_an_item_that_the_shop_has_no_longer_is_named_as_no_link_can_be() -> None:
    items = [{"productId": 9, "variantId": 5, "quantity": 2}, {"productId": 2, "variantId": 71, "quantity": 1}]
    lines = channel_order(order(orderItems=items), INVENTORIES).lines
    assert lines == (SoldLine(item_id="9/variant-5", quantity=2), SoldLine(item_id="2/20", quantity=1))


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"orderNumber": None}, "orderNumber"),
        ({"orderStatus": 3}, "orderStatus"),
        ({"orderItems": None}, "orderItems"),
        ({"orderItems": [{"quantity": 1}]}, "productId"),
        ({"orderItems": [{"productId": 1}]}, "quantity"),
        ({"orderItems": [{"productId": 1, "quantity": 1.5}]}, "quantity"),
        ({"orderItems": [{"productId": 1, "quantity": -1}]}, "quantity"),
        ({"checkoutAt": None, "lastUpdatedAt": None}, "checkoutAt"),
        ({"checkoutAt": "yesterday"}, "checkoutAt"),
    ],
)
def test_an_order_that_cannot_be_read_says_what_is_missing(fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ChannelDownError) as caught:
        channel_order(order(**fields), INVENTORIES)
    assert named in caught.value.message


def test_times_go_out_as_line_writes_them() -> None:
    assert moment(1_795_341_600_250) == "2026-11-22T10:00:00.250Z"


def page(count: int, **fields: object) -> bytes:
    data = [msgspec.to_builtins(order(orderNumber=str(number))) for number in range(count)]
    return json.dumps({"data": data, "totalPage": 3} | fields).encode()


def test_pages_follow_each_other_and_end() -> None:
    first = orders_in(page(2), 1)
    assert [one.order_id for one in first.orders] == ["0", "1"]
    assert first.next == "2"
    assert orders_in(page(2), 3).next is None
    assert orders_in(page(0), 1).next is None
    assert orders_in(b'{"data": null}', 1).orders == ()


def test_a_stamp_changes_with_time_state_and_payment() -> None:
    changes: list[dict[str, str]] = [
        {},
        {"lastUpdatedAt": "2026-11-22T11:00:01Z"},
        {"orderStatus": "CANCELED"},
        {"paymentStatus": "PAID"},
    ]
    stamps = set()
    for change in changes:
        body = json.dumps({"data": [msgspec.to_builtins(order(**change))]}).encode()
        stamps.add(orders_in(body, 1).orders[0].stamp)
    assert len(stamps) == len(changes)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"data": [{}]}', b'{"data": 1}', b"[" * 100_000])
def test_what_is_no_page_is_tried_again(body: bytes) -> None:
    with pytest.raises(ChannelDownError):
        orders_in(body, 1)
    with pytest.raises(ChannelDownError):
        inventories_in(body)
