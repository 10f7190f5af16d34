"""Products as Meta's catalogue takes them: whole items, one per variant. Pure.

https://developers.facebook.com/documentation/ads-commerce/catalog/reference
"""

from collections.abc import Mapping, Sequence
from typing import Final

from inventory.channels.channel import Refused
from inventory.channels.feeds import FeedSettings
from inventory.channels.meta.answers import Outcome
from inventory.channels.product_rows import product_rows
from inventory.channels.publishing import Product, PublishAnswer, Published

ITEM_ID_CHARS: Final = 100
"""Characters of an item id; Meta cuts none and refuses longer ones."""

MOST_QUANTITY: Final = 1_000_000_000
"""The highest quantity told; Meta documents none, and the field is a whole number of 32 bits."""

_QUANTITY: Final = "quantity_to_sell_on_facebook"
_INVENTORY: Final = "inventory"


def is_item_id(text: str) -> bool:
    """Tell whether Meta takes a text as an item's retailer id."""
    return 0 < len(text) <= ITEM_ID_CHARS and text.isprintable() and text == text.strip()


def requests_for(product: Product, settings: FeedSettings) -> list[dict[str, object]] | Refused:
    """Return an entry of a batch for each variant; Meta makes an item that it has not, and changes one that it has.

    Returns:
        A refusal if Meta cannot take the product as it is.
    """
    rows = product_rows(product, settings)
    if isinstance(rows, Refused):
        return rows
    requests: list[dict[str, object]] = []
    for row, variant in zip(rows, product.variants, strict=True):
        if not is_item_id(row["id"]):
            reason = f"Meta takes no item id like that of {variant.sku}: 1 to {ITEM_ID_CHARS} printable characters"
            return Refused(reason=reason, temporary=False)
        cells = {column: cell for column, cell in row.items() if column != _INVENTORY}
        data = cells | {_QUANTITY: min(variant.level, MOST_QUANTITY)}
        requests.append({"method": "UPDATE", "data": data})
    return requests


def answers_for(products: Sequence[Product], settings: FeedSettings, outcome: Outcome) -> list[PublishAnswer]:
    """Return what came of each product, in order: one with an item that was refused is refused."""
    return [_answer(product, settings, outcome) for product in products]


def _answer(product: Product, settings: FeedSettings, outcome: Outcome) -> PublishAnswer:
    requests = requests_for(product, settings)
    if isinstance(requests, Refused):
        return requests
    refused = _first_of(product, outcome.refused)
    if refused is not None:
        return Refused(reason=refused, temporary=False)
    if outcome.unnamed:
        reason = f"Meta refused {outcome.unnamed} items of the batch, and does not say which"
        return Refused(reason=reason, temporary=True)
    return Published()


def _first_of(product: Product, refused: Mapping[str, str]) -> str | None:
    for variant in product.variants:
        reason = refused.get(variant.item_id or variant.sku)
        if reason is not None:
            return f"{variant.sku}: {reason}"
    return None
