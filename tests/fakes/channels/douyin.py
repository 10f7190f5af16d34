"""A stateful shop of Douyin on loopback: it checks every call as the real one documents, and can be told to refuse."""

from typing import Any, Final

from starlette.applications import Starlette

from tests.fakes.channels.douyin_orders import DouyinOrderDesk, Hook
from tests.fakes.channels.douyin_products import DouyinCatalogue
from tests.fakes.channels.douyin_shop import REFRESH, Answered, DouyinShop, only

__all__ = ["NOT_THERE", "REFRESH", "STOCK", "UPDATE", "FakeDouyin"]

UPDATE: Final = "/sku/syncStockBatchMultiProducts"
STOCK: Final = "/sku/stockNum"
MOST_SKUS: Final = 50
NOT_THERE: Final = 2010009


class FakeDouyin(DouyinShop):
    """One shop with one app.

    Attributes:
        by_region: SKUs whose stock is told by region only.
        refused: by SKU, the code that it alone is refused with.
        is_all_or_nothing: it does not know ``allow_partial_success``.
        updates: the names of the updates that were accepted.
        desk: its orders.
        catalogue: its products.
    """

    def __init__(self) -> None:
        super().__init__()
        self.by_region: set[int] = set()
        self.refused: dict[int, int] = {}
        self.is_all_or_nothing = False
        self.updates: list[str] = []
        self.desk = DouyinOrderDesk(self)
        self.catalogue = DouyinCatalogue(self)

    @property
    def app(self) -> Starlette:
        own = {UPDATE: self._update, STOCK: self._stock_num, REFRESH: self.refresh}
        return Starlette(routes=self.routes({**own, **self.desk.handlers(), **self.catalogue.handlers()}))

    def place_order(self, lines: dict[tuple[int, int], int], *, paid: bool = True) -> tuple[str, Hook]:
        """A buyer orders units of SKUs; returns the order's id and the signed call to our address."""
        return self.desk.place_order(lines, paid=paid)

    def cancel_order(self, order_id: str) -> Hook:
        """The order is cancelled; returns the signed call to our address."""
        return self.desk.cancel_order(order_id)

    def state(self) -> dict[str, int]:
        """What the shop shows, by item."""
        return {f"{product_id}/{sku_id}": units for (product_id, sku_id), units in self.stock.items()}

    def _update(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        only(params, {"items", "incremental", "idempotent_id", "allow_partial_success"})
        items, name = params["items"], params["idempotent_id"]
        if not 1 <= len(items) <= MOST_SKUS or params["incremental"] is not False or not name:
            raise Answered(40004, "isv.parameter-invalid", "items")
        if name in self.updates:
            raise Answered(50002, "isv.business-failed:-20002", "the token has been used")
        for item in items:
            only(item, {"product_id", "sku_id", "stock_num"})
            if any(type(value) is not int or value < 0 for value in item.values()):
                raise Answered(40004, "isv.parameter-invalid", "numbers")
        codes = [self._code_of(item) for item in items]
        if any(codes) and (self.is_all_or_nothing or params["allow_partial_success"] is not True):
            raise Answered(50002, f"isv.business-failed:{next(filter(None, codes))}", "one of them cannot be set")
        self.updates.append(name)
        results = [self._set(item, code) for item, code in zip(items, codes, strict=True)]
        return {"code": 10001 if any(codes) else 10000, "results": results}

    def _code_of(self, item: dict[str, int]) -> int:
        if (item["product_id"], item["sku_id"]) not in self.stock:
            return NOT_THERE
        return self.refused.get(item["sku_id"], 0)

    def _set(self, item: dict[str, int], code: int) -> dict[str, Any]:
        if code == 0:
            self.stock[item["product_id"], item["sku_id"]] = item["stock_num"]
        message = f"because of {code}" if code else ""
        return {"sku_id": self.number(item["sku_id"]), "status_code": self.number(code), "status_message": message}

    def _stock_num(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        only(params, {"sku_id"})
        for (_, sku_id), units in self.stock.items():
            if sku_id == params["sku_id"]:
                if sku_id in self.by_region:
                    return {"sku_id": sku_id, "sku_type": 1, "stock_num": None, "stock_num_map": {"w1": units}}
                return {"sku_id": sku_id, "sku_type": 0, "stock_num": units, "prehold_stock_num": 0}
        raise Answered(50002, f"isv.business-failed:{NOT_THERE}", "no such SKU")
