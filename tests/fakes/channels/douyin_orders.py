"""Orders of the Douyin shop on loopback: placed by a test, listed, read, and told to an address of ours."""

import hashlib
import hmac
import itertools
import json
from typing import Any, Final

import msgspec

from tests.fakes.channels.douyin_shop import Answered, DouyinShop, only
from tests.fakes.channels.numbers import FIRST

LIST: Final = "/order/searchList"
DETAIL: Final = "/order/orderDetail"


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A request that Douyin sends to an address of ours."""

    headers: dict[str, str]
    body: bytes


class Part(msgspec.Struct, kw_only=True):
    """What an order has of one SKU."""

    product_id: int
    sku_id: int
    units: int
    status: int
    main_status: int
    reduce_stock_type: int = 1


class FakeOrder(msgspec.Struct, kw_only=True):
    """An order; ``extra`` is written over what is told of it."""

    order_id: int
    created_s: int
    updated_s: int
    parts: list[Part]
    extra: dict[str, Any] = msgspec.field(default_factory=dict)

    @property
    def status(self) -> int:
        """The order's, by its parts'."""
        states = {one.status for one in self.parts}
        return states.pop() if len(states) == 1 else min(states)


class DouyinOrderDesk:
    """The orders.

    Attributes:
        orders: by id.
        by_hmac: pushes are signed with HMAC instead of MD5.
        data_as_text: the data of a message is an object written as a text.
    """

    def __init__(self, shop: DouyinShop) -> None:
        self._shop = shop
        self._numbers = itertools.count(4_781_320_682_406_083_640 + FIRST)
        self._messages = itertools.count(1 + FIRST)
        self.orders: dict[str, FakeOrder] = {}
        self.by_hmac = False
        self.data_as_text = True

    def handlers(self) -> dict[str, Any]:
        return {LIST: self._list, DETAIL: self._detail}

    # --- what buyers and the merchant do ---

    def place_order(
        self, lines: dict[tuple[int, int], int], *, paid: bool = True, reduce_when_paid: bool = False
    ) -> tuple[str, Hook]:
        """A buyer orders units; the shop's stock becomes less. Returns the order's id and what Douyin sends."""
        status = 2 if paid else 1
        order = FakeOrder(
            order_id=next(self._numbers),
            created_s=self._shop.now_s(),
            updated_s=self._shop.now_s(),
            parts=[
                Part(
                    product_id=product_id,
                    sku_id=sku_id,
                    units=units,
                    status=status,
                    main_status=status,
                    reduce_stock_type=2 if reduce_when_paid else 1,
                )
                for (product_id, sku_id), units in lines.items()
            ],
        )
        if paid or not reduce_when_paid:
            for ids, units in lines.items():
                self._shop.stock[ids] -= units
        self.orders[str(order.order_id)] = order
        return str(order.order_id), self.told(order, 101 if paid else 100)

    def cancel_order(self, order_id: str, *, sku_id: int | None = None) -> Hook:
        """The order, or its part of one SKU, is cancelled; the shop's stock comes back."""
        order = self.orders[order_id]
        for part in order.parts:
            if sku_id in {None, part.sku_id} and part.status != 4:
                part.status = part.main_status = 4
                self._shop.stock[part.product_id, part.sku_id] += part.units
        order.updated_s = self._shop.now_s()
        return self.told(order, 106)

    def refund(self, order_id: str, sku_id: int, *, when: int) -> Hook:
        """A part is refunded; ``when`` is 21 before it was sent, 22 after, 39 after it arrived."""
        order = self.orders[order_id]
        for part in order.parts:
            if part.sku_id == sku_id:
                part.main_status = when
        order.updated_s = self._shop.now_s()
        return self.told(order, 206)

    # --- what Douyin sends ---

    def told(self, order: FakeOrder, tag: int) -> Hook:
        data = {"p_id": order.order_id, "s_ids": [order.order_id], "shop_id": self._shop.shop_id, "biz": 2}
        return self.push([self.message(tag, data)])

    def message(self, tag: int | str, data: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        text = json.dumps(data) if self.data_as_text and not isinstance(data, str) else data
        return {"tag": str(tag), "msg_id": f"7084200461{next(self._messages)}", "data": text}

    def probe(self) -> Hook:
        """What Douyin sends when an address is saved."""
        return self.push([{"tag": "0", "msg_id": "0", "data": "2026-09-28T10:00:00+08:00"}])

    def push(self, messages: Any) -> Hook:  # noqa: ANN401 - any JSON, rubbish too
        return self.sealed(json.dumps(messages, ensure_ascii=False).encode())

    def sealed(self, body: bytes) -> Hook:
        """Sign any body."""
        signed = self._shop.app_key.encode() + body + self._shop.app_secret.encode()
        if self.by_hmac:
            sign = hmac.new(self._shop.app_secret.encode(), signed, hashlib.sha256).hexdigest()
        else:
            sign = hashlib.md5(signed).hexdigest()  # noqa: S324 - Douyin's choice
        how = "hmac-sha256" if self.by_hmac else "md5"
        headers = {"event-sign": sign, "app-id": self._shop.app_key, "sign-method": how}
        return Hook(headers={**headers, "content-type": "application/json"}, body=body)

    # --- the API ---

    def _list(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        only(params, {"update_time_start", "update_time_end", "order_by", "order_asc", "page", "size"})
        page, size = params["page"], params["size"]
        start, end = params["update_time_start"], params["update_time_end"]
        if any(type(one) is not int or one < 0 for one in (page, size, start, end)) or not 1 <= size <= 100:
            raise Answered(40004, "isv.parameter-invalid", "numbers")
        if params["order_by"] != "update_time" or params["order_asc"] is not True:
            raise Answered(40004, "isv.parameter-invalid", "order")
        # What changed at the very start is not in the list: the stricter reading of what is documented.
        found = sorted((one for one in self.orders.values() if start < one.updated_s <= end), key=_updated)
        told = [
            {"order_id": str(one.order_id), "update_time": self._shop.number(one.updated_s), "encrypt_post_tel": "x"}
            for one in found[page * size : (page + 1) * size]
        ]
        return {"page": page, "size": size, "total": len(found), "shop_order_list": told}

    def _detail(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        only(params, {"shop_order_id"})
        if not isinstance(params["shop_order_id"], str):
            raise Answered(40004, "isv.parameter-invalid", "shop_order_id")
        order = self.orders.get(params["shop_order_id"])
        if order is None:
            raise Answered(50002, "isv.business-failed:4", "no such order")
        number = self._shop.number
        told = {
            "order_id": str(order.order_id),
            "order_status": number(order.status),
            "order_status_desc": "a state",
            "main_status": number(order.status),
            "create_time": number(order.created_s),
            "update_time": number(order.updated_s),
            "encrypt_post_receiver": "somebody",
            "sku_order_list": [self._part(one) for one in order.parts],
        }
        return {"shop_order_detail": {**told, **order.extra}}

    def _part(self, part: Part) -> dict[str, Any]:
        number = self._shop.number
        return {
            "order_id": "1",
            "product_id": number(part.product_id),
            "product_id_str": str(part.product_id),
            "sku_id": number(part.sku_id),
            "item_num": number(part.units),
            "order_status": number(part.status),
            "main_status": number(part.main_status),
            "reduce_stock_type": number(part.reduce_stock_type),
            "room_id_str": "1473196049974326153",
        }


def _updated(order: FakeOrder) -> tuple[int, int]:
    return order.updated_s, order.order_id
