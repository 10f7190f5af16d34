"""Small files of products, and what stands in Postgres once they were imported."""

import io

from inventory.catalogue_pg import Catalogue
from inventory.import_pg import ImportReport
from inventory.stock import allocate
from inventory.stock_pg import record_movements
from kit.postgres import Postgres

HEADER = "Handle,Title,Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Image Src"


def shopify(*rows: str) -> io.BytesIO:
    return io.BytesIO("\n".join([HEADER, *rows, ""]).encode())


SHIRT = (
    "shirt,Blue Shirt,Acme,Size,S,SH-S,10,19.99,https://cdn.example/shirt.jpg",
    "shirt,,,,M,SH-M,0,21.00,",
)
MUG = "mug,100% Mug,Acme,Title,Default Title,MUG_1,7,8,"


async def take(catalogue: Catalogue, file: io.BytesIO) -> ImportReport:
    return await catalogue.import_file(file, default_currency="EUR")


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.rejected_total


async def stored(postgres: Postgres) -> dict[str, object]:
    """Everything that an import can change, except times and keys."""
    async with postgres.connection() as connection:
        return {
            "products": await connection.fetch(
                "SELECT product_id, product_key, title, image, vendor FROM products ORDER BY 1"
            ),
            "variants": await connection.fetch(
                "SELECT sku, product_id, title, price_amount, imported_quantity FROM variants ORDER BY 1"
            ),
            "stock": await connection.fetch("SELECT * FROM stock ORDER BY 1"),
            "movements": await connection.fetch("SELECT kind, sku, on_hand_delta FROM movements ORDER BY movement_id"),
        }


async def movements_of(postgres: Postgres, sku: str) -> list[tuple[str, int]]:
    async with postgres.connection() as connection:
        rows = await connection.fetch(
            "SELECT kind, on_hand_delta FROM movements WHERE sku = $1 ORDER BY movement_id", sku
        )
        return [(row["kind"], row["on_hand_delta"]) for row in rows]


async def add_channel(postgres: Postgres) -> None:
    async with postgres.connection() as connection:
        await connection.execute("INSERT INTO channels (channel_id, kind, name) VALUES ('chan_1', 'webhook', 'Shop')")


async def desired(postgres: Postgres) -> dict[str, int]:
    async with postgres.connection() as connection:
        return {row["sku"]: row["desired"] for row in await connection.fetch("SELECT sku, desired FROM channel_levels")}


async def ring_fence(postgres: Postgres, sku: str, quantity: int) -> None:
    async with postgres.transaction() as connection:
        await record_movements(connection, [allocate(sku, quantity, pool_id="offer_1")])


async def drift(postgres: Postgres) -> list[object]:
    async with postgres.connection() as connection:
        rows = await connection.fetch(
            "SELECT sku FROM stock LEFT JOIN (SELECT sku, sum(on_hand_delta) AS units, sum(ring_fenced_delta) AS fenced"
            " FROM movements GROUP BY sku) AS ledger USING (sku)"
            " WHERE on_hand <> coalesce(units, 0) OR ring_fenced <> coalesce(fenced, 0)"
        )
        return list(rows)
