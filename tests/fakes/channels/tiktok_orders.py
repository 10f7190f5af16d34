"""What a fake TikTok Shop sold: orders with a line per unit, their list, their cancellation, and the signed pushes."""

import hashlib
import hmac
import itertools
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request

from tests.fakes.channels.numbers import FIRST
from tests.fakes.channels.tiktok_answered import Answered, only

MOST_READ: Final = 50
MOST_LISTED: Final = 100
REASONS: Final = {
    "UNPAID": "seller_cancel_unpaid_reason_out_of_stock",
    "ON_HOLD": "seller_cancel_reason_out_of_stock",
    "AWAITING_SHIPMENT": "seller_cancel_reason_out_of_stock",
}


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """A signed webhook, to be sent to the channel's address."""

    order_id: str
    headers: dict[str, str]
    body: bytes


class TikTokOrders:
    """The orders of one shop.

    Args:
        products: by product, SKU and warehouse, the units for sale; an order takes its own from them.
        app_key: of the app that is told.
        app_secret: what it is told is signed with.

    Attributes:
        orders: by id, as they are told.
        market: the end of a reason's name in the shop's market, such as ``_uk``.
        numbers: whether ids are told as numbers and not as texts.
        page_size: the most on a page, whatever was asked for.
        foreign: orders that are of another shop; a call that names one is refused as a whole.
        now_s: the shop's clock; it runs by one with each change.
    """

    def __init__(self, products: dict[str, dict[str, dict[str, int]]], *, app_key: str, app_secret: str) -> None:
        self._products = products
        self._app_key, self._app_secret = app_key, app_secret
        self.orders: dict[str, dict[str, Any]] = {}
        self.market = ""
        self.numbers = False
        self.page_size = MOST_LISTED
        self.foreign: set[str] = set()
        self.now_s = int(time.time())
        self._ids = itertools.count(576_461_413_038_785_752 + FIRST)
        self._notes = itertools.count(7_327_112_393_057_371_910 + FIRST)
        self.calls = [
            ("GET", "/order/202507/orders", ["ids"], "orders", self._read),
            (
                "POST",
                "/order/202309/orders/search",
                ["page_size", "page_token", "sort_field", "sort_order"],
                "orders",
                self._list,
            ),
            ("POST", "/return_refund/202309/cancellations", [], "cancellations", self._cancelled),
        ]

    def place(self, items: Mapping[str, int], *, status: str, bundles: Mapping[str, int]) -> Push:
        lines = [self._line(item, status) for item, units in items.items() for _ in range(units)]
        for item, units in bundles.items():
            product_id, _, sku_id = item.partition("/")
            part = {"product_id": product_id, "sku_id": sku_id, "sku_count": units, "seller_sku": ""}
            lines.append(self._line("1/2", status) | {"combined_listing_skus": [part]})
        for item, units in [*items.items(), *bundles.items()]:
            self._move(item, -units)
        self._tick()
        order_id = str(next(self._ids))
        self.orders[order_id] = {
            "id": order_id,
            "status": status,
            "create_time": self.now_s,
            "update_time": self.now_s,
            "line_items": lines,
            "payment": {"currency": "EUR", "total_amount": "5.00"},
        }
        return self._changed(order_id)

    def cancel(self, order_id: str, items: Mapping[str, int] | None) -> Push:
        lines = [line for line in self.orders[order_id]["line_items"] if line["display_status"] != "CANCELLED"]
        left = None if items is None else dict(items)
        for line in lines:
            item = f"{line['product_id']}/{line['sku_id']}"
            if left is None or left.get(item, 0) > 0:
                line["display_status"] = "CANCELLED"
                self._move(item, 1)
                if left is not None:
                    left[item] -= 1
        if all(line["display_status"] == "CANCELLED" for line in lines):
            self.orders[order_id]["status"] = "CANCELLED"
        return self._changed(order_id, kind=11)

    def push(self, body: bytes) -> Push:
        """Any body with a good signature."""
        message = self._app_key.encode() + body
        signature = hmac.new(self._app_secret.encode(), message, hashlib.sha256).hexdigest()
        headers = {"authorization": signature, "content-type": "application/json"}
        return Push(order_id="", headers=headers, body=body)

    def _tick(self) -> None:
        self.now_s = max(self.now_s + 1, int(time.time()))

    def _changed(self, order_id: str, kind: int = 1) -> Push:
        self._tick()
        order = self.orders[order_id]
        order["update_time"] = self.now_s
        data = {"order_id": order_id, "order_status": order["status"], "update_time": self.now_s}
        if kind != 1:
            data = {"order_id": order_id, "cancel_status": "CANCELLATION_REQUEST_SUCCESS", "cancel_id": "4035"}
        note = str(next(self._notes))
        body = {"type": kind, "tts_notification_id": note, "shop_id": "7494", "timestamp": self.now_s, "data": data}
        signed = self.push(msgspec.json.encode(body))
        return Push(order_id=order_id, headers=signed.headers, body=signed.body)

    def _line(self, item: str, status: str) -> dict[str, Any]:
        product_id, _, sku_id = item.partition("/")
        return {
            "id": str(next(self._ids)),
            "product_id": product_id,
            "sku_id": sku_id,
            "display_status": status,
            "combined_listing_skus": [],
        }

    def _move(self, item: str, units: int) -> None:
        product_id, _, sku_id = item.partition("/")
        stock = self._products.get(product_id, {}).get(sku_id)
        if stock:
            warehouse = next(iter(stock))
            stock[warehouse] = max(0, stock[warehouse] + units)

    def _read(self, request: Request, body: object) -> object:
        if body is not None:
            raise Answered(36009004, "a GET has no body", 400)
        ids = request.query_params["ids"].split(",")
        if not 1 <= len(ids) <= MOST_READ:
            raise Answered(36009004, "at most 50 orders", 400)
        if self.foreign & set(ids):
            raise Answered(21008111, "The order or package does not belong to the current seller.")
        return {"orders": [self._told(self.orders[one]) for one in ids if one in self.orders]}

    def _told(self, order: dict[str, Any]) -> dict[str, Any]:
        if not self.numbers:
            return order
        lines = [
            line | {"product_id": int(line["product_id"]), "sku_id": int(line["sku_id"])}
            for line in order["line_items"]
        ]
        return order | {"id": int(order["id"]), "line_items": lines}

    def _list(self, request: Request, body: Any) -> object:  # noqa: ANN401 - any JSON
        only(body, {"update_time_ge"})
        query = request.query_params
        size = int(query["page_size"])
        if not 1 <= size <= MOST_LISTED or (query["sort_field"], query["sort_order"]) != ("update_time", "ASC"):
            raise Answered(36009004, "the page", 400)
        found = sorted(
            (order for order in self.orders.values() if order["update_time"] >= body["update_time_ge"]),
            key=lambda order: int(order["update_time"]),
        )
        start = int(query.get("page_token", "0"))
        end = start + min(size, self.page_size)
        told = [self._told(order) for order in found[start:end]]
        return {
            "orders": told,
            "next_page_token": str(end) if end < len(found) else "",
            "total_count": len(found),
        }

    def _cancelled(self, request: Request, body: Any) -> object:  # noqa: ANN401, ARG002 - any JSON
        only(body, {"order_id", "cancel_reason"})
        order = self.orders.get(body["order_id"])
        if order is None:
            raise Answered(25020005, "No permission to process this order")
        if order["status"] == "CANCELLED":
            raise Answered(25001051, "Not allowed to return or cancel since order is completed or cancelled")
        if order["status"] not in REASONS:
            raise Answered(25001045, "The order has already been shipped")
        if body["cancel_reason"] != REASONS[order["status"]] + self.market:
            raise Answered(25001021, "Reason not match order status")
        self.cancel(body["order_id"], None)
        return {"cancel_id": "4035319218955782461", "cancel_status": "CANCELLATION_REQUEST_SUCCESS"}
