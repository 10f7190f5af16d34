"""Rows of a Meta or Google product feed → variants. One row is one variant.

``id`` is the SKU; ``item_group_id`` joins variants to one product, whose title is that of its first row. Units come
from a stock column alone: a row that leaves it blank has 0, a file without one says nothing about stock. "in stock"
does not say how many, and a guess could oversell; "out of stock" is what is left after units were sold here too. That
is why ``availability`` is not read at all.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from inventory.catalogue import Product, Rejection, Variant, completed, variant_title
from inventory.import_cells import Columns, RowReader, image_url, parse_quantity, plain_text
from inventory.import_records import Record
from inventory.limits import MAX_HANDLE_CHARS, MAX_OPTION_CHARS, MAX_TITLE_CHARS, MAX_VENDOR_CHARS
from kit.errors import InvalidError

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "id": ("id",),
    "group": ("item group id",),
    "title": ("title",),
    "description": ("description",),
    "image": ("image link",),
    "brand": ("brand",),
    "price": ("price",),
    "quantity": ("quantity to sell on facebook",),
    "inventory": ("inventory", "quantity"),
    "color": ("color", "colour"),
    "size": ("size",),
    "material": ("material",),
    "pattern": ("pattern",),
}
REQUIRED: Final = ("id", "title", "price")
ESSENTIAL: Final = ("id", "group", "title", "price", "quantity", "inventory")
_STOCK: Final = ("quantity", "inventory")
_OPTIONS: Final = ("color", "size", "material", "pattern")


class FeedReader(RowReader):
    """Reads the rows of one file, in order, once."""

    def read(self, records: Iterable[Record | Rejection]) -> Iterator[Variant | Rejection]:
        """One item per record, in the order of lines; blank rows yield nothing."""
        for record in records:
            if isinstance(record, Rejection):
                yield record
            elif any(cell and not cell.isspace() for cell in record.cells):
                try:
                    yield self._variant(record)
                except InvalidError as error:
                    yield Rejection(line=record.line, reason=error.message)

    def _variant(self, record: Record) -> Variant:
        columns, cells = self.columns, record.cells
        columns.check_width(cells)
        sku = columns.sku(cells, "id")
        if not sku:
            raise columns.missing("id")
        title = columns.bounded(cells, "title", MAX_TITLE_CHARS)
        group = columns.bounded(cells, "group", MAX_HANDLE_CHARS)
        product = self._product(group or sku, title, cells)
        if not product.title:
            raise columns.missing("title")
        options = tuple(
            (columns.label(field), value)
            for field in _OPTIONS
            if (value := columns.bounded(cells, field, MAX_OPTION_CHARS))
        )
        named = variant_title([value for _, value in options]) or ("" if title == product.title else title)
        return Variant(
            line=record.line,
            product_key=product.product_key,
            handle=product.handle,
            product_title=product.title,
            description=product.description,
            image=product.image,
            vendor=product.vendor,
            sku=sku,
            variant_title=named if group else "",
            price=columns.price(cells, self.default_currency),
            quantity=self._quantity(cells),
            options=options,
        )

    def _product(self, key: str, title: str, cells: list[str]) -> Product:
        columns, known = self.columns, self.products.get(key)
        body = "" if known.description else columns.cell(cells, "description")
        product = completed(
            known,
            title=title,
            description=plain_text(body) if body else "",
            image=known.image or image_url(columns.text(cells, "image")),
            vendor=known.vendor or columns.text(cells, "brand")[:MAX_VENDOR_CHARS],
        )
        self.products.put(product)
        return product

    def _quantity(self, cells: list[str]) -> int | None:
        """The first stock column that is filled; 0 when all are blank, None when the file has none (see the module)."""
        for field in _STOCK:
            text = self.columns.text(cells, field)
            if text:
                quantity = parse_quantity(text)
                if quantity is None:
                    raise self.columns.refused(field, text, "is not a whole number of units")
                return quantity
        return 0 if any(self.columns.has(field) for field in _STOCK) else None


def reader(header: list[str], default_currency: str) -> FeedReader:
    """A reader for a file with this header row, which has every ``REQUIRED`` column."""
    return FeedReader(Columns(header, COLUMNS, ESSENTIAL), default_currency)
