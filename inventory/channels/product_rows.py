"""Products as rows of a feed, for the channels that are told what others fetch: the same words in both. Pure."""

from collections.abc import Mapping
from typing import Final

from inventory.channels.channel import Refused
from inventory.channels.feeds import FeedItem, FeedSettings, feed_row
from inventory.channels.publishing import Product, Variant

_NEEDED: Final = {
    "title": "it has no title",
    "price": "its currency is none any more",
    "image_link": "it has no image, and the channel was set up without image_template",
}


def row_settings(settings: Mapping[str, str], format_name: str) -> FeedSettings:
    """Return how a channel wants its rows; one that was set up without the settings for it has blank ones."""
    return FeedSettings(
        format=format_name,
        link_template=settings.get("link_template", ""),
        image_template=settings.get("image_template", ""),
        brand=settings.get("brand", ""),
        condition=settings.get("condition", "new"),
    )


def product_rows(product: Product, settings: FeedSettings) -> list[dict[str, str]] | Refused:
    """Return the cells of each variant by column, without blank ones.

    ``id`` is what the channel calls the variant; its SKU while it is not linked.

    Returns:
        A refusal if the channel cannot take the product as it is.
    """
    if not settings.link_template:
        reason = "the channel was set up without link_template, the address of a product's page"
        return Refused(reason=reason, temporary=False)
    rows: list[dict[str, str]] = []
    for variant in product.variants:
        cells = zip(settings.file.columns, feed_row(settings, _item(product, variant)), strict=True)
        row = {column: cell for column, cell in cells if cell} | {"id": variant.item_id or variant.sku}
        for column, reason in _NEEDED.items():
            if column not in row:
                return Refused(reason=f"{variant.sku} cannot be published: {reason}", temporary=False)
        rows.append(row)
    return rows


def _item(product: Product, variant: Variant) -> FeedItem:
    return FeedItem(
        sku=variant.sku,
        product_id=product.product_id,
        product_key=product.product_key,
        product_title=product.title,
        variant_title=variant.title,
        description=product.description,
        image=product.image,
        vendor=product.vendor,
        price=variant.price,
        level=variant.level,
    )
