"""Items of a Meta catalogue: what a batch may say of them."""

import re
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tests.fakes.channels.meta_graph import GraphError

MOST_QUANTITY: Final = 2**31 - 1
QUANTITY: Final = "quantity_to_sell_on_facebook"
AVAILABILITY: Final = {
    "in stock",
    "out of stock",
    "available for order",
    "preorder",
    "discontinued",
    "pending",
    "mark_as_sold",
}
CONDITIONS: Final = {"new", "refurbished", "used"}
LEVEL: Final = {"id", "availability", QUANTITY}
WANTED: Final = LEVEL | {"title", "description", "condition", "price", "link", "image_link"}
WHOLE: Final = WANTED | {"brand", "item_group_id"}

_PRICE: Final = re.compile(r"[0-9]+(\.[0-9]{2,3})? [A-Z]{3}")


class Product(msgspec.Struct, kw_only=True):
    """An item of the catalogue; without a title it is one that a batch made by mistake.

    Attributes:
        cells: what was published of it.
    """

    title: str = ""
    availability: str = "in stock"
    quantity: int | None = None
    cells: dict[str, Any] = {}


def wrong_with(entry: dict[str, Any], *, upsert: bool) -> str:
    """Return what is wrong with an entry at first sight."""
    data = entry["data"]
    if set(entry) != {"method", "data"} or entry["method"] != "UPDATE":
        raise GraphError(100, f"(#100) a request has other fields, or another method, than expected: {sorted(entry)}")
    if "retailer_id" in data:
        raise GraphError(100, "(#100) the retailer id goes into data.id")
    if (set(data) != LEVEL) if not upsert else (not WANTED <= set(data) <= WHOLE):
        return f"unexpected fields {sorted(data)}"
    if data["availability"] not in AVAILABILITY:
        return "availability is none of the supported values"
    quantity = data[QUANTITY]
    if type(quantity) is not int or not 0 <= quantity <= MOST_QUANTITY:
        return f"{QUANTITY} must be a whole number"
    if (quantity == 0) != (data["availability"] == "out of stock"):
        return "availability and quantity contradict each other"
    return _wrong_with_whole(data) if upsert else ""


def _wrong_with_whole(data: dict[str, Any]) -> str:
    if not 0 < len(data["id"]) <= 100:
        return "id has 1 to 100 characters"
    if not 0 < len(data["title"]) <= 200 or not 0 < len(data["description"]) <= 9_999:
        return "title or description is too long"
    if _PRICE.fullmatch(data["price"]) is None:
        return f"price {data['price']!r} is none"
    if data["condition"] not in CONDITIONS:
        return "condition is none of the supported values"
    if not all(urlsplit(data[name]).scheme in {"http", "https"} for name in ("link", "image_link")):
        return "link or image_link is no address"
    return ""
