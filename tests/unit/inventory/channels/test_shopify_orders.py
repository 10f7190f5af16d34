"""What an order of Shopify's holds."""

from collections import Counter

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, Refused, Told
from inventory.channels.selling import ChannelOrder
from inventory.channels.shopify.orders import (
    Line,
    Order,
    cancellation_in,
    changed_since,
    held,
    kept_in,
    orders_in,
    page_in,
)

GID = "gid://shopify/Order/18446744073709551617"


def line(name: str, units: int, item: str | None = "7") -> Line:
    variant = None if item is None else {"inventoryItem": {"id": f"gid://shopify/InventoryItem/{item}"}}
    return msgspec.convert({"id": name, "currentQuantity": units, "variant": variant}, Line)


def order(**changes: object) -> Order:
    told: dict[str, object] = {
        "id": GID,
        "createdAt": "2026-07-01T10:00:00.250+02:00",
        "cancelledAt": None,
        "displayFinancialStatus": "PENDING",
        "displayFulfillmentStatus": "UNFULFILLED",
        "refunds": [],
        "lineItems": {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}},
    }
    return msgspec.convert(told | changes, Order)


def lines(made: ChannelOrder) -> dict[str, int]:
    return {one.item_id: one.quantity for one in made.lines}


def test_an_order_holds_its_units_paid_or_not() -> None:
    made = held(order(), [line("a", 2), line("b", 1), line("c", 4, "8"), line("tip", 1, None)], Counter())
    assert lines(made) == {"7": 3, "8": 4}
    assert made.order_id == "18446744073709551617"
    assert made.placed_at_ms == 1_782_892_800_250
    assert made.status == "PENDING, UNFULFILLED"


@pytest.mark.parametrize("status", ["REFUNDED", "VOIDED", "A_STATUS_OF_NEXT_YEAR", None])
def test_no_status_but_the_cancellation_gives_units_back(status: str | None) -> None:
    assert lines(held(order(displayFinancialStatus=status), [line("a", 2)], Counter())) == {"7": 2}


def test_a_cancelled_order_holds_nothing() -> None:
    made = held(order(cancelledAt="2026-07-01T10:00:00Z"), [line("a", 2)], Counter({"a": 1}))
    assert (made.status, made.lines) == ("CANCELLED", ())


def test_units_that_were_refunded_and_not_given_back_are_held_and_none_is_not_a_line() -> None:
    assert lines(held(order(), [line("a", 1), line("b", 0, "8")], Counter({"a": 2}))) == {"7": 3}


def test_only_units_that_were_never_shipped_are_given_back() -> None:
    words = ("CANCEL", "LEGACY_RESTOCK", "RETURN", "NO_RESTOCK", "A_WORD_OF_NEXT_YEAR")
    refunds = [
        {"refundLineItems": {"nodes": [{"quantity": 2, "restockType": word, "lineItem": {"id": word}}]}}
        for word in words
    ]
    body = msgspec.json.encode({"data": {"node": {"refunds": refunds}}})
    assert kept_in(body) == {"RETURN": 2, "NO_RESTOCK": 2, "A_WORD_OF_NEXT_YEAR": 2}


def test_a_list_is_searched_from_a_second_on() -> None:
    assert changed_since(1_782_892_800_999) == "updated_at:>='2026-07-01T08:00:00Z'"


def test_a_list_says_when_orders_changed() -> None:
    for more, after in ((True, "c"), (False, None)):
        nodes = [{"id": GID, "updatedAt": "2026-07-01T08:00:00Z"}]
        told = {"orders": {"nodes": nodes, "pageInfo": {"hasNextPage": more, "endCursor": "c"}}}
        page = page_in(msgspec.json.encode({"data": told}))
        assert [(one.order_id, one.stamp) for one in page.orders] == [("18446744073709551617", "2026-07-01T08:00:00Z")]
        assert page.next == after


@pytest.mark.parametrize("missing", ["createdAt", "lineItems", "id"])
def test_an_order_that_cannot_be_read_says_what_is_missing(missing: str) -> None:
    told = msgspec.json.decode(msgspec.json.encode(order()))
    del told[missing]
    with pytest.raises(ChannelDownError, match=missing):
        orders_in(msgspec.json.encode({"data": {"nodes": [told]}}), [GID])


@pytest.mark.parametrize("nodes", [[], [None, None], [{**msgspec.to_builtins(order()), "id": "gid://shopify/Order/1"}]])
def test_an_answer_about_other_orders_is_none(nodes: list[object]) -> None:
    with pytest.raises(ChannelDownError):
        orders_in(msgspec.json.encode({"data": {"nodes": nodes}}), [GID])


def test_what_came_of_a_cancellation() -> None:
    def said(*errors: dict[str, object]) -> Told | Refused:
        told = {"data": {"orderCancel": {"orderCancelUserErrors": errors}}}
        return cancellation_in(msgspec.json.encode(told))

    assert said() == Told()
    for code, temporary in (("NOT_FOUND", False), ("INVALID", False), ("INTERNAL_ERROR", True)):
        refused = said({"code": code, "message": "m" * 500})
        assert isinstance(refused, Refused)
        assert (code in refused.reason, refused.temporary, len(refused.reason) < 300) == (True, temporary, True)
    with pytest.raises(ChannelDownError):
        cancellation_in(b'{"data":{"orderCancel":null}}')
