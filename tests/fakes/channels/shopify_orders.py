"""What a fake shop sold: orders with lines and refunds, their list, their cancellation, and the signed pushes."""

import base64
import hashlib
import hmac
import itertools
import re
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from tests.fakes.channels.numbers import FIRST
from tests.fakes.channels.shopify_operations import ShopError, ShopItem, number_in, operation

MOST_IDS: Final = 250
_ORDER: Final = re.compile(r"gid://shopify/Order/([1-9][0-9]*)")
_SINCE: Final = re.compile(r"updated_at:>='([0-9TZ:-]+)'")
_LINES: Final = "nodes id currentQuantity variant inventoryItem pageInfo hasNextPage endCursor"


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """A signed webhook, to be sent to the channel's address."""

    order_id: str
    headers: dict[str, str]
    body: bytes


class ShopifyOrders:
    """The orders of one shop.

    Args:
        items: gives them, by number; an order takes its units from them.
        shop: its domain.
        client_secret: what pushes are signed with.

    Attributes:
        orders: by number.
        page_size: the most orders on a page.
        line_pages: the most lines that come at a time, at first and with each further page.
        slow: whether a cancellation is only begun, and goes on when ``go_on`` is called.
        now_s: the shop's clock; it runs by one with each change.
    """

    def __init__(self, items: Callable[[], dict[str, ShopItem]], *, shop: str, client_secret: str) -> None:
        self._its_items = items
        self._shop, self._client_secret = shop, client_secret
        self.orders: dict[str, dict[str, Any]] = {}
        self.page_size = 50
        self.line_pages = (10, 50)
        self.slow = False
        self.now_s = int(time.time())
        self._begun: list[str] = []
        self._ids = itertools.count(5_678_901_234_567 + FIRST)
        self.operations = (
            operation(
                "orders",
                "query ids ID on Order createdAt cancelledAt displayFinancialStatus displayFulfillmentStatus refunds"
                f" first lineItems {_LINES}",
                {"ids"},
                "read_orders",
                self._read,
                price=lambda ids: len(ids) * (2 + 3 * self.line_pages[0]),
            ),
            operation(
                "more", f"query ID String after node on Order lineItems first {_LINES}", {"id", "after"},
                "read_orders", self._more, price=lambda _: 1 + 3 * self.line_pages[1],
            ),
            operation(
                "refunds",
                "query id ID node on Order refunds first refundLineItems nodes quantity restockType lineItem",
                {"id"}, "read_orders", self._refunds, price=lambda _: 137,
            ),
            operation(
                "changed",
                "query String after orders first sortKey UPDATED_AT nodes id updatedAt pageInfo hasNextPage endCursor",
                {"query", "after"}, "read_orders", self._changed, price=lambda _: 52,
            ),
            operation(
                "cancel",
                "mutation order ID orderCancel orderId reason INVENTORY restock false notifyCustomer true refundMethod"
                " originalPaymentMethodsRefund staffNote orderCancelUserErrors code field message",
                {"order"}, "write_orders", self._cancel,
            ),
        )  # fmt: skip

    def place(self, items: Mapping[str, int], *, financial: str = "PAID", fulfillment: str = "UNFULFILLED") -> Push:
        self._tick()
        order_id = str(next(self._ids))
        lines = []
        for item, units in items.items():
            variant = {"inventoryItem": {"id": f"gid://shopify/InventoryItem/{item}"}} if item else None
            line_id = f"gid://shopify/LineItem/{next(self._ids)}"
            lines.append({"id": line_id, "currentQuantity": units, "variant": variant})
            if item in self._its_items():
                self._its_items()[item].available -= units
        self.orders[order_id] = {
            "id": f"gid://shopify/Order/{order_id}",
            "createdAt": self._moment(),
            "updatedAt": self._moment(),
            "cancelledAt": None,
            "displayFinancialStatus": financial,
            "displayFulfillmentStatus": fulfillment,
            "lines": lines,
            "refunds": [],
        }
        return self._touch(order_id, "orders/create")

    def cancel(self, order_id: str, items: Mapping[str, int] | None) -> Push:
        order = self.orders[order_id]
        if items is not None:
            return self.refund(order_id, items, restock_type="CANCEL")
        if order["cancelledAt"] is None:
            order["cancelledAt"] = self._moment()
            for line in order["lines"]:
                self._give_back(line, line["currentQuantity"])
                line["currentQuantity"] = 0
        return self._touch(order_id, "orders/cancelled")

    def refund(self, order_id: str, items: Mapping[str, int], *, restock_type: str) -> Push:
        """Refund units; ``CANCEL`` and ``RETURN`` put them back on sale over there."""
        order = self.orders[order_id]
        refunded = []
        for line in order["lines"]:
            units = items.get(_item(line), 0)
            if units:
                line["currentQuantity"] -= units
                refunded.append({"quantity": units, "restockType": restock_type, "lineItem": {"id": line["id"]}})
                if restock_type in {"CANCEL", "RETURN"}:
                    self._give_back(line, units)
        order["refunds"].append(
            {"id": f"gid://shopify/Refund/{next(self._ids)}", "refundLineItems": {"nodes": refunded}}
        )
        return self._touch(order_id, "refunds/create")

    def go_on(self) -> None:
        """Finish what was begun."""
        for order_id in self._begun:
            self.cancel(order_id, None)
        self._begun.clear()

    def push(self, topic: str, body: bytes, event_id: str = "") -> Push:
        """Any body with a good signature."""
        digest = hmac.new(self._client_secret.encode(), body, hashlib.sha256).digest()
        headers = {
            "content-type": "application/json",
            "x-shopify-topic": topic,
            "x-shopify-hmac-sha256": base64.b64encode(digest).decode(),
            "x-shopify-shop-domain": self._shop,
            "x-shopify-api-version": "2026-07",
            "x-shopify-webhook-id": str(uuid.uuid4()),
            "x-shopify-event-id": event_id or str(uuid.uuid4()),
            "x-shopify-triggered-at": self._moment(),
        }
        return Push(order_id="", headers=headers, body=body)

    def _touch(self, order_id: str, topic: str) -> Push:
        self._tick()
        self.orders[order_id]["updatedAt"] = self._moment()
        if topic.startswith("orders/"):
            body: dict[str, object] = {
                "id": int(order_id),
                "admin_graphql_api_id": f"gid://shopify/Order/{order_id}",
                "note": "für Zoë",
            }
        else:
            body = {"id": next(self._ids), "order_id": int(order_id)}
        signed = self.push(topic, msgspec.json.encode(body))
        return Push(order_id=order_id, headers=signed.headers, body=signed.body)

    def _tick(self) -> None:
        self.now_s = max(self.now_s + 1, int(time.time()))

    def _moment(self) -> str:
        return f"{datetime.fromtimestamp(self.now_s, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def _give_back(self, line: dict[str, Any], units: int) -> None:
        if _item(line) in self._its_items():
            self._its_items()[_item(line)].available += units

    def _read(self, ids: list[str]) -> object:
        if not 1 <= len(ids) <= MOST_IDS:
            raise ShopError("MAX_INPUT_SIZE_EXCEEDED", "the input array is too long, or empty")
        return {"nodes": [self._told(self.orders.get(number_in(_ORDER, gid))) for gid in ids]}

    def _told(self, order: dict[str, Any] | None) -> object:
        if order is None:
            return None
        told = {name: value for name, value in order.items() if name not in {"lines", "updatedAt"}}
        told["refunds"] = [{"id": one["id"]} for one in order["refunds"][:1]]
        return told | {"lineItems": self._lines(order, 0, self.line_pages[0])}

    def _lines(self, order: dict[str, Any], start: int, size: int) -> object:
        end = start + size
        more = end < len(order["lines"])
        page = {"hasNextPage": more, "endCursor": str(end) if more else None}
        return {"nodes": order["lines"][start:end], "pageInfo": page}

    def _more(self, id: str, after: str) -> object:
        order = self.orders[number_in(_ORDER, id)]
        return {"node": {"lineItems": self._lines(order, int(after), self.line_pages[1])}}

    def _refunds(self, id: str) -> object:
        refunds = self.orders[number_in(_ORDER, id)]["refunds"]
        return {"node": {"refunds": [{"refundLineItems": one["refundLineItems"]} for one in refunds]}}

    def _changed(self, query: str, after: str | None) -> object:
        since = _SINCE.fullmatch(query)
        if since is None:
            raise ShopError("BAD_REQUEST", "not understood, so it finds everything")
        found = sorted(
            (order for order in self.orders.values() if order["updatedAt"] >= since[1]),
            key=lambda order: str(order["updatedAt"]),
        )
        start = int(after or "0")
        end = start + self.page_size
        nodes = [{"id": order["id"], "updatedAt": order["updatedAt"]} for order in found[start:end]]
        return {"orders": {"nodes": nodes, "pageInfo": {"hasNextPage": end < len(found), "endCursor": str(end)}}}

    def _cancel(self, order: str) -> object:
        order_id = number_in(_ORDER, order)
        found = self.orders.get(order_id)
        error = None
        if found is None:
            error = {"code": "NOT_FOUND", "field": ["orderId"], "message": "Order does not exist"}
        elif found["cancelledAt"] is not None or found["displayFulfillmentStatus"] != "UNFULFILLED":
            error = {"code": "INVALID", "field": ["orderId"], "message": "Cannot cancel this order"}
        elif self.slow:
            self._begun.append(order_id)
        else:
            before = {one: item.available for one, item in self._its_items().items()}
            self.cancel(order_id, None)
            for one, available in before.items():  # not restocked
                self._its_items()[one].available = available
        return {"orderCancel": {"orderCancelUserErrors": [] if error is None else [error]}}


def _item(line: dict[str, Any]) -> str:
    return "" if line["variant"] is None else line["variant"]["inventoryItem"]["id"].rpartition("/")[2]
