"""Shows and offers as Postgres has them: their rows, read and locked inside a caller's transaction."""

from pathlib import Path

import asyncpg
import msgspec

from kit.errors import NotFoundError
from kit.money import Money
from kit.postgres import Connection
from kit.sql import Queries
from live import wire
from live.limits import SNAPSHOT_MOST_OFFERS

_sql = Queries(Path(__file__).parent / "sql" / "show_rows.sql")
_cards = msgspec.json.Decoder(list[wire.ProductCard])


class ShowRow(msgspec.Struct, frozen=True, kw_only=True):
    """A show as Postgres has it; ``seq`` is the position up to which the rest of what was read with it is complete."""

    card: wire.ShowCard
    spotlight: list[wire.ProductCard]
    scheduled_start_at_ms: int | None
    started_at_ms: int | None
    ended_at_ms: int | None
    seq: int


class OfferRow(msgspec.Struct, frozen=True, kw_only=True):
    """An offer as Postgres has it: its card, its state, and what only staff see.

    Attributes:
        seed: of a draw that is drawn.
        entries: buyers in a draw.
    """

    card: wire.OfferCard
    show_id: str
    state: wire.OfferState
    reason: str | None
    announced_at_ms: int
    grace_ms: int
    allocated: int
    sold: int
    seed: str | None
    drawn_at_ms: int | None
    entries: int


async def read_show(connection: Connection, show_id: str) -> ShowRow:
    """Return a show.

    Raises:
        NotFoundError: ``unknown_show``.
    """
    row = await connection.fetchrow(_sql.show, show_id)
    if row is None:
        raise _unknown_show(show_id)
    return _show(row)


async def lock_show(connection: Connection, show_id: str) -> asyncpg.Record:
    """Lock a show, and return its row as it is under that lock.

    Raises:
        NotFoundError: ``unknown_show``.
    """
    row = await connection.fetchrow(_sql.lock_show, show_id)
    if row is None:
        raise _unknown_show(show_id)
    return row


async def offers_of(connection: Connection, show_id: str) -> list[OfferRow]:
    """Return a show's offers, oldest first."""
    return [_offer(row) for row in await connection.fetch(_sql.offers_of_show, show_id, SNAPSHOT_MOST_OFFERS)]


async def find_offer(connection: Connection, offer_id: str) -> OfferRow | None:
    """Return an offer, or None when there is none."""
    row = await connection.fetchrow(_sql.offer, offer_id)
    return None if row is None else _offer(row)


async def read_offer(connection: Connection, offer_id: str) -> OfferRow:
    """Return an offer.

    Raises:
        NotFoundError: ``unknown_offer``.
    """
    offer = await find_offer(connection, offer_id)
    if offer is None:
        raise NotFoundError(f"there is no offer {offer_id}", code="unknown_offer", details={"offer_id": offer_id})
    return offer


async def lock_offer(connection: Connection, offer_id: str) -> OfferRow:
    """Lock the offer's show, then read the offer as it is under that lock.

    Raises:
        NotFoundError: ``unknown_offer``.
    """
    offer = await read_offer(connection, offer_id)
    await lock_show(connection, offer.show_id)
    return await read_offer(connection, offer_id)


async def now_ms(connection: Connection) -> int:
    """Return the database's clock: it decides about shows and offers, whichever process asks (D6)."""
    now: int = await connection.fetchval(_sql.now)
    return now


def _unknown_show(show_id: str) -> NotFoundError:
    return NotFoundError(f"there is no show {show_id}", code="unknown_show", details={"show_id": show_id})


def _show(row: asyncpg.Record) -> ShowRow:
    return ShowRow(
        card=wire.ShowCard(show_id=row["show_id"], title=row["title"], currency=row["currency"], state=row["state"]),
        spotlight=_cards.decode(row["spotlight"]),
        scheduled_start_at_ms=row["scheduled_start_at_ms"],
        started_at_ms=row["started_at_ms"],
        ended_at_ms=row["ended_at_ms"],
        seq=row["seq"],
    )


def _offer(row: asyncpg.Record) -> OfferRow:
    return OfferRow(
        card=wire.OfferCard(
            offer_id=row["offer_id"],
            sku=row["sku"],
            product_id=row["product_id"],
            title=row["title"],
            price=Money(row["price_amount"], row["price_currency"]),
            quantity=row["allocated"],
            per_buyer_limit=row["per_buyer_limit"],
            starts_at_ms=row["starts_at_ms"],
            ends_at_ms=row["ends_at_ms"],
            hold_ttl_ms=row["hold_ttl_ms"],
            mode=row["mode"],
            seed_hash=row["seed_hash"],
        ),
        show_id=row["show_id"],
        state=row["state"],
        reason=row["reason"],
        announced_at_ms=row["announced_at_ms"],
        grace_ms=row["grace_ms"],
        allocated=row["allocated"],
        sold=row["sold"],
        seed=row["seed"],
        drawn_at_ms=row["drawn_at_ms"],
        entries=row["entries"],
    )
