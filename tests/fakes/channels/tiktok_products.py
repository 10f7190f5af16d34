"""The catalogue of a fake TikTok Shop: products created, looked at, found, edited."""

import itertools
import re
from typing import Any, Final

from starlette.requests import Request

from tests.fakes.channels.tiktok_answered import Answered, only

MOST_SKUS: Final = 100
MOST_LISTED: Final = 100
CURRENCY: Final = "EUR"
_AMOUNT: Final = re.compile(r"[0-9]+(\.[0-9]{2})?")
_OPTIONAL: Final = frozenset({"brand_id", "is_cod_allowed", "product_attributes", "package_dimensions", "save_mode"})
_SKU_OPTIONAL: Final = frozenset({"sales_attributes", "identifier_code"})


class TikTokProducts:
    """The catalogue of one shop.

    Args:
        stock: by product, SKU and warehouse, the units for sale.
        warehouses: that a SKU has.

    Attributes:
        products: by id, as they are told.
        keys: the products that were created, by idempotency key.
        edits: how often texts were edited; each is reviewed.
        page_size: the most on a page, whatever was asked for.
        blind: whether the search does not show yet what is new.
    """

    def __init__(self, stock: dict[str, dict[str, dict[str, int]]], warehouses: tuple[str, ...]) -> None:
        self._stock = stock
        self._warehouses = warehouses
        self.products: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.edits = 0
        self.page_size = MOST_LISTED
        self.blind = False
        self._ids = itertools.count(1_729_592_969_712_207_008)
        self.calls = [
            ("POST", "/product/202309/products", [], "products", self._create),
            ("GET", "/product/202309/products/{product_id}", [], "products", self._get),
            ("POST", "/product/202502/products/search", ["page_size", "page_token"], "products", self._search),
            ("POST", "/product/202509/products/{product_id}/partial_edit", [], "products", self._edit),
            ("POST", "/product/202309/products/{product_id}/prices/update", [], "products", self._price),
        ]

    def add(self, title: str, *seller_skus: str, status: str = "ACTIVATE", price: str = "1.00") -> str:
        """Add a product as the merchant's staff does; returns its id."""
        product_id = str(next(self._ids))
        skus: list[dict[str, Any]] = [
            {"id": str(next(self._ids)), "seller_sku": sku, "price": {"currency": CURRENCY, "amount": price}}
            for sku in seller_skus
        ]
        self.products[product_id] = {
            "id": product_id,
            "title": title,
            "description": f"<p>{title}</p>",
            "status": status,
            "skus": skus,
        }
        self._stock[product_id] = {sku["id"]: dict.fromkeys(self._warehouses, 1) for sku in skus}
        return product_id

    def _create(self, request: Request, body: Any) -> object:  # noqa: ANN401, ARG002 - any JSON
        needed = {"title", "description", "category_id", "main_images", "skus", "package_weight", "idempotency_key"}
        only(body, needed, _OPTIONAL)
        if not body["main_images"] or any(set(image) != {"uri"} for image in body["main_images"]):
            raise Answered(12052028, "Main product image is required")
        if not 0 < len(body["idempotency_key"]) <= 128:
            raise Answered(36009004, "the idempotency key", 400)
        if not 0 < len(body["title"]) <= 255:
            raise Answered(12052051, "The product name exceed max limit characters")
        if body["idempotency_key"] not in self.keys:
            self._check_skus(body["skus"])
            product_id = self.add(body["title"], *(sku["seller_sku"] for sku in body["skus"]), status="PENDING")
            product = self.products[product_id]
            product |= {"description": body["description"], "main_images": body["main_images"]}
            for sku, given in zip(product["skus"], body["skus"], strict=True):
                sku["price"] = given["price"]
                sku["sales_attributes"] = given.get("sales_attributes", [])
                sku["identifier_code"] = given.get("identifier_code")
                units = {one["warehouse_id"]: one["quantity"] for one in given["inventory"]}
                self._stock[product_id][sku["id"]] = units
            self.keys[body["idempotency_key"]] = product_id
        product = self.products[self.keys[body["idempotency_key"]]]
        skus = [{"id": sku["id"], "seller_sku": sku["seller_sku"]} for sku in product["skus"]]
        return {"product_id": product["id"], "skus": skus, "warnings": []}

    def _check_skus(self, skus: Any) -> None:  # noqa: ANN401 - any JSON
        if not 1 <= len(skus) <= MOST_SKUS:
            raise Answered(12052050, "A single product cannot have more than 100 different SKUs")
        names = []
        for sku in skus:
            only(sku, {"seller_sku", "price", "inventory"}, _SKU_OPTIONAL)
            _check_price(sku["price"])
            if {one["warehouse_id"] for one in sku["inventory"]} != set(self._warehouses):
                raise Answered(12052097, "The warehouse does not exist")
            if not 1 <= len(sku["seller_sku"]) <= 50 or " " in sku["seller_sku"]:
                raise Answered(12052054, "The seller SKU text length cannot exceed max limit characters")
            names.append([(one["name"], one["value_name"]) for one in sku.get("sales_attributes", [])])
        if len(skus) > 1 and (not all(names) or len({str(name) for name in names}) < len(names)):
            raise Answered(12052560, "The SKU contains duplicate sales attribute.")

    def _get(self, request: Request, body: object) -> object:
        if body is not None:
            raise Answered(36009004, "a GET has no body", 400)
        return _told(self._product(request))

    def _search(self, request: Request, body: Any) -> object:  # noqa: ANN401 - any JSON
        only(body, {"status"}, frozenset({"seller_skus"}))
        size, start = int(request.query_params["page_size"]), int(request.query_params.get("page_token", "0"))
        if not 1 <= size <= MOST_LISTED or body["status"] != "ALL":
            raise Answered(36009004, "the page", 400)
        wanted = set(body.get("seller_skus", []))
        found = [
            product
            for product in self.products.values()
            if not wanted or (not self.blind and any(sku["seller_sku"] in wanted for sku in product["skus"]))
        ]
        end = start + min(size, self.page_size)
        names = ("id", "title", "status", "skus")
        told = [{name: _told(product)[name] for name in names} for product in found[start:end]]
        return {"products": told, "next_page_token": str(end) if end < len(found) else "", "total_count": len(found)}

    def _edit(self, request: Request, body: Any) -> object:  # noqa: ANN401 - any JSON
        product = self._product(request)
        only(body, set(), frozenset({"title", "description"}))
        if not body:
            raise Answered(36009004, "nothing to edit", 400)
        if product["status"] in {"FREEZE", "DELETED"}:
            raise Answered(12052901, "The product in its current status is not available for this operation.")
        product.update(body)
        self.edits += 1
        return {"product_id": product["id"]}

    def _price(self, request: Request, body: Any) -> object:  # noqa: ANN401 - any JSON
        product = self._product(request)
        only(body, {"skus"})
        if product["status"] != "ACTIVATE":
            raise Answered(12019113, "product status is invalid")
        by_id = {sku["id"]: sku for sku in product["skus"]}
        for sku in body["skus"]:
            only(sku, {"id", "price"})
            _check_price(sku["price"])
            if sku["id"] not in by_id:
                raise Answered(12052557, "The SKU ID does not belong to the product.")
        for sku in body["skus"]:
            by_id[sku["id"]]["price"] = sku["price"]
        return {}

    def _product(self, request: Request) -> dict[str, Any]:
        product = self.products.get(request.path_params["product_id"])
        if product is None:
            raise Answered(12052032, "The product does not exist")
        return product


def _told(product: dict[str, Any]) -> dict[str, Any]:
    """A product as it is told: what was given as a price's amount has another name then."""
    skus = [
        sku | {"price": {"currency": sku["price"]["currency"], "tax_exclusive_price": sku["price"]["amount"]}}
        for sku in product["skus"]
    ]
    return product | {"skus": skus}


def _check_price(price: Any) -> None:  # noqa: ANN401 - any JSON
    only(price, {"amount", "currency"})
    if not isinstance(price["amount"], str) or _AMOUNT.fullmatch(price["amount"]) is None:
        raise Answered(12052012, "Incorrect price format")
    if price["currency"] != CURRENCY:
        raise Answered(12052084, "The provided currency is not available for this shop/region.")
