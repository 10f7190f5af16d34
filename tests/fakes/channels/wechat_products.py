"""Products of the WeChat shop on loopback: added, changed, read and listed, with an audit in between."""

import itertools
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.fakes.channels.wechat_shop import Body, Shelf, WechatShop, is_id

ADD = "/channels/ec/product/add"
UPDATE = "/channels/ec/product/update"
GET = "/channels/ec/product/get"
LIST = "/channels/ec/product/list/get"
FETCH = "/shop/ec/basics/img/upload"
HOST = "https://mmecimage.cn/p/wx0/"
IN_AUDIT = 10020067

_NEEDED = {"title", "head_imgs", "desc_info", "cats_v2", "deliver_method", "skus"}
_KNOWN = _NEEDED | {"out_product_id", "spu_code", "listing", "express_info", "attrs", "extra_service", "brand_id"}
_SKU_NEEDED = {"thumb_img", "sale_price", "stock_num", "sku_code", "sku_attrs"}


class FakeProduct(msgspec.Struct, kw_only=True):
    """A product; ``listed`` is what buyers see, None while it never was on sale."""

    product_id: int
    draft: dict[str, Any]
    listed: dict[str, Any] | None = None
    edit_status: int = 1


class WechatCatalogue:
    """The products.

    Attributes:
        products: by id.
        audits: what is told waits for ``pass_audits``; else it is on sale at once.
        fetched: addresses of pictures that were fetched.
    """

    def __init__(self, shop: WechatShop) -> None:
        self._shop = shop
        self._numbers = itertools.count(10_000_000_000_101)
        self.products: dict[str, FakeProduct] = {}
        self.audits = True
        self.fetched: list[str] = []

    def routes(self) -> list[Route]:
        query = frozenset({"upload_type", "resp_type"})
        return [
            self._shop.route(ADD, self._add),
            self._shop.route(UPDATE, self._update),
            self._shop.route(GET, self._get),
            self._shop.route(LIST, self._list),
            self._shop.route(FETCH, self._fetch, params=query),
        ]

    def stock_up(self, title: str, sku_codes: list[str]) -> str:
        """The merchant adds a product in the console; returns its id."""
        product_id = str(next(self._numbers))
        skus = [{"sku_code": one, "stock_num": 5, "sale_price": 100, "sku_attrs": []} for one in sku_codes]
        draft = {"title": title, "skus": self._numbered(product_id, skus)}
        self.products[product_id] = FakeProduct(product_id=int(product_id), draft=draft, listed=draft, edit_status=4)
        self._shelve(product_id, draft)
        return product_id

    def pass_audits(self) -> None:
        """Everything that waits is on sale."""
        for product_id, one in self.products.items():
            if one.edit_status == 2:
                one.edit_status, one.listed = 4, one.draft
                self._shelve(product_id, one.draft)

    async def _add(self, _: Request, body: Body) -> Response:
        if "product_id" in body or not self._is_right(body):
            return self._shop.answer(10020051)
        product_id = str(next(self._numbers))
        self.products[product_id] = FakeProduct(product_id=int(product_id), draft={})
        self._write(product_id, body)
        return self._shop.answer(data={"product_id": int(product_id), "create_time": "2026-11-22 12:00:00"})

    async def _update(self, _: Request, body: Body) -> Response:
        product_id = body.pop("product_id", None)
        if not is_id(product_id) or "out_product_id" in body or not self._is_right(body):
            return self._shop.answer(10020051)
        product = self.products.get(str(product_id))
        if product is None:
            return self._shop.answer(10020052)
        if product.edit_status == 2:
            return self._shop.answer(IN_AUDIT)
        known = {one["sku_id"] for one in product.draft["skus"]}
        if any("sku_id" in one and one["sku_id"] not in known for one in _skus(body)):
            return self._shop.answer(10020051)
        self._write(str(product_id), body)
        return self._shop.answer(data={"product_id": product_id, "update_time": "2026-11-22 12:00:00"})

    async def _get(self, _: Request, body: Body) -> Response:
        if set(body) != {"product_id", "data_type"} or not is_id(body["product_id"]) or body["data_type"] != 3:
            return self._shop.answer(10020055)
        product = self.products.get(str(body["product_id"]))
        if product is None:
            return self._shop.answer(10020052)
        draft = {**product.draft, "product_id": str(product.product_id), "edit_status": product.edit_status}
        if product.listed is None:
            return self._shop.answer(edit_product=draft)
        listed = {**product.listed, "product_id": str(product.product_id), "status": 5}
        return self._shop.answer(product=listed, edit_product=draft)

    async def _list(self, _: Request, body: Body) -> Response:
        size, key = body.get("page_size"), body.get("next_key")
        if set(body) != {"page_size", "next_key"} or type(size) is not int or not isinstance(key, str):
            return self._shop.answer(10020055)
        if not 1 <= size <= 30:
            return self._shop.answer(10020055)
        first = int(key or 0)
        page = list(self.products)[first : first + size]
        following = str(first + size) if page else key
        return self._shop.answer(product_ids=page, next_key=following, total_num=len(self.products))

    async def _fetch(self, request: Request, body: Body) -> Response:
        address = body.get("img_url")
        if set(body) != {"img_url"} or dict(request.query_params).items() < {"upload_type": "1"}.items():
            return self._shop.answer(10020055)
        if not isinstance(address, str) or not address.startswith("https://") or "gone" in address:
            return self._shop.answer(10020331)
        self.fetched.append(address)
        return self._shop.answer(pic_file={"img_url": f"{HOST}{len(self.fetched)}"})

    def _is_right(self, body: Body) -> bool:
        images = body.get("head_imgs")
        if not _NEEDED <= set(body) <= _KNOWN or not isinstance(images, list) or not isinstance(body["title"], str):
            return False
        if not 3 <= len(images) <= 9 or len(set(images)) != len(images):
            return False
        if not all(isinstance(one, str) and one.startswith("https://mmecimage.cn/") for one in images):
            return False
        skus = _skus(body)
        attributes = [str(one.get("sku_attrs")) for one in skus]
        is_named = 5 <= len(body["title"]) <= 60 and len(set(attributes)) == len(attributes)
        return bool(skus) and is_named and all(map(_is_sku, skus))

    def _write(self, product_id: str, body: Body) -> None:
        product = self.products[product_id]
        product.draft = {**body, "skus": self._numbered(product_id, _skus(body))}
        product.edit_status = 2 if body.get("listing") == 1 else 1
        if not self.audits:
            self.pass_audits()

    def _numbered(self, product_id: str, skus: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{"sku_id": str(next(self._numbers)), **one} for one in skus if product_id]

    def _shelve(self, product_id: str, form: dict[str, Any]) -> None:
        for one in form["skus"]:
            self._shop.shelves.setdefault(f"{product_id}/{one['sku_id']}", Shelf(one["stock_num"]))


def _skus(body: Body) -> list[dict[str, Any]]:
    skus = body.get("skus")
    return skus if isinstance(skus, list) and all(isinstance(one, dict) for one in skus) else []


def _is_sku(sku: dict[str, Any]) -> bool:
    numbers = (sku.get("sale_price"), sku.get("stock_num"))
    if not _SKU_NEEDED <= set(sku) <= _SKU_NEEDED | {"sku_id"} or any(type(one) is not int for one in numbers):
        return False
    attributes = sku["sku_attrs"]
    return isinstance(attributes, list) and all(set(one) == {"attr_key", "attr_value"} for one in attributes)
