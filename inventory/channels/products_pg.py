"""Products of channels in Postgres: which have to be told, and what became of them."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from inventory.channels.known_pg import require_channel
from inventory.channels.levels_pg import shown
from inventory.channels.limits import LEASE_MS, WRITE_BACK_PAUSE_S, WRITE_BACK_TRIES
from inventory.channels.pages import require_page
from inventory.channels.publishing import Product, Published, Publishing, Variant
from kit.errors import NotFoundError
from kit.money import Money
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "products.sql")


class PublishedItem(msgspec.Struct, frozen=True, kw_only=True):
    """A product that a channel should have.

    Attributes:
        listing: the channel's name for it; blank while it has none.
        in_step: whether the channel has it as it is now.
    """

    product_id: str
    title: str
    listing: str
    in_step: bool
    told_at_ms: int | None
    last_error: str | None


class PublishedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some products in the order of their ids; ``next`` is the ``after`` of the following page, None on the last."""

    items: list[PublishedItem]
    next: str | None


class DueProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product that is to be told now; ``attempts`` failed before."""

    product: Product
    version: int
    attempts: int


class ProductFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A product that was not taken; it is due again after ``delay_ms``."""

    product_id: str
    reason: str
    delay_ms: int


class ChannelProducts:
    """The products of all channels.

    Args:
        lease_ms: how long products that were taken belong to the taker.
    """

    def __init__(self, postgres: Postgres, *, lease_ms: int = LEASE_MS) -> None:
        self._postgres = postgres
        self._lease_ms = lease_ms

    async def publish(self, channel_id: str, product_ids: Sequence[str] | None) -> int:
        """Let a channel have products, from now on as they are; None: all there are now. Return how many.

        Raises:
            NotFoundError: ``unknown_channel``, or ``unknown_product``: nothing is published then.
        """
        async with self._postgres.transaction() as connection:
            await require_channel(connection, channel_id)
            unknown = await connection.fetch(_sql.unknown_products, product_ids or [])
            if unknown:
                raise NotFoundError(
                    f"there is no product {unknown[0]['product_id']!r} with variants",
                    code="unknown_product",
                    details={"field": "product_ids"},
                )
            status = await connection.execute(_sql.publish, channel_id, product_ids)
            await connection.execute(_sql.wake)
        return int(status.rpartition(" ")[2])

    async def withdraw(self, channel_id: str, product_ids: Sequence[str]) -> int:
        """Tell a channel no more of products; what it has of them it keeps. Return of how many.

        Raises:
            NotFoundError: ``unknown_channel``.
        """
        async with self._postgres.connection() as connection:
            await require_channel(connection, channel_id)
            status = await connection.execute(_sql.withdraw, channel_id, product_ids)
        return int(status.rpartition(" ")[2])

    async def take_due(self, channel_id: str, publishing: Publishing) -> list[DueProduct]:
        """Take products for one call; nobody else gets them until the lease ends.

        The caller tells them and then calls ``told`` or ``failed`` for each.
        """
        async with self._postgres.connection() as connection:
            due = {
                row["product_id"]: row
                for row in await connection.fetch(
                    _sql.take_due, channel_id, publishing.products, publishing.batch_size, self._lease_ms
                )
            }
            if not due:
                return []
            variants = defaultdict(list)
            for row in await connection.fetch(_sql.variants, channel_id, list(due)):
                price = Money(amount=row["price_amount"], currency=row["price_currency"])
                variant = Variant(
                    sku=row["sku"], title=row["title"], price=price, level=row["level"], item_id=row["item_id"]
                )
                variants[row["product_id"]].append(variant)
            rows = await connection.fetch(_sql.products, list(due))
        return [
            DueProduct(
                product=Product(
                    product_id=row["product_id"],
                    product_key=row["product_key"],
                    title=row["title"],
                    description=row["description"],
                    image=row["image"],
                    vendor=row["vendor"],
                    listing=due[row["product_id"]]["listing"],
                    variants=tuple(variants[row["product_id"]]),
                ),
                version=due[row["product_id"]]["version"],
                attempts=due[row["product_id"]]["attempts"],
            )
            for row in rows
        ]

    async def listed(self, channel_id: str, taken: Sequence[tuple[DueProduct, Published]]) -> None:
        """Keep what the channel calls products."""
        names = {
            due.product.product_id: published.listing
            for due, published in taken
            if published.listing and published.listing != due.product.listing
        }
        await self._write(_sql.listed, channel_id, {name: (listing,) for name, listing in names.items()})

    async def told(self, channel_id: str, taken: Sequence[DueProduct]) -> None:
        """Write back what the channel took. A product that changed meanwhile stays due."""
        await self._write(_sql.told, channel_id, {one.product.product_id: (one.version,) for one in taken})

    async def failed(self, channel_id: str, failures: Sequence[ProductFailure]) -> None:
        """Write back what the channel did not take."""
        await self._write(
            _sql.failed, channel_id, {one.product_id: (shown(one.reason), one.delay_ms) for one in failures}
        )

    async def _write(self, statement: str, channel_id: str, values: Mapping[str, Sequence[object]]) -> None:
        """Write to products, row by row where an import does not hold them just now, and to those again later.

        A row that cannot be written within a few seconds keeps its lease.
        """
        rest = dict(values)
        for _ in range(WRITE_BACK_TRIES):
            if not rest:
                return
            columns = [list(column) for column in zip(*rest.values(), strict=True)]
            async with self._postgres.connection() as connection:
                for row in await connection.fetch(statement, channel_id, list(rest), *columns):
                    del rest[row["product_id"]]
                held = {row["product_id"] for row in await connection.fetch(_sql.present, channel_id, list(rest))}
            rest = {product_id: value for product_id, value in rest.items() if product_id in held}
            if rest:
                await asyncio.sleep(WRITE_BACK_PAUSE_S)

    async def page(self, channel_id: str, *, limit: int = 100, after: str | None = None) -> PublishedPage:
        """Return a page of what a channel should have.

        Raises:
            NotFoundError: ``unknown_channel``.
            InvalidError: ``limit`` is not 1 to ``MAX_PAGE``.
        """
        require_page(limit)
        async with self._postgres.connection() as connection:
            await require_channel(connection, channel_id)
            rows = await connection.fetch(_sql.page, channel_id, after or "", limit + 1)
        items = [msgspec.convert(dict(row), PublishedItem) for row in rows[:limit]]
        return PublishedPage(items=items, next=items[-1].product_id if len(rows) > limit else None)
