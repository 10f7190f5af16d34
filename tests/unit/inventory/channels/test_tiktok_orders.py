"""What an order of TikTok Shop holds, and what a cancellation's code means."""

import msgspec
import pytest

from inventory.channels.channel import Refused, Told
from inventory.channels.selling import OrderPage, SeenOrder
from inventory.channels.tiktok.orders import Cancellation, OrderList, Orders, outcome

STATUSES = [
    "UNPAID",
    "ON_HOLD",
    "AWAITING_SHIPMENT",
    "PARTIALLY_SHIPPING",
    "AWAITING_COLLECTION",
    "IN_TRANSIT",
    "DELIVERED",
    "COMPLETED",
]


def line(item: str = "1001/11", status: str | None = "AWAITING_SHIPMENT", **more: object) -> dict[str, object]:
    product_id, _, sku_id = item.partition("/")
    return {"product_id": product_id, "sku_id": sku_id, "display_status": status, **more}


def held(*lines: dict[str, object], status: str = "AWAITING_SHIPMENT") -> dict[str, int]:
    order = {"id": "9", "create_time": 1_700_000_000, "status": status, "line_items": lines, "new": 1}
    said = msgspec.json.decode(msgspec.json.encode({"code": 0, "data": {"orders": [order]}}), type=Orders)
    (read,) = said.by_id().values()
    assert (read.order_id, read.placed_at_ms, read.status) == ("9", 1_700_000_000_000, status)
    assert all(one.quantity > 0 for one in read.lines)
    return {one.item_id: one.quantity for one in read.lines}


@pytest.mark.parametrize("status", [*STATUSES, "A_STATUS_OF_NEXT_YEAR", ""])
def test_an_order_holds_its_units_until_it_is_cancelled(status: str) -> None:
    assert held(line(), line(), line("1002/21"), status=status) == {"1001/11": 2, "1002/21": 1}


def test_a_cancelled_order_holds_nothing() -> None:
    assert held(line(), line(status="CANCELLED"), status="CANCELLED") == {}


def test_cancelled_units_are_not_held_and_those_of_no_known_state_are() -> None:
    lines = [line(), line(status="CANCELLED"), line(status=None), line(status="RETURNED"), line("1/2", "CANCELLED")]
    assert held(*lines) == {"1001/11": 3}


def test_a_bundle_holds_its_parts() -> None:
    parts = [
        {"product_id": "1001", "sku_id": "11", "sku_count": 2},
        {"product_id": "1002", "sku_id": "21", "sku_count": 1},
    ]
    assert held(line("7/8", combined_listing_skus=parts), line()) == {"1001/11": 3, "1002/21": 1}


def test_ids_keep_all_their_digits() -> None:
    body = (
        b'{"code":0,"data":{"orders":[{"id":576461413038785752,"create_time":1,"line_items":'
        b'[{"product_id":18446744073709551617,"sku_id":"2729382476852921560"}]}]}}'
    )
    (order,) = msgspec.json.decode(body, type=Orders).by_id().values()
    assert order.order_id == "576461413038785752"
    assert order.lines[0].item_id == "18446744073709551617/2729382476852921560"


def test_a_list_says_when_orders_changed_and_ends_with_no_token() -> None:
    body = b'{"code":0,"data":{"orders":[{"id":1,"status":"UNPAID","update_time":5},{"id":"2"}],"next_page_token":"t"}}'
    page = msgspec.json.decode(body, type=OrderList).page()
    assert page == OrderPage(orders=(SeenOrder(order_id="1", stamp="5 UNPAID"), SeenOrder(order_id="2")), next="t")
    assert OrderList(code=0).page() == OrderPage(orders=())
    assert msgspec.json.decode(b'{"code":0,"data":{"next_page_token":""}}', type=OrderList).page().next is None


def cancelled(code: int = 0, status: str = "") -> Told | Refused:
    body = {"code": code, "message": "m", "data": {"cancel_status": status}}
    return outcome(msgspec.json.decode(msgspec.json.encode(body), type=Cancellation))


def test_what_came_of_a_cancellation() -> None:
    for status in ("CANCELLATION_REQUEST_SUCCESS", "CANCELLATION_REQUEST_PENDING", "CANCELLATION_REQUEST_COMPLETE", ""):
        assert cancelled(status=status) == Told()
    assert isinstance(cancelled(status="CANCELLATION_REQUEST_CANCEL"), Refused)
    for code, temporary in ((25001045, False), (25001021, False), (25001028, True), (25001011, True)):
        refused = cancelled(code)
        assert isinstance(refused, Refused)
        assert (refused.temporary, str(code) in refused.reason) == (temporary, True)
