"""The catalogue of a fake shop: products found, set, listed. ``productSet`` deletes what a list leaves out."""

import itertools
import re
from collections.abc import Callable
from typing import Any, Final

from tests.fakes.channels.shopify_operations import ShopError, ShopItem, operation

MOST_VARIANTS: Final = 2_048
_PRICE: Final = re.compile(r"[0-9]+\.[0-9]{2}")
_HANDLE: Final = re.compile(r"[a-z0-9-]{1,255}")
_SKU: Final = re.compile(r'sku:"((?:[^"\\]|\\.)*)"')
_FIELDS: Final = {
    "title", "descriptionHtml", "vendor", "handle", "productOptions", "variants", "files", "status", "tags",
    "productType",
}  # fmt: skip
_VARIANT_FIELDS: Final = {
    "id", "sku", "price", "optionValues", "inventoryItem", "inventoryQuantities", "taxable", "inventoryPolicy",
}  # fmt: skip


class ShopifyProducts:
    """The catalogue of one shop.

    Args:
        items: gives them, by number; each variant has one.
        location: the global id of the shop's only one.

    Attributes:
        products: by global id.
        currency: the shop's.
        page_size: the most variants on a page of items.
        blind: whether a search does not find yet what is new.
        refuse: the next product is refused with this code.
    """

    def __init__(self, items: Callable[[], dict[str, ShopItem]], *, location: str) -> None:
        self._its_items = items
        self._location = location
        self.products: dict[str, dict[str, Any]] = {}
        self.currency = "EUR"
        self.page_size = 100
        self.blind = False
        self.refuse = ""
        self._ids = itertools.count(8_000_000_001)
        self.operations = (
            operation(
                "find",
                "query identifier ProductIdentifierInput shop currencyCode productByIdentifier id variants first nodes"
                " sku selectedOptions name value inventoryItem pageInfo hasNextPage",
                {"identifier"}, "read_products", self._find, price=lambda _: 302,
            ),
            operation(
                "find_skus", "query String productVariants first nodes sku product id", {"query"},
                "read_products", self._search, price=lambda _: 201,
            ),
            operation(
                "product",
                "mutation identifier ProductSetIdentifiers input ProductSetInput productSet synchronous true product id"
                " variants first nodes sku inventoryItem userErrors code field message",
                {"identifier", "input"}, "write_products", self._set, price=lambda _: 212,
            ),
            operation(
                "items",
                "query String after productVariants first nodes sku displayName inventoryItem id pageInfo hasNextPage"
                " endCursor",
                {"after"}, "read_products", self._list, price=lambda _: 201,
            ),
        )  # fmt: skip

    def add(self, title: str, *skus: str, options: tuple[str, ...] = ("Title",)) -> dict[str, Any]:
        """Add a product as the merchant's staff does."""
        product: dict[str, Any] = {
            "id": f"gid://shopify/Product/{next(self._ids)}",
            "title": title,
            "handle": title.lower().replace(" ", "-"),
            "variants": [],
        }
        for place, sku in enumerate(skus):
            values = [{"optionName": option, "name": f"{option} {place}"} for option in options]
            self._add_variant(product, {"sku": sku, "price": "1.00", "optionValues": values})
        self.products[product["id"]] = product
        return product

    def variants(self, product_id: str) -> list[dict[str, Any]]:
        """The variants of a product, by its number."""
        return list(self.products[f"gid://shopify/Product/{product_id}"]["variants"])

    def _add_variant(self, product: dict[str, Any], given: dict[str, Any]) -> None:
        item = str(next(self._ids))
        self._its_items()[item] = ShopItem(
            available=sum(one["quantity"] for one in given.get("inventoryQuantities", [])),
            tracked=given.get("inventoryItem", {}).get("tracked", True),
        )
        product["variants"].append(
            {name: given[name] for name in ("price", "optionValues") if name in given}
            | {
                "id": f"gid://shopify/ProductVariant/{next(self._ids)}",
                "item": f"gid://shopify/InventoryItem/{item}",
                "sku": given.get("sku"),
            }
        )

    def _identified(self, identifier: dict[str, str]) -> dict[str, Any] | None:
        if set(identifier) == {"id"}:
            return self.products.get(identifier["id"])
        if set(identifier) == {"handle"}:
            return next((one for one in self.products.values() if one["handle"] == identifier["handle"]), None)
        raise ShopError("INVALID_VARIABLE", "an identifier has one field")

    def _find(self, identifier: dict[str, str]) -> object:
        product = self._identified(identifier)
        told = None if product is None else {"id": product["id"], "variants": _told(product["variants"])}
        return {"shop": {"currencyCode": self.currency}, "productByIdentifier": told}

    def _search(self, query: str) -> object:
        wanted = [found.replace('\\"', '"').replace("\\\\", "\\").lower() for found in _SKU.findall(query)]
        if not wanted or query != " OR ".join(f'sku:"{found}"' for found in _SKU.findall(query)):
            raise ShopError("BAD_REQUEST", "not understood, so it finds everything")
        nodes = [
            {"sku": variant["sku"], "product": {"id": product["id"]}}
            for product in ([] if self.blind else self.products.values())
            for variant in product["variants"]
            if any((variant["sku"] or "").lower().startswith(one) for one in wanted)
        ]
        return {"productVariants": {"nodes": nodes}}

    def _list(self, after: str | None) -> object:
        everything = [(product, variant) for product in self.products.values() for variant in product["variants"]]
        start = int(after or "0")
        end = start + self.page_size
        nodes = [
            {
                "sku": variant["sku"],
                "displayName": f"{product['title']} - {variant['optionValues'][0]['name']}",
                "inventoryItem": {"id": variant["item"]},
            }
            for product, variant in everything[start:end]
        ]
        page = {"hasNextPage": end < len(everything), "endCursor": str(end)}
        return {"productVariants": {"nodes": nodes, "pageInfo": page}}

    def _set(self, identifier: dict[str, str], input: dict[str, Any]) -> object:
        if set(input) - _FIELDS or not {"title", "productOptions", "variants"} <= set(input):
            raise ShopError("INVALID_VARIABLE", f"ProductSetInput has other fields than {sorted(input)}")
        product = self._identified(identifier)
        code = self.refuse or self._wrong(identifier, input, product)
        if code:
            self.refuse = ""
            error = {"code": code, "field": ["input"], "message": f"{code}, in words"}
            return {"productSet": {"product": None, "userErrors": [error]}}
        if product is None:
            product = {"id": f"gid://shopify/Product/{next(self._ids)}", "variants": []}
            self.products[product["id"]] = product
        product |= {name: value for name, value in input.items() if name != "variants"}
        before = {variant["id"]: variant for variant in product["variants"]}
        product["variants"] = []
        for given in input["variants"]:
            if "id" in given:
                product["variants"].append(before[given["id"]] | given)
            else:
                self._add_variant(product, given)
        told = {"id": product["id"], "variants": _told(product["variants"])}
        return {"productSet": {"product": told, "userErrors": []}}

    def _wrong(self, identifier: dict[str, str], given: dict[str, Any], product: dict[str, Any] | None) -> str:
        if product is None and ("id" in identifier or given.get("handle") != identifier["handle"]):
            return "PRODUCT_DOES_NOT_EXIST" if "id" in identifier else "INPUT_MISMATCH"
        if product is None and _HANDLE.fullmatch(given["handle"]) is None:
            return "INVALID_INPUT"
        if not given["title"] or not 1 <= len(given["variants"]) <= MOST_VARIANTS:
            return "INVALID_PRODUCT"
        known = {variant["id"] for variant in product["variants"]} if product is not None else set()
        options = {option["name"]: {value["name"] for value in option["values"]} for option in given["productOptions"]}
        values = []
        for variant in given["variants"]:
            if set(variant) - _VARIANT_FIELDS or "optionValues" not in variant:
                raise ShopError("INVALID_VARIABLE", f"ProductVariantSetInput has other fields than {sorted(variant)}")
            if "id" in variant and variant["id"] not in known:
                return "PRODUCT_VARIANT_DOES_NOT_EXIST"
            if "price" in variant and _PRICE.fullmatch(variant["price"]) is None:
                return "INVALID_VARIANT"
            if any(one["locationId"] != self._location for one in variant.get("inventoryQuantities", [])):
                return "INVALID_INPUT"
            values.append({value["optionName"]: value["name"] for value in variant["optionValues"]})
            if any(name not in options or value not in options[name] for name, value in values[-1].items()):
                return "OPTION_VALUE_DOES_NOT_EXIST"
            if set(values[-1]) != set(options):
                return "OPTION_VALUES_MISSING"
        return "" if len({str(value) for value in values}) == len(values) else "VARIANT_ALREADY_EXISTS"


def _told(variants: list[dict[str, Any]]) -> object:
    nodes = [
        {
            "id": variant["id"],
            "sku": variant["sku"],
            "selectedOptions": [
                {"name": value["optionName"], "value": value["name"]} for value in variant["optionValues"]
            ],
            "inventoryItem": {"id": variant["item"]},
        }
        for variant in variants
    ]
    return {"nodes": nodes[:100], "pageInfo": {"hasNextPage": len(nodes) > 100}}
