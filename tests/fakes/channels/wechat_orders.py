"""Orders of the WeChat shop on loopback: placed by a test, listed, read, refunded, and told to an address of ours."""

import base64
import hashlib
import os
import struct
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.channels.numbers import FIRST
from tests.fakes.channels.wechat_shop import APPID, Body, WechatShop

CALLBACK_TOKEN = "callbackTokenOfTests"
ENCODING_AES_KEY = "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"
LIST = "/channels/ec/order/list/get"
GET = "/channels/ec/order/get"
REFUND = "/channels/ec/aftersale/genaftersaleorder"
WEEK_S = 7 * 24 * 3_600
NO_ORDER = 100002


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A request that WeChat sends to an address of ours."""

    query: dict[str, str]
    body: bytes


class Bought(msgspec.Struct, kw_only=True):
    """A line of an order."""

    item_id: str
    units: int
    price: int = 1_999
    under_way: int = 0
    refunded: int = 0
    sent: int = 0


class FakeOrder(msgspec.Struct, kw_only=True):
    """An order; ``extra`` is written over what is told of it."""

    order_id: int
    status: int
    created_s: int
    updated_s: int
    lines: list[Bought]
    freight: int = 0
    ship_done_s: int = 0
    extra: dict[str, object] = msgspec.field(default_factory=dict)


class WechatOrderDesk:
    """The orders.

    Attributes:
        orders: by id.
        refunds: every refund that was asked for, by its name.
        ids_as_numbers: order ids come as numbers.
        refunds_at_once: a refund goes through at once; else it stays under way.
    """

    def __init__(self, shop: WechatShop) -> None:
        self._shop = shop
        self.orders: dict[str, FakeOrder] = {}
        self.refunds: dict[str, Body] = {}
        self.ids_as_numbers = False
        self.refunds_at_once = True

    def routes(self) -> list[Route]:
        return [
            self._shop.route(LIST, self._list),
            self._shop.route(GET, self._get),
            self._shop.route(REFUND, self._refund),
        ]

    # --- what buyers and the merchant do ---

    def place_order(self, lines: dict[str, int], *, paid: bool = True, freight: int = 0) -> tuple[str, Hook]:
        """A buyer orders units; the shop's stock becomes less. Returns the order's id and what WeChat sends."""
        for item_id, units in lines.items():
            self._shop.shelves[item_id].sell(units)
        order = FakeOrder(
            order_id=3_705_115_058_471_208_928 + FIRST + len(self.orders),
            status=20 if paid else 10,
            created_s=self._now_s(),
            updated_s=self._now_s(),
            lines=[Bought(item_id=item_id, units=units) for item_id, units in lines.items()],
            freight=freight,
        )
        self.orders[str(order.order_id)] = order
        return str(order.order_id), self.event(order, "channels_ec_order_pay" if paid else "channels_ec_order_new")

    def cancel_order(self, order_id: str) -> Hook:
        """The buyer cancels before paying; the shop's stock comes back."""
        order = self.orders[order_id]
        for line in order.lines:
            self._shop.shelves[line.item_id].sell(-line.units)
        order.status, order.updated_s = 250, self._now_s()
        return self.event(order, "channels_ec_order_cancel")

    def refund(self, order_id: str, item_id: str, units: int) -> Hook:
        """Units of a line are refunded; WeChat does not give them back to the stock."""
        order = self.orders[order_id]
        line = next(one for one in order.lines if one.item_id == item_id)
        line.refunded += units
        if all(one.refunded >= one.units for one in order.lines):
            order.status = 200
        order.updated_s = self._now_s()
        about = {"order_id": self._id(order), "after_sale_order_id": "77", "status": "MERCHANT_REFUND_SUCCESS"}
        return self.hook("channels_ec_aftersale_update", {"finder_shop_aftersale_status_update": about})

    def send(self, order_id: str, item_id: str, units: int) -> None:
        """The merchant sends units of a line."""
        order = self.orders[order_id]
        next(one for one in order.lines if one.item_id == item_id).sent += units
        order.status = 30 if all(one.sent + one.refunded >= one.units for one in order.lines) else 21
        order.updated_s = self._now_s()

    # --- what WeChat sends ---

    def event(self, order: FakeOrder, name: str, *, as_xml: bool = False) -> Hook:
        return self.hook(name, {"order_info": {"order_id": self._id(order)}}, as_xml=as_xml)

    def hook(self, name: str, about: dict[str, Any], *, as_xml: bool = False) -> Hook:
        fields = {"ToUserName": "gh_1", "FromUserName": "open", "CreateTime": self._now_s(), "MsgType": "event"}
        message = {**fields, "Event": name, **about}
        return self.sealed(_xml({"xml": message}) if as_xml else msgspec.json.encode(message), as_xml=as_xml)

    def sealed(self, message: bytes, *, as_xml: bool = False, appid: str = APPID) -> Hook:
        """Encrypt and sign any message."""
        encrypted = encrypt(message, appid=appid)
        timestamp, nonce = str(self._now_s()), "437374425"
        signed = "".join(sorted([CALLBACK_TOKEN, timestamp, nonce, encrypted]))
        query = {"timestamp": timestamp, "nonce": nonce, "encrypt_type": "aes", "signature": "not looked at"}
        query["msg_signature"] = hashlib.sha1(signed.encode()).hexdigest()  # noqa: S324 - WeChat's choice
        envelope = {"ToUserName": "gh_1", "Encrypt": encrypted}
        return Hook(query=query, body=_xml({"xml": envelope}) if as_xml else msgspec.json.encode(envelope))

    def greeting(self, echo: str) -> Hook:
        timestamp, nonce = str(self._now_s()), "1"
        signed = "".join(sorted([CALLBACK_TOKEN, timestamp, nonce]))
        signature = hashlib.sha1(signed.encode()).hexdigest()  # noqa: S324 - WeChat's choice
        query = {"timestamp": timestamp, "nonce": nonce, "signature": signature, "echostr": echo}
        return Hook(query=query, body=b"")

    # --- the API ---

    async def _list(self, _: Request, body: Body) -> Response:
        window = body.get("update_time_range")
        size, key = body.get("page_size"), body.get("next_key")
        if set(body) != {"update_time_range", "page_size", "next_key"} or not isinstance(window, dict):
            return self._shop.answer(10020055)
        start, end = window.get("start_time"), window.get("end_time")
        if type(start) is not int or type(end) is not int or not 0 <= end - start <= WEEK_S:
            return self._shop.answer(10020055)
        if type(size) is not int or not 1 <= size <= 100 or not isinstance(key, str):
            return self._shop.answer(10020055)
        first = int(key or 0)
        found = [one for one in self.orders.values() if start <= one.updated_s <= end]
        page = sorted(found, key=lambda one: one.updated_s)[first : first + size]
        more = first + size < len(found)
        ids = [self._id(one) for one in page]
        return self._shop.answer(order_id_list=ids, next_key=str(first + size) if more else "", has_more=more)

    async def _get(self, _: Request, body: Body) -> Response:
        order_id = body.get("order_id")
        if set(body) != {"order_id"} or not isinstance(order_id, str):
            return self._shop.answer(10020055)
        order = self.orders.get(order_id)
        return self._shop.answer(NO_ORDER) if order is None else self._shop.answer(order=self._told(order))

    async def _refund(self, _: Request, body: Body) -> Response:
        fields = {"request_id", "order_id", "product_id", "sku_id", "count", "amount", "reason", "type"}
        if set(body) != fields or body["reason"] != "10000001" or body["type"] != "REFUND":
            return self._shop.answer(10020055)
        name, order = str(body["request_id"]), self.orders.get(str(body["order_id"]))
        line = next((one for one in order.lines if one.item_id == _item(body)), None) if order else None
        if order is None or line is None or order.status != 20:
            return self._shop.answer(10020001)
        if name not in self.refunds:
            count, amount = body["count"], body["amount"]
            if type(count) is not int or type(amount) is not int or amount > line.price * line.units:
                return self._shop.answer(10020055)
            if not 0 < count <= line.units - line.under_way - line.refunded:
                return self._shop.answer(10020001)
            self.refunds[name] = body
            line.under_way += count
        if self.refunds_at_once and all(one.under_way + one.refunded == one.units for one in order.lines):
            for one in order.lines:
                one.refunded, one.under_way = one.units, 0
            order.status, order.updated_s = 200, self._now_s()
        return self._shop.answer(aftersale_id=17)

    def _told(self, order: FakeOrder) -> dict[str, Any]:
        parcels = [{"product_infos": [_sent(one)]} for one in order.lines if one.sent]
        delivery = {"delivery_product_info": parcels, "ship_done_time": order.ship_done_s, "deliver_method": 0}
        detail = {
            "product_infos": [_line(one) for one in order.lines],
            "price_info": {"product_price": 1, "order_price": 1, "freight": order.freight},
            "delivery_info": delivery,
            "ext_info": {"live_id": "export/abc"},
        }
        told = {"order_id": self._id(order), "status": order.status, "openid": "o", "create_time": order.created_s}
        return {**told, "update_time": order.updated_s, "order_detail": detail, **order.extra}

    def _id(self, order: FakeOrder) -> int | str:
        return order.order_id if self.ids_as_numbers else str(order.order_id)

    def _now_s(self) -> int:
        return self._shop.clock_ms() // 1000


def encrypt(message: bytes, *, appid: str) -> str:
    """Encrypt as WeChat does."""
    key = base64.b64decode(ENCODING_AES_KEY + "=")
    plain = os.urandom(16) + struct.pack(">I", len(message)) + message + appid.encode()
    count = 32 - len(plain) % 32
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([count]) * count) + encryptor.finalize()).decode()


def _line(line: Bought) -> dict[str, Any]:
    product_id, _, sku_id = line.item_id.partition("/")
    counts = {"on_aftersale_sku_cnt": line.under_way, "finish_aftersale_sku_cnt": line.refunded}
    prices = {"sale_price": line.price, "real_price": line.price * line.units}
    return {"product_id": product_id, "sku_id": sku_id, "sku_cnt": line.units, **counts, **prices}


def _sent(line: Bought) -> dict[str, Any]:
    product_id, _, sku_id = line.item_id.partition("/")
    return {"product_id": product_id, "sku_id": sku_id, "product_cnt": line.sent}


def _item(body: Body) -> str:
    return f"{body['product_id']}/{body['sku_id']}"


def _xml(fields: dict[str, Any]) -> bytes:
    parts = []
    for name, value in fields.items():
        inner = _xml(value).decode() if isinstance(value, dict) else f"<![CDATA[{value}]]>"
        parts.append(f"<{name}>{inner}</{name}>")
    return "".join(parts).encode()
