"""The catalogue in Postgres: importing a file, and reading products for pages, spotlights and offers."""

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

import asyncpg
import msgspec

from inventory.catalogue import Rejection, Variant, product_id_of
from inventory.import_csv import read_catalogue
from inventory.stock import DEFAULT_LOCATION, receive
from inventory.stock_pg import record_movements
from kit.errors import InvalidError, NotFoundError
from kit.ids import new_ulid
from kit.money import Money
from kit.postgres import Connection, Postgres
from kit.sql import Queries

IMPORT_CHUNK: Final = 2_000
"""Variants parsed, copied and moved at a time; the memory of an import is a few of these."""

IMPORT_TIMEOUT_MS: Final = 300_000
"""For each statement of an import and each wait for another import; 100,000 variants need about 2 s in one."""

REPORTED_REJECTIONS: Final = 1_000
"""Rejected rows that a report lists; it counts all of them."""

MAX_PAGE: Final = 200
"""Products of one page."""

MAX_QUERY_CHARS: Final = 200
"""Characters of a search."""

BULK_LOCK: Final = 0x494D504F5254
"""Advisory lock ("IMPORT") of whatever moves or re-levels the whole stock at once."""

_sql = Queries(Path(__file__).parent / "sql" / "catalogue.sql")
_PRODUCT_COLUMNS: Final = ("line", "product_key", "product_id", "title", "description", "image", "vendor")
_VARIANT_COLUMNS: Final = ("line", "product_key", "sku", "title", "price_amount", "price_currency", "quantity")


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, counted in variants.

    Attributes:
        created: SKUs that were new.
        updated: SKUs of which something visible or the quantity changed.
        unchanged: SKUs that are as they were.
        rejected: the first ``REPORTED_REJECTIONS`` rows that were left out, in the order of lines.
        rejected_total: all rows that were left out.
    """

    created: int
    updated: int
    unchanged: int
    rejected: list[Rejection]
    rejected_total: int


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
        """Take over a catalogue file in one transaction: all of it that is acceptable, or nothing.

        Stock moves by the difference to what the last file said of a SKU, and what it said is stored in the same
        transaction. So importing a file twice, or again after an unclear answer, receives nothing twice. Imports wait
        for each other.

        Args:
            file: seekable and binary; it is read in a thread, and left open.
            default_currency: for prices that name none.
            on_progress: called after each chunk with the rows read and the bytes read so far.

        Raises:
            InvalidError: the header or the currency is not known; nothing was stored.
            TooLargeError: the file is too large; nothing was stored.
            UnavailableError: Postgres does not answer; nothing was stored.
        """
        items = await asyncio.to_thread(read_catalogue, file, default_currency=default_currency)
        async with self._postgres.transaction() as connection:
            await connection.execute(_sql.import_timeouts, str(IMPORT_TIMEOUT_MS))
            unread = await _stage(connection, items, file, on_progress)
            await _judge(connection)
            for statement in (_sql.put_products, _sql.put_variants):
                await connection.execute(statement)
            await connection.execute(_sql.put_stock, DEFAULT_LOCATION)
            await connection.execute(_sql.put_levels)
            await _move_stock(connection)
            return await _report(connection, unread)

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


async def _stage(
    connection: Connection,
    items: Iterator[Variant | Rejection],
    file: BinaryIO,
    on_progress: Callable[[int, int], None] | None,
) -> list[Rejection]:
    """Copy the file into temporary tables, a chunk at a time; returns the rows that the reader rejected."""
    await connection.execute(_sql.stage_products)
    await connection.execute(_sql.stage_variants)
    id_of = lru_cache(maxsize=IMPORT_CHUNK)(product_id_of)
    unread: list[Rejection] = []
    rows_done = 0
    while chunk := await asyncio.to_thread(lambda: list(itertools.islice(items, IMPORT_CHUNK))):
        variants = [one for one in chunk if isinstance(one, Variant)]
        unread.extend(one for one in chunk if isinstance(one, Rejection))
        # Per product and chunk the last line only: it knows what the earlier ones said.
        products = {one.product_key: one for one in variants}
        await connection.copy_records_to_table(
            "import_products",
            columns=_PRODUCT_COLUMNS,
            records=[
                (one.line, key, id_of(key), one.product_title, one.description, one.image, one.vendor)
                for key, one in products.items()
            ],
        )
        await connection.copy_records_to_table(
            "import_variants",
            columns=_VARIANT_COLUMNS,
            records=[
                (
                    one.line,
                    one.product_key,
                    one.sku,
                    one.variant_title,
                    one.price.amount,
                    one.price.currency,
                    one.quantity,
                )
                for one in variants
            ],
        )
        rows_done += len(chunk)
        if on_progress is not None:
            on_progress(rows_done, file.tell())
    return unread


async def _judge(connection: Connection) -> None:
    """Decide for each staged variant what becomes of it, with the stock that it would move locked."""
    await connection.execute(_sql.measure_staged)
    await connection.execute(_sql.lock_bulk, BULK_LOCK)
    await connection.execute(_sql.lock_moving_stock, DEFAULT_LOCATION)
    await connection.execute(_sql.judge_products)
    await connection.execute(_sql.judge_variants, DEFAULT_LOCATION)
    await connection.execute(_sql.measure_judged)


async def _move_stock(connection: Connection) -> None:
    # The key is this import's own. What keeps a repeated import from receiving again is imported_quantity, which
    # commits with these lines; a key made of the quantities would lose a 10 -> 12 that happens for the second time.
    import_id = new_ulid()
    cursor = await connection.cursor(_sql.moving)
    while rows := await cursor.fetch(IMPORT_CHUNK):
        await record_movements(
            connection,
            [
                receive(row["sku"], row["delta"], key=f"import:{import_id}:{row['sku']}", reason="catalogue import")
                for row in rows
            ],
        )


async def _report(connection: Connection, unread: list[Rejection]) -> ImportReport:
    counts = {row["verdict"]: row["variants"] for row in await connection.fetch(_sql.import_counts)}
    refused = [_rejection(row) for row in await connection.fetch(_sql.import_refused, REPORTED_REJECTIONS)]
    rejected = sorted([*unread, *refused], key=lambda one: one.line)
    return ImportReport(
        created=counts.get("created", 0),
        updated=counts.get("updated", 0),
        unchanged=counts.get("unchanged", 0),
        rejected=rejected[:REPORTED_REJECTIONS],
        rejected_total=len(unread) + counts.get("other_product", 0) + counts.get("ring_fenced", 0),
    )


def _rejection(row: asyncpg.Record) -> Rejection:
    if row["verdict"] == "other_product":
        reason = f"SKU {row['sku']!r} belongs to the product {row['owner_key']!r} already."
    else:
        reason = (
            f"SKU {row['sku']!r} would have {row['on_hand'] + row['delta']} units, "
            f"fewer than the {row['ring_fenced']} that are set aside for offers."
        )
    return Rejection(line=row["line"], reason=reason)


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
