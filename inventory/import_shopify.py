"""Rows of a Shopify product export → variants.

A product is a run of rows with the same Handle. Its first row carries title, description, vendor and option names;
the others leave them blank. A row may carry a variant, an image, or both. Both the classic column names ("Variant
SKU") and the ones of the newer template ("SKU", "URL handle") are read. Status and Published are ignored: a draft may
be sold in a show.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from inventory.catalogue import Product, Rejection, Variant, completed, derive_sku, variant_title
from inventory.import_cells import Columns, RowReader, image_url, parse_quantity, plain_text
from inventory.import_records import Record
from inventory.limits import MAX_HANDLE_CHARS, MAX_OPTION_CHARS, MAX_PRODUCT_ROWS, MAX_TITLE_CHARS, MAX_VENDOR_CHARS
from kit.errors import InvalidError

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "handle": ("handle", "url handle"),
    "title": ("title",),
    "body": ("body (html)", "body html", "description"),
    "vendor": ("vendor",),
    "name1": ("option1 name",),
    "value1": ("option1 value",),
    "name2": ("option2 name",),
    "value2": ("option2 value",),
    "name3": ("option3 name",),
    "value3": ("option3 value",),
    "sku": ("variant sku", "sku"),
    "quantity": ("variant inventory qty", "inventory quantity"),
    "price": ("variant price", "price"),
    "image": ("image src", "product image url"),
    "variant_image": ("variant image", "variant image url"),
}
REQUIRED: Final = ("handle", "title", "price")
ESSENTIAL: Final = ("handle", "title", "value1", "value2", "value3", "sku", "quantity", "price")
_NAMES: Final = ("name1", "name2", "name3")
_VALUES: Final = ("value1", "value2", "value3")
_NO_OPTION: Final = "default title"


class ShopifyReader(RowReader):
    """Reads the rows of one file, in order, once."""

    def read(self, records: Iterable[Record | Rejection]) -> Iterator[Variant | Rejection]:
        """One item per variant or rejected record, in the order of lines; blank and image-only rows yield nothing.

        The rows of a product are held together until its Handle changes, so that an image on a later row reaches all
        of them. A handle that comes back later goes on with the same product; its variants keep what the earlier rows
        said.
        """
        product: Product | None = None
        held: list[Variant | Rejection] = []
        for record in records:
            if len(held) >= MAX_PRODUCT_ROWS:
                yield from self._finished(product, held)
                held = []
            if isinstance(record, Rejection):
                held.append(record)
                continue
            if not any(cell and not cell.isspace() for cell in record.cells):
                continue
            try:
                self.columns.check_width(record.cells)
                handle = self._handle(record.cells)
            except InvalidError as error:
                held.append(Rejection(line=record.line, reason=error.message))
                continue
            if product is None or handle != product.product_key:
                yield from self._finished(product, held)
                held = []
                product = self.products.get(handle)
            try:
                product = self._completed(product, record.cells)
                if not self._is_image_only(record.cells):
                    held.append(self._variant(product, record))
            except InvalidError as error:
                held.append(Rejection(line=record.line, reason=error.message))
        yield from self._finished(product, held)

    def _handle(self, cells: list[str]) -> str:
        handle = self.columns.bounded(cells, "handle", MAX_HANDLE_CHARS)
        if not handle:
            raise self.columns.missing("handle")
        return handle

    def _is_image_only(self, cells: list[str]) -> bool:
        filled = self.columns.cell
        return bool(filled(cells, "image").strip()) and not any(filled(cells, field).strip() for field in ESSENTIAL[1:])

    def _completed(self, product: Product, cells: list[str]) -> Product:
        if product.title and product.description and product.image and product.vendor and any(product.option_names):
            return product  # as for most rows: nothing is missing
        columns = self.columns
        body = "" if product.description else columns.cell(cells, "body")
        names: tuple[str, ...] = ()
        if not any(product.option_names):
            names = tuple(columns.bounded(cells, field, MAX_OPTION_CHARS) for field in _NAMES)
        image = product.image
        if image is None:
            image = image_url(columns.text(cells, "image")) or image_url(columns.text(cells, "variant_image"))
        return completed(
            product,
            title=product.title or columns.bounded(cells, "title", MAX_TITLE_CHARS),
            description=plain_text(body) if body else "",
            image=image,
            vendor=product.vendor or columns.text(cells, "vendor")[:MAX_VENDOR_CHARS],
            option_names=names,
        )

    def _variant(self, product: Product, record: Record) -> Variant:
        """The variant of a row; the product's details are filled in when all its rows are known."""
        cells = record.cells
        values = [self.columns.bounded(cells, field, MAX_OPTION_CHARS) for field in _VALUES]
        if values[0].casefold() == _NO_OPTION:
            values[0] = ""
        return Variant(
            line=record.line,
            product_key=product.product_key,
            handle=product.handle,
            product_title="",
            description="",
            image=None,
            vendor="",
            sku=self.columns.sku(cells, "sku") or derive_sku(product.handle, values),
            variant_title=variant_title(values),
            price=self.columns.price(cells, self.default_currency),
            quantity=self._quantity(cells),
            options=tuple(
                (product.option_names[at] or f"Option {at + 1}", value) for at, value in enumerate(values) if value
            ),
        )

    def _quantity(self, cells: list[str]) -> int | None:
        """Units to sell: blank (not tracked) is 0, and so is a negative number (Shopify's way to say oversold)."""
        if not self.columns.has("quantity"):
            return None
        text = self.columns.text(cells, "quantity")
        quantity = parse_quantity(text.removeprefix("-"))
        if quantity is None:
            raise self.columns.refused("quantity", text, "is not a whole number of units")
        return 0 if text.startswith("-") else quantity

    def _finished(self, product: Product | None, held: list[Variant | Rejection]) -> Iterator[Variant | Rejection]:
        if product is None:
            yield from held
            return
        self.products.put(product)
        for item in held:
            if isinstance(item, Rejection):
                yield item
            elif not product.title:
                where = f' and no earlier row of Handle "{product.handle[:60]}" near it has one'
                yield Rejection(line=item.line, reason=self.columns.missing("title", where).message)
            else:
                yield msgspec.structs.replace(
                    item,
                    product_title=product.title,
                    description=product.description,
                    image=product.image,
                    vendor=product.vendor,
                )


def reader(header: list[str], default_currency: str) -> ShopifyReader:
    """A reader for a file with this header row, which has every ``REQUIRED`` column."""
    return ShopifyReader(Columns(header, COLUMNS, ESSENTIAL), default_currency)
