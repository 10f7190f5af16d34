"""Importing a catalogue file into Postgres: staged, judged and taken over as sets, in one transaction."""

import asyncio
import itertools
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

import asyncpg
import msgspec

from inventory.catalogue import Rejection, Variant, product_id_of
from inventory.import_csv import read_catalogue
from inventory.stock import DEFAULT_LOCATION, receive
from inventory.stock_pg import record_movements
from kit.ids import new_ulid
from kit.postgres import Connection, Postgres, answer_within_s
from kit.sql import Queries

IMPORT_CHUNK: Final = 2_000
"""Variants parsed, copied and moved at a time; the memory of an import is a few of these."""

IMPORT_TIMEOUT_MS: Final = 300_000
"""For each statement of an import and each wait for another import; 100,000 variants need about 2 s in one."""

_WAIT_S: Final = answer_within_s(IMPORT_TIMEOUT_MS)

REPORTED_REJECTIONS: Final = 1_000
"""Rejected rows that a report lists; it counts all of them."""

BULK_LOCK: Final = 0x494D504F5254
"""Advisory lock ("IMPORT") of whatever moves or re-levels the whole stock at once."""

_sql = Queries(Path(__file__).parent / "sql" / "import.sql")
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
        without_quantity: SKUs among the first three whose stock was left alone (0 for new ones), because the file has
            no column that says how many there are.
    """

    created: int
    updated: int
    unchanged: int
    rejected: list[Rejection]
    rejected_total: int
    without_quantity: int


async def import_catalogue(
    postgres: Postgres,
    file: BinaryIO,
    *,
    default_currency: str,
    on_progress: Callable[[int, int], None] | None = None,
) -> ImportReport:
    """Take over a catalogue file in one transaction: all of it that is acceptable, or nothing.

    Stock moves by the difference to what the last file said of a SKU, and what it said is stored in the same
    transaction. So importing a file twice, or again after an unclear answer, receives nothing twice. A file without a
    column for quantities moves no stock; its new SKUs start at 0. Imports wait for each other.

    Args:
        postgres: migrated.
        file: seekable and binary; it is read in a thread, and left open.
        default_currency: for prices that name none.
        on_progress: called after each chunk with the rows read and the bytes read so far.

    Raises:
        InvalidError: the header or the currency is not known; nothing was stored.
        TooLargeError: the file is too large; nothing was stored.
        UnavailableError: Postgres does not answer; nothing was stored.
    """
    items = await asyncio.to_thread(read_catalogue, file, default_currency=default_currency)
    async with postgres.transaction() as connection:
        await connection.execute(_sql.import_timeouts, str(IMPORT_TIMEOUT_MS))
        unread = await _stage(connection, items, file, on_progress)
        await _judge(connection)
        for statement in (_sql.put_products, _sql.put_variants):
            await connection.execute(statement, timeout=_WAIT_S)
        await connection.execute(_sql.put_stock, DEFAULT_LOCATION, timeout=_WAIT_S)
        await connection.execute(_sql.put_levels, timeout=_WAIT_S)
        await _move_stock(connection)
        return await _report(connection, unread)


async def _stage(
    connection: Connection,
    items: Iterator[Variant | Rejection],
    file: BinaryIO,
    on_progress: Callable[[int, int], None] | None,
) -> list[Rejection]:
    """Copy the file into temporary tables, a chunk at a time; returns the rows that the reader rejected."""
    await connection.execute(_sql.stage_products, timeout=_WAIT_S)
    await connection.execute(_sql.stage_variants, timeout=_WAIT_S)
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
            timeout=_WAIT_S,
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
            timeout=_WAIT_S,
        )
        rows_done += len(chunk)
        if on_progress is not None:
            on_progress(rows_done, file.tell())
    return unread


async def _judge(connection: Connection) -> None:
    """Decide for each staged variant what becomes of it, with the stock that it would move locked."""
    await connection.execute(_sql.measure_staged, timeout=_WAIT_S)
    await connection.execute(_sql.lock_bulk, BULK_LOCK, timeout=_WAIT_S)
    await connection.execute(_sql.lock_moving_stock, DEFAULT_LOCATION, timeout=_WAIT_S)
    await connection.execute(_sql.judge_products, timeout=_WAIT_S)
    await connection.execute(_sql.judge_variants, DEFAULT_LOCATION, timeout=_WAIT_S)
    await connection.execute(_sql.measure_judged, timeout=_WAIT_S)


async def _move_stock(connection: Connection) -> None:
    # The key is this import's own. What keeps a repeated import from receiving again is imported_quantity, which
    # commits with these lines; a key made of the quantities would lose a 10 -> 12 that happens for the second time.
    import_id = new_ulid()
    cursor = await connection.cursor(_sql.moving, timeout=_WAIT_S)
    while rows := await cursor.fetch(IMPORT_CHUNK, timeout=_WAIT_S):
        await record_movements(
            connection,
            [
                receive(row["sku"], row["delta"], key=f"import:{import_id}:{row['sku']}", reason="catalogue import")
                for row in rows
            ],
            timeout_s=_WAIT_S,
        )


async def _report(connection: Connection, unread: list[Rejection]) -> ImportReport:
    rows = await connection.fetch(_sql.import_counts, timeout=_WAIT_S)
    counts = {row["verdict"]: row["variants"] for row in rows}
    refused = await connection.fetch(_sql.import_refused, REPORTED_REJECTIONS, timeout=_WAIT_S)
    rejected = sorted([*unread, *map(_rejection, refused)], key=lambda one: one.line)
    return ImportReport(
        created=counts.get("created", 0),
        updated=counts.get("updated", 0),
        unchanged=counts.get("unchanged", 0),
        rejected=rejected[:REPORTED_REJECTIONS],
        rejected_total=len(unread) + counts.get("other_product", 0) + counts.get("ring_fenced", 0),
        without_quantity=sum(row["without_quantity"] for row in rows),
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
