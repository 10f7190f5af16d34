"""The catalogue in Postgres: products for pages, spotlights and offers. `inventory.import_pg` fills it."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import asyncpg
import msgspec

from inventory.import_pg import ImportReport, import_catalogue
from kit.errors import InvalidError, NotFoundError
from kit.money import Money
from kit.postgres import Connection, Postgres
from kit.sql import Queries

MAX_PAGE: Final = 200
"""Products of one page."""

MAX_QUERY_CHARS: Final = 200
"""Characters of a search."""

_sql = Queries(Path(__file__).parent / "sql" / "catalogue.sql")


class VariantItem(msgspec.Struct, frozen=True, kw_only=True):
    """A variant with its stock: ``available`` is what nobody has set aside."""

    sku: str
    title: str
    price: Money
    on_hand: int
    available: int


class ProductItem(msgspec.Struct, frozen=True, kw_only=True):
    """A product with its variants, in the order of SKUs."""

    product_id: str
    title: str
    image: str | None
    variants: list[VariantItem]


class ProductPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some products; ``next`` is the ``after`` of the following page, None on the last one."""

    items: list[ProductItem]
    next: str | None


class CardVariantRow(msgspec.Struct, frozen=True, kw_only=True):
    """A variant on a card: what does not change from sale to sale."""

    sku: str
    title: str
    price: Money


class ProductCardRow(msgspec.Struct, frozen=True, kw_only=True):
    """A product as the spotlight shows it."""

    product_id: str
    title: str
    image: str | None
    variants: list[CardVariantRow]


class VariantRow(msgspec.Struct, frozen=True, kw_only=True):
    """One variant and the names it is sold under; ``price`` is its list price."""

    sku: str
    product_id: str
    product_title: str
    title: str
    image: str | None
    price: Money


class Catalogue:
    """Products and variants."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def import_file(
        self, file: BinaryIO, *, default_currency: str, on_progress: Callable[[int, int], None] | None = None
    ) -> ImportReport:
        """Take over a catalogue file: see `inventory.import_pg.import_catalogue`."""
        return await import_catalogue(self._postgres, file, default_currency=default_currency, on_progress=on_progress)

    async def products(self, query: str | None = None, *, limit: int = 50, after: str | None = None) -> ProductPage:
        """Return a page of products, in the order of ``product_id``.

        Args:
            query: text that stands in a title, a product key or a SKU, in any case; None or blank finds all.
            limit: products of the page, 1 to ``MAX_PAGE``.
            after: ``next`` of the page before.

        Raises:
            InvalidError: ``limit`` or ``query`` is out of its bounds.
        """
        text = (query or "").strip()
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidError(f"limit must be 1 to {MAX_PAGE}", field="limit")
        if len(text) > MAX_QUERY_CHARS or "\x00" in text:
            raise InvalidError(f"query must be at most {MAX_QUERY_CHARS} plain characters", field="query")
        async with self._postgres.connection() as connection:
            if text:
                found = await connection.fetch(_sql.products_found, after or "", limit + 1, like_pattern(text))
            else:
                found = await connection.fetch(_sql.products_page, after or "", limit + 1)
            page = found[:limit]
            variants = await _variants_of(connection, [row["product_id"] for row in page])
        items = [
            ProductItem(
                product_id=row["product_id"],
                title=row["title"],
                image=row["image"],
                variants=[_item(variant) for variant in variants.get(row["product_id"], [])],
            )
            for row in page
        ]
        return ProductPage(items=items, next=items[-1].product_id if len(found) > limit else None)

    async def cards(self, product_ids: Sequence[str]) -> list[ProductCardRow]:
        """Return the cards of these products, in this order.

        Raises:
            NotFoundError: ``unknown_product``, naming the first id that there is not.
        """
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.products_by_id, list(product_ids))
            products = {row["product_id"]: row for row in rows}
            for product_id in product_ids:
                if product_id not in products:
                    raise NotFoundError(
                        f"there is no product {product_id!r}",
                        code="unknown_product",
                        details={"field": "product_ids", "product_id": product_id},
                    )
            variants = await _variants_of(connection, list(products))
        return [
            ProductCardRow(
                product_id=product_id,
                title=products[product_id]["title"],
                image=products[product_id]["image"],
                variants=[
                    CardVariantRow(sku=row["sku"], title=row["title"], price=_price(row))
                    for row in variants.get(product_id, [])
                ],
            )
            for product_id in product_ids
        ]

    async def variant(self, sku: str) -> VariantRow:
        """Return one variant.

        Raises:
            NotFoundError: ``unknown_sku``.
        """
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.variant, sku)
        if row is None:
            raise NotFoundError(
                f"there is no variant with SKU {sku!r}", code="unknown_sku", details={"field": "sku", "sku": sku}
            )
        return VariantRow(
            sku=row["sku"],
            product_id=row["product_id"],
            product_title=row["product_title"],
            title=row["title"],
            image=row["image"],
            price=_price(row),
        )


def like_pattern(text: str) -> str:
    """The pattern that finds ``text`` itself anywhere: its wildcards are plain characters."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def _variants_of(connection: Connection, product_ids: Sequence[str]) -> dict[str, list[asyncpg.Record]]:
    rows = await connection.fetch(_sql.variants_of, product_ids)
    grouped = itertools.groupby(rows, key=lambda row: str(row["product_id"]))
    return {product_id: list(group) for product_id, group in grouped}


def _item(row: asyncpg.Record) -> VariantItem:
    return VariantItem(
        sku=row["sku"], title=row["title"], price=_price(row), on_hand=row["on_hand"], available=row["available"]
    )


def _price(row: asyncpg.Record) -> Money:
    return Money(row["price_amount"], row["price_currency"])
