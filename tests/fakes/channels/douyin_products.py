"""Products of the Douyin shop on loopback: added, changed, read and listed, with an audit in between."""

import itertools
import json
from typing import Any, Final

import msgspec

from tests.fakes.channels.douyin_shop import Answered, DouyinShop, only

ADD: Final = "/product/addV2"
EDIT: Final = "/product/editV2"
DETAIL: Final = "/product/detail"
LIST: Final = "/product/listV2"
PRICE: Final = "/sku/editPrice"

_NEEDED: Final = {
    "product_type": int,
    "category_leaf_id": int,
    "name": str,
    "pic": str,
    "description": str,
    "reduce_type": int,
    "freight_id": int,
    "mobile": str,
    "commit": bool,
    "specs": str,
    "spec_prices": str,
}
_MAY: Final = frozenset({"outer_product_id", "out_product_id", "delivery_delay_day", "product_format_new"})


class FakeSku(msgspec.Struct, kw_only=True):
    """A SKU of a product."""

    sku_id: int
    value: str
    value_id: int
    price: int
    code: str


class FakeProduct(msgspec.Struct, kw_only=True):
    """A product; ``is_in_audit`` until ``pass_audits``."""

    product_id: int
    fields: dict[str, Any]
    option: str
    skus: list[FakeSku]
    is_in_audit: bool = False
    is_deleted: bool = False


class DouyinCatalogue:
    """The products.

    Attributes:
        products: by id.
        audits: what is told waits for ``pass_audits``; else it is on sale at once.
        knows_numbers: products are found by the merchant's own number.
    """

    def __init__(self, shop: DouyinShop) -> None:
        self._shop = shop
        self._numbers = itertools.count(3_472_490_447_010_721_067)
        self.products: dict[int, FakeProduct] = {}
        self.audits = True
        self.knows_numbers = True

    def handlers(self) -> dict[str, Any]:
        return {ADD: self._add, EDIT: self._edit, DETAIL: self._detail, LIST: self._list, PRICE: self._price}

    def stock_up(self, name: str, codes: list[str], *, option: str = "颜色") -> int:
        """The merchant adds a product in the console; returns its id."""
        product_id = next(self._numbers)
        skus = [self._sku(code, 100, code) for code in codes]
        fields = {"name": name}
        self.products[product_id] = FakeProduct(product_id=product_id, fields=fields, option=option, skus=skus)
        self._shop.stock |= {(product_id, one.sku_id): 5 for one in skus}
        return product_id

    def pass_audits(self) -> None:
        """Everything that waits is on sale."""
        for one in self.products.values():
            one.is_in_audit = False

    def _add(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        only(params, set(_NEEDED), may=_MAY)
        self._check(params)
        product_id = next(self._numbers)
        option, skus, stock = self._read_skus(params, [])
        fields = {name: value for name, value in params.items() if name not in {"specs", "spec_prices", "commit"}}
        self.products[product_id] = FakeProduct(
            product_id=product_id, fields=fields, option=option, skus=skus, is_in_audit=self.audits
        )
        self._shop.stock |= {(product_id, sku_id): units for sku_id, units in stock.items()}
        number = self._shop.number
        told = [{"sku_id": number(one.sku_id), "outer_sku_id": one.code, "code": one.code} for one in skus]
        return {"product_id": number(product_id), "create_time": "2026-11-22 12:00:00", "sku": told}

    def _edit(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        only(params, {"product_id", "commit"}, may=frozenset(_NEEDED) | _MAY)
        product = self._product(params["product_id"])
        if product.is_in_audit:
            raise Answered(50002, "isv.business-failed:2010015", "it is being reviewed")
        self._check(params)
        if "spec_prices" in params:
            product.option, product.skus, stock = self._read_skus(params, product.skus)
            self._shop.stock = {ids: units for ids, units in self._shop.stock.items() if ids[0] != product.product_id}
            self._shop.stock |= {(product.product_id, sku_id): units for sku_id, units in stock.items()}
        kept = {name: value for name, value in params.items() if name not in {"specs", "spec_prices", "commit"}}
        product.fields |= kept
        product.is_in_audit = self.audits
        return {}

    def _price(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        only(params, {"product_id", "sku_id", "price"})
        if any(type(one) is not int or one <= 0 for one in params.values()):
            raise Answered(40004, "isv.parameter-invalid", "numbers")
        for sku in self._product(params["product_id"]).skus:
            if sku.sku_id == params["sku_id"]:
                sku.price = params["price"]
                return {}
        raise Answered(50002, "isv.business-failed:2010009", "no such SKU")

    def _detail(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        only(params, {"show_draft"}, may=frozenset({"product_id", "out_product_id"}))
        if params["show_draft"] not in {"true", "false"} or any(not isinstance(one, str) for one in params.values()):
            raise Answered(40004, "isv.parameter-invalid", "texts")
        if "product_id" in params:
            return self._told(self._product(int(params["product_id"])))
        for one in self.products.values():
            if self.knows_numbers and str(one.fields.get("out_product_id")) == params["out_product_id"]:
                return self._told(one)
        raise Answered(50002, "isv.business-failed:2010001", "no such product")

    def _list(self, params: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        only(params, {"page", "size"}, may=frozenset({"name"}))
        page, size = params["page"], params["size"]
        if type(page) is not int or type(size) is not int or not 1 <= page <= 100 or not 1 <= size <= 100:
            raise Answered(40004, "isv.parameter-invalid", "pages")
        found = [one for one in self.products.values() if params.get("name", "") in one.fields["name"]]
        number = self._shop.number
        told = [
            {"product_id": number(one.product_id), "name": one.fields["name"], "status": number(2 * one.is_deleted)}
            for one in found[(page - 1) * size : page * size]
        ]
        return {"data": told, "total": len(found), "page": page, "size": size}

    def _told(self, product: FakeProduct) -> dict[str, Any]:
        number = self._shop.number
        values = [{"id": number(one.value_id), "name": one.value, "status": 0} for one in product.skus]
        prices = [
            {
                "sku_id": number(one.sku_id),
                "code": one.code,
                "outer_sku_id": "",
                "price": number(one.price),
                "spec_detail_ids": [number(one.value_id)],
                "stock_num": 1,
            }
            for one in product.skus
        ]
        return {
            "product_id": number(product.product_id),
            "name": product.fields["name"],
            "status": number(2 * product.is_deleted),
            "check_status": number(2 if product.is_in_audit else 3),
            "draft_status": number(0),
            "specs": [{"id": 1, "name": product.option, "values": values}],
            "spec_prices": prices,
        }

    def _product(self, product_id: int) -> FakeProduct:
        if type(product_id) is not int or product_id not in self.products:
            raise Answered(50002, "isv.business-failed:2010001", "no such product")
        return self.products[product_id]

    def _check(self, params: dict[str, Any]) -> None:
        for name, form in _NEEDED.items():
            if name in params and type(params[name]) is not form:
                raise Answered(40004, "isv.parameter-invalid", name)
        width = sum(2 if ord(letter) > 255 else 1 for letter in params.get("name", "a name"))
        if width > 60:
            raise Answered(50002, "isv.business-failed:2010002", "the name is too long")
        if not all(one.startswith("https://") for one in params.get("pic", "https://").split("|")):
            raise Answered(50002, "isv.business-failed:2010003", "pic")

    def _read_skus(self, params: dict[str, Any], known: list[FakeSku]) -> tuple[str, list[FakeSku], dict[int, int]]:
        option, _, values = params["specs"].partition("|")
        prices = json.loads(params["spec_prices"])
        names = [one["spec_detail_name1"] for one in prices]
        if values.split(",") != names or len(set(names)) != len(names):
            raise Answered(50002, "isv.business-failed:2010004", "specs and spec_prices differ")
        before = {one.value: one for one in known}
        skus, stock = [], {}
        for one in prices:
            only(one, {"spec_detail_name1", "price", "stock_num", "code", "outer_sku_id"})
            old = before.get(one["spec_detail_name1"])
            sku = self._sku(one["spec_detail_name1"], one["price"], one["code"]) if old is None else old
            sku.price, sku.code = one["price"], one["code"]
            skus.append(sku)
            stock[sku.sku_id] = one["stock_num"]
        return option, skus, stock

    def _sku(self, value: str, price: int, code: str) -> FakeSku:
        number = next(self._numbers)
        return FakeSku(sku_id=number, value=value, value_id=number + 10**9, price=price, code=code)
