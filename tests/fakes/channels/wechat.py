"""A WeChat shop on loopback: tokens, stock, orders and products. It checks every call as the real one says.

The documents: https://developers.weixin.qq.com/doc/store/shop/API/. Wrap ``app`` in ``Troubles`` for what goes wrong on
the way.
"""

from collections import deque
from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.channels.wechat_orders import Hook, WechatOrderDesk
from tests.fakes.channels.wechat_products import WechatCatalogue
from tests.fakes.channels.wechat_shop import APP_SECRET, APPID, TOKEN_S, Body, Shelf, WechatShop, is_id, now_ms

__all__ = ["APPID", "APP_SECRET", "TOKEN_S", "FakeWechat", "Shelf"]


class FakeWechat(WechatShop):
    """One shop.

    Attributes:
        updates: every change of stock that was applied: the SKU, ``diff_type`` and ``num``.
        says_after: codes that the next changes of stock are answered with; they are applied all the same.
        after_reading: what happens right after each of the next readings of stock, such as a sale.
        desk: its orders.
        catalogue: its products.
    """

    def __init__(self, *, clock_ms: Callable[[], int] = now_ms) -> None:
        super().__init__(clock_ms=clock_ms)
        self.updates: list[tuple[str, int, int]] = []
        self.says_after: deque[int] = deque()
        self.after_reading: deque[Callable[[], None]] = deque()
        self.desk = WechatOrderDesk(self)
        self.catalogue = WechatCatalogue(self)
        self.app = Starlette(
            routes=[
                Route("/cgi-bin/stable_token", self.token, methods=["POST"]),
                self.route("/channels/ec/product/stock/get", self._get),
                self.route("/channels/ec/product/stock/update", self._update),
                *self.desk.routes(),
                *self.catalogue.routes(),
            ]
        )

    def place_order(self, lines: dict[str, int], *, paid: bool = True) -> tuple[str, Hook]:
        """A buyer orders units of items; returns the order's id and the signed call to our address."""
        return self.desk.place_order(lines, paid=paid)

    def cancel_order(self, order_id: str) -> Hook:
        """The buyer cancels an unpaid order; returns the signed call to our address."""
        return self.desk.cancel_order(order_id)

    def state(self) -> dict[str, int]:
        """What the shop shows, by item."""
        return {item_id: shelf.quantity + shelf.apart for item_id, shelf in self.shelves.items()}

    def _wrong(self, body: Body, fields: set[str]) -> int:
        """What is wrong with a call for stock; 0 for nothing."""
        if set(body) != fields or not all(is_id(body[name]) for name in ("product_id", "sku_id")):
            return 10020055
        return 0 if _name(body) in self.shelves else 10020052

    async def _get(self, _: Request, body: Body) -> Response:
        errcode = self._wrong(body, {"product_id", "sku_id"})
        if errcode != 0:
            return self.answer(errcode)
        shelf = self.shelves[_name(body)]
        data = {
            "normal_stock_num": shelf.quantity,
            "limited_discount_stock_num": 0,
            "warehouse_stocks": [{"out_warehouse_id": "north", "num": shelf.apart, "lock_stock": 0}],
            "total_stock_num": shelf.quantity + shelf.apart,
        }
        if self.after_reading:
            self.after_reading.popleft()()
        return self.answer(data=data)

    async def _update(self, _: Request, body: Body) -> Response:
        errcode = self._wrong(body, {"product_id", "sku_id", "diff_type", "num"})
        if errcode != 0:
            return self.answer(errcode)
        diff_type, num = body["diff_type"], body["num"]
        if type(diff_type) is not int or type(num) is not int or diff_type not in {1, 2, 3} or num < 0:
            return self.answer(10020055)
        shelf = self.shelves[_name(body)]
        if shelf.state != 0:
            return self.answer(shelf.state)
        if num == 0 and diff_type != 3:
            return self.answer(10020218)
        if diff_type == 2 and num > shelf.quantity:
            return self.answer(10020219)
        shelf.quantity = {1: shelf.quantity + num, 2: shelf.quantity - num, 3: num}[diff_type]
        self.updates.append((_name(body), diff_type, num))
        return self.answer(self.says_after.popleft() if self.says_after else 0)


def _name(body: Body) -> str:
    return f"{body['product_id']}/{body['sku_id']}"
