"""Product feeds: the files that Meta, Google, Pinterest and Snapchat fetch from us. Pure.

A feed is a table with a row per variant. What the catalogue has not (links to product pages, images of products that
came without one) is made from templates. Words and columns are those of the platforms' own specifications:

* Meta: https://developers.facebook.com/documentation/ads-commerce/catalog/reference (CSV; two names for the quantity,
  both are filled);
* Google: https://support.google.com/merchants/answer/7052112 (tab-separated, as it takes no commas; quoted fields,
  which new data sources have switched on: https://support.google.com/merchants/answer/14998273);
* Pinterest and Snapchat: CSV, columns as Google's, words as Meta's, no commas in addresses.

Cells are for programs, not for spreadsheets: nothing is put before a ``=`` or a ``-``, because a buyer would see it in
a title, and an id with it would be another item.
"""

import csv
import hashlib
import hmac
import io
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from inventory.channels.product_addresses import BRAND_CHARS, filled, price_text
from inventory.import_cells import folded
from kit.money import Money

FEED: Final = "feed"
"""The kind of channel that is a feed, and nothing else."""

SNAPCHAT: Final = "snapchat"
"""The kind of channel that tells Snapchat where its feed is; also the name of the feed's format."""

FED: Final = (FEED, SNAPCHAT)
"""The kinds of channels that have a feed."""

DESCRIPTION_CHARS: Final = 5_000
"""Characters of a description: what Google and Snapchat take; Meta takes 9,999, Pinterest 10,000."""

TOKEN_CHARS: Final = 40
"""Hexadecimal characters of a feed's token: 160 bits."""

_LABEL: Final = b"showdrop product feed"
_COLUMNS: Final = (
    *("id", "title", "description", "availability", "condition", "price", "link", "image_link", "brand"),
    "item_group_id",
)


class FeedFormat(msgspec.Struct, frozen=True, kw_only=True):
    """How one platform wants its file.

    Attributes:
        extension: of the file: ``csv`` or ``tsv``.
        media_type: of the answer that carries it.
        delimiter: between cells.
        in_stock: its word for goods that are there.
        out_of_stock: its word for goods that are not.
        title_chars: characters of a title that it takes; longer ones are cut.
        quantities: names of columns with the quantity; none where it has no such column.
        encoded_commas: whether addresses must not hold a comma as it is.
    """

    extension: Literal["csv", "tsv"] = "csv"
    media_type: str = "text/csv; charset=utf-8; header=present"
    delimiter: Literal[",", "\t"] = ","
    in_stock: str = "in stock"
    out_of_stock: str = "out of stock"
    title_chars: int
    quantities: tuple[str, ...] = ()
    encoded_commas: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The header line."""
        return (*_COLUMNS, *self.quantities)


FORMATS: Final[dict[str, FeedFormat]] = {
    "google": FeedFormat(
        extension="tsv",
        media_type="text/tab-separated-values; charset=utf-8",
        delimiter="\t",
        in_stock="in_stock",
        out_of_stock="out_of_stock",
        title_chars=150,
    ),
    "meta": FeedFormat(title_chars=200, quantities=("quantity_to_sell_on_facebook", "inventory")),
    "pinterest": FeedFormat(title_chars=500, encoded_commas=True),
    SNAPCHAT: FeedFormat(title_chars=375, encoded_commas=True),
}
"""The formats by name."""


class FeedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a feed was set up.

    Attributes:
        format: one of ``FORMATS``.
        link_template: the address of a product page (``product_addresses.py``).
        image_template: the address of an image, for products that have none; blank for no such address.
        brand: of products without a vendor.
        condition: of all goods.
    """

    format: str
    link_template: str
    image_template: str = ""
    brand: str = ""
    condition: str = "new"

    @property
    def file(self) -> FeedFormat:
        """How the file is written."""
        return FORMATS[self.format]


class FeedItem(msgspec.Struct, frozen=True, kw_only=True):
    """A variant, and the level that the feed's channel should show of it.

    Attributes:
        variant_title: blank where a product is one variant.
        image: an address; None for a product without one.
    """

    sku: str
    product_id: str
    product_key: str
    product_title: str
    variant_title: str
    description: str
    image: str | None
    vendor: str
    price: Money
    level: int


class FeedTokens:
    """Works out the tokens in the addresses of feeds: a feed is read by who knows its address.

    Args:
        secret: the deployment's; never used as it is.
    """

    def __init__(self, secret: str) -> None:
        self._key = hmac.new(secret.encode(), _LABEL, hashlib.sha256).digest()

    def __repr__(self) -> str:
        """Without the key."""
        return "FeedTokens()"

    def of(self, channel_id: str) -> str:
        """Return the token of a channel's feed; always the same."""
        return hmac.new(self._key, channel_id.encode(), hashlib.sha256).hexdigest()[:TOKEN_CHARS]

    def path(self, channel_id: str, extension: Literal["csv", "tsv"] = "csv") -> str:
        """Return the path of a channel's feed at our API; who knows it can read the feed."""
        return f"/v1/feeds/{channel_id}/{self.of(channel_id)}.{extension}"

    def fits(self, channel_id: str, token: str) -> bool:
        """Tell whether a token is that of this channel's feed, in a time that says nothing about the right one."""
        return hmac.compare_digest(self.of(channel_id).encode(), token.encode())


def feed_header(settings: FeedSettings) -> bytes:
    """Return the header line, in UTF-8."""
    return _lines(settings.file, [settings.file.columns])


def feed_lines(settings: FeedSettings, items: Iterable[FeedItem]) -> bytes:
    """Return one line per item, in UTF-8 and in the order of ``FeedFormat.columns``."""
    return _lines(settings.file, (feed_row(settings, item) for item in items))


def feed_row(settings: FeedSettings, item: FeedItem) -> list[str]:
    """Return the cells of an item.

    The id is the SKU as it is, however long: cut, it could be another item's. A cell that cannot be filled is blank,
    and the platform says what it lacks: without the row it would forget the item.
    """
    file = settings.file
    title = " - ".join(one for one in (folded(item.product_title), folded(item.variant_title)) if one)
    image = item.image or _address(settings.image_template, item)
    return [
        item.sku,
        _cut(title, file.title_chars),
        _cut(folded(item.description) or title, DESCRIPTION_CHARS),
        file.in_stock if item.level > 0 else file.out_of_stock,
        settings.condition,
        price_text(item.price),
        _encoded(file, _address(settings.link_template, item)),
        _encoded(file, folded(image)),
        _cut(folded(item.vendor) or settings.brand, BRAND_CHARS),
        item.product_id if item.variant_title else "",
        *(str(item.level) for _ in file.quantities),
    ]


def _address(template: str, item: FeedItem) -> str:
    return filled(template, sku=item.sku, product_id=item.product_id, product_key=item.product_key)


def _encoded(file: FeedFormat, address: str) -> str:
    return address.replace(",", "%2C") if file.encoded_commas else address


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _lines(file: FeedFormat, rows: Iterable[Iterable[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=file.delimiter).writerows(rows)
    return out.getvalue().encode()
