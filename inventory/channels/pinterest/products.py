"""Products as Pinterest's catalogue takes them: whole items, one per variant. Pure.

https://developers.pinterest.com/docs/work-with-catalogs/modify-items-in-batch/
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from inventory.channels.channel import Refused
from inventory.channels.feeds import FeedSettings
from inventory.channels.pinterest.answers import Attributes, Batch, answer_of
from inventory.channels.product_rows import product_rows
from inventory.channels.publishing import Product, PublishAnswer, Published
from kit.errors import InvalidError
from kit.money import Money, parse_price

ITEM_ID_CHARS: Final = 127
"""Characters of an item's id in a Pinterest catalogue."""

ADDRESS_CHARS: Final = 511
"""Characters of an address that Pinterest takes."""

_ITEM_ID: Final = re.compile(rf"[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{{0,{ITEM_ID_CHARS - 2}}}[^\s\x00-\x1f\x7f])?")
_IMAGE: Final = "image_link"


def is_item_id(text: str) -> bool:
    """Tell whether Pinterest takes a text as an item's id."""
    return _ITEM_ID.fullmatch(text) is not None


def items_for(product: Product, settings: FeedSettings) -> list[dict[str, object]] | Refused:
    """Return an entry of a batch for each variant; Pinterest makes an item that it has not, and replaces one it has.

    Returns:
        A refusal if Pinterest cannot take the product as it is.
    """
    rows = product_rows(product, settings)
    if isinstance(rows, Refused):
        return rows
    items: list[dict[str, object]] = []
    for row, variant in zip(rows, product.variants, strict=True):
        if not is_item_id(row["id"]):
            reason = f"Pinterest takes no item id like that of {variant.sku}: 1 to {ITEM_ID_CHARS} characters"
            return Refused(reason=reason, temporary=False)
        if max(len(row["link"]), len(row[_IMAGE])) > ADDRESS_CHARS:
            reason = f"an address of {variant.sku} has more than the {ADDRESS_CHARS} characters that Pinterest takes"
            return Refused(reason=reason, temporary=False)
        cells = {column: cell for column, cell in row.items() if column != "id"}
        attributes = cells | {_IMAGE: [row[_IMAGE]]}
        items.append({"item_id": row["id"], "operation": "UPSERT", "attributes": attributes})
    return items


def answers_for(products: Sequence[Product], settings: FeedSettings, batch: Batch) -> list[PublishAnswer]:
    """Return what came of each product, in order: the first item that was not taken speaks for it."""
    processed = {one.item_id: one for one in batch.items or ()}
    answers: list[PublishAnswer] = []
    for product in products:
        items = items_for(product, settings)
        if isinstance(items, Refused):
            answers.append(items)
            continue
        of_items = [answer_of(processed.get(str(item["item_id"]))) for item in items]
        refused = [one for one in of_items if isinstance(one, Refused)]
        # For good before for now: what cannot be taken stays so, however often the rest is tried.
        answers.append(min(refused, key=lambda one: one.temporary) if refused else Published())
    return answers


def shown_as_told(product: Product, settings: FeedSettings, shown: Mapping[str, Attributes]) -> bool:
    """Tell whether the catalogue shows a product's items with the title, price and availability that we have."""
    rows = product_rows(product, settings)
    if isinstance(rows, Refused):
        return False
    for row, variant in zip(rows, product.variants, strict=True):
        item = shown.get(row["id"])
        if item is None or item.title != row["title"]:
            return False
        if (item.availability or "").lower().replace("_", " ") != row["availability"]:
            return False
        if not _is_price(item.price or "", variant.price):
            return False
    return True


def _is_price(text: str, price: Money) -> bool:
    try:
        return parse_price(text, default_currency=price.currency) == price
    except InvalidError:
        return False
