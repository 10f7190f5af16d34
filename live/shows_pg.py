"""Shows and offers in Postgres: every change and its event commit together.

An event gets its position in the transaction that makes it, and the show's row stays locked until that commits: so
positions are dense, in commit order, and known before anything leaves for Redis.
"""

from pathlib import Path

import asyncpg
import msgspec

from inventory.pools_pg import PoolTerms, close_pool, create_pool, end_window, set_ends_at
from kit.errors import ConflictError, NotFoundError
from kit.money import Money
from kit.postgres import Connection, Postgres
from kit.sql import Queries
from live import wire
from live.host_commands_pg import first_time
from live.limits import OFFER_DURATION_MAX_MS, SNAPSHOT_MOST_OFFERS
from live.offer import OfferEnd, OfferTerms, require_running, require_voidable, state_at
from live.show import ShowAction, next_state, require_on_air
from live.show_events_pg import add_event

_sql = Queries(Path(__file__).parent / "sql" / "shows.sql")
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


class SoldVariant(msgspec.Struct, frozen=True, kw_only=True):
    """What an offer sells: the variant's product and its title as viewers read it."""

    product_id: str
    title: str


class Shows:
    """Reads and changes shows and offers."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def create(self, show_id: str, title: str, currency: str, scheduled_start_at_ms: int | None) -> None:
        """Create a show; an id that is there already stays as it is."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.create_show, show_id, title, currency, scheduled_start_at_ms)

    async def read(self, show_id: str) -> tuple[ShowRow, list[OfferRow]]:
        """Return a show and its offers, oldest first, as of one moment.

        Raises:
            NotFoundError: ``unknown_show``.
        """
        async with (
            self._postgres.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            show = await connection.fetchrow(_sql.show, show_id)
            if show is None:
                raise _unknown_show(show_id)
            offers = await connection.fetch(_sql.offers_of_show, show_id, SNAPSHOT_MOST_OFFERS)
        return _show(show), [_offer(row) for row in offers]

    async def page(self, *, limit: int, after: str | None) -> list[str]:
        """Return show ids, newest first."""
        async with self._postgres.connection() as connection:
            return [row["show_id"] for row in await connection.fetch(_sql.page_of_shows, after, limit)]

    async def current(self) -> str | None:
        """Return the show to watch now: the newest that is on, else the newest scheduled one."""
        async with self._postgres.connection() as connection:
            show_id: str | None = await connection.fetchval(_sql.current_show)
        return show_id

    async def offer(self, offer_id: str) -> OfferRow:
        """Return an offer.

        Raises:
            NotFoundError: ``unknown_offer``.
        """
        async with self._postgres.connection() as connection:
            return await _read_offer(connection, offer_id)

    async def move(self, show_id: str, action: ShowAction, command: str | None = None) -> list[str]:
        """Move a show to its next state; ending it ends its offers. Returns the offers that ended.

        Raises:
            NotFoundError: ``unknown_show``.
            ConflictError: ``illegal_transition``.
        """
        async with self._postgres.transaction() as connection:
            show = await _lock_show(connection, show_id)
            if not await first_time(connection, command):
                return []
            state = next_state(show["state"], action)
            at_ms = await _now_ms(connection)
            ended: list[str] = []
            if state == "ended":
                for row in await connection.fetch(_sql.offers_of_show, show_id, SNAPSHOT_MOST_OFFERS):
                    if row["state"] not in ("ended", "voided"):
                        await _end(connection, _offer(row), "show_ended")
                        ended.append(row["offer_id"])
            await connection.execute(_sql.set_state, show_id, state, at_ms)
            kinds = {
                "start": wire.ShowStarted,
                "pause": wire.ShowPaused,
                "resume": wire.ShowResumed,
                "end": wire.ShowEnded,
            }
            await add_event(connection, show_id, lambda seq: kinds[action](seq=seq, at_ms=at_ms))
        return ended

    async def pin(self, show_id: str, products: list[wire.ProductCard], command: str | None = None) -> None:
        """Put these products on stage.

        Raises:
            NotFoundError: ``unknown_show``.
            ConflictError: ``show_not_live``.
        """
        async with self._postgres.transaction() as connection:
            show = await _lock_show(connection, show_id)
            if not await first_time(connection, command):
                return
            require_on_air(show["state"], "pin products")
            await connection.execute(_sql.set_spotlight, show_id, msgspec.json.encode(products).decode())
            await add_event(connection, show_id, lambda seq: wire.ProductSpotlight(seq=seq, products=products))

    async def open_offer(self, show_id: str, offer_id: str, terms: OfferTerms, sold: SoldVariant) -> bool:
        """Create an offer, its pool and its ring-fenced units; an id that is there already stays as it is.

        Returns:
            Whether it was created now.

        Raises:
            NotFoundError: ``unknown_show``.
            ConflictError: ``show_not_live``, ``stock_short``, ``too_many_offers``, ``currency_mismatch``.
        """
        async with self._postgres.transaction() as connection:
            show = await _lock_show(connection, show_id)
            if await connection.fetchrow(_sql.offer, offer_id) is not None:
                return False
            require_on_air(show["state"], "open an offer")
            if show["currency"] != terms.price.currency:
                raise ConflictError(
                    f"the show sells in {show['currency']}, the price is in {terms.price.currency}",
                    code="currency_mismatch",
                    details={"field": "price.currency"},
                )
            if len(await connection.fetch(_sql.offers_of_show, show_id, SNAPSHOT_MOST_OFFERS)) >= SNAPSHOT_MOST_OFFERS:
                raise ConflictError(f"a show has at most {SNAPSHOT_MOST_OFFERS} offers", code="too_many_offers")
            announced_at_ms = await _now_ms(connection)
            starts_at_ms = announced_at_ms + terms.preheat_ms
            pool = PoolTerms(
                sku=terms.sku,
                quantity=terms.quantity,
                per_buyer_limit=terms.per_buyer_limit,
                starts_at_ms=starts_at_ms,
                ends_at_ms=starts_at_ms + terms.duration_ms,
                grace_ms=terms.grace_ms,
                hold_ttl_ms=terms.hold_ttl_ms,
                waitlist_hold_ttl_ms=terms.waitlist_hold_ttl_ms,
                mode=terms.mode,
                pass_on_ms=terms.pass_on_ms,
            )
            await create_pool(connection, offer_id, pool)
            await connection.execute(
                _sql.create_offer,
                offer_id,
                show_id,
                sold.product_id,
                sold.title,
                terms.price.amount,
                terms.price.currency,
                announced_at_ms,
            )
            offer = await _read_offer(connection, offer_id)
            await add_event(connection, show_id, lambda seq: wire.OfferScheduled(seq=seq, offer=offer.card))
            if terms.preheat_ms == 0:
                await _open(connection, offer)
            return True

    async def extend_offer(self, offer_id: str, extend_ms: int, command: str | None = None) -> None:
        """Let a running offer end ``extend_ms`` later.

        Raises:
            NotFoundError: ``unknown_offer``.
            ConflictError: ``illegal_transition``, ``offer_too_long``.
        """
        async with self._postgres.transaction() as connection:
            offer = await _lock_offer(connection, offer_id)
            if not await first_time(connection, command):
                return
            require_running(offer.state, "extend")
            ends_at_ms = offer.card.ends_at_ms + extend_ms
            if ends_at_ms - offer.card.starts_at_ms > OFFER_DURATION_MAX_MS:
                raise ConflictError(
                    f"an offer lasts at most {OFFER_DURATION_MAX_MS // 3_600_000} hours in all",
                    code="offer_too_long",
                    details={"field": "extend_ms"},
                )
            await set_ends_at(connection, offer_id, ends_at_ms)
            later = await _read_offer(connection, offer_id)
            await add_event(connection, offer.show_id, lambda seq: wire.OfferExtended(seq=seq, offer=later.card))

    async def end_offer(self, offer_id: str, *, void_reason: str | None = None, command: str | None = None) -> None:
        """End a running offer now, or void it.

        Raises:
            NotFoundError: ``unknown_offer``.
            ConflictError: ``illegal_transition`` - voiding twice, or closing what is over.
        """
        async with self._postgres.transaction() as connection:
            offer = await _lock_offer(connection, offer_id)
            if not await first_time(connection, command):
                return
            if void_reason is None:
                require_running(offer.state, "close")
                await _end(connection, offer, "closed")
            else:
                require_voidable(offer.state)
                await _void(connection, offer, void_reason)

    async def due_offers(self) -> list[str]:
        """Return the offers that the clock has to move."""
        async with self._postgres.connection() as connection:
            return [row["offer_id"] for row in await connection.fetch(_sql.due_offers)]

    async def tick_offer(self, offer_id: str) -> wire.OfferState:
        """Move an offer to where the clock says it is; any worker may, any number of times."""
        async with self._postgres.transaction() as connection:
            offer = await _lock_offer(connection, offer_id)
            card = offer.card
            due = state_at(
                await _now_ms(connection),
                announced_at_ms=offer.announced_at_ms,
                starts_at_ms=card.starts_at_ms,
                ends_at_ms=card.ends_at_ms,
            )
            if offer.state == "preheat" and due in ("open", "ended"):
                await _open(connection, offer)
            if offer.state in ("preheat", "open") and due == "ended":
                await _end(connection, offer, "time")
            return (await _read_offer(connection, offer_id)).state


async def _now_ms(connection: Connection) -> int:
    """Return the database's clock: it decides about shows and offers, whichever process asks (D6)."""
    now_ms: int = await connection.fetchval(_sql.now)
    return now_ms


async def _lock_show(connection: Connection, show_id: str) -> asyncpg.Record:
    row = await connection.fetchrow(_sql.lock_show, show_id)
    if row is None:
        raise _unknown_show(show_id)
    return row


async def _lock_offer(connection: Connection, offer_id: str) -> OfferRow:
    """Lock the offer's show, then read the offer as it is under that lock."""
    offer = await _read_offer(connection, offer_id)
    await _lock_show(connection, offer.show_id)
    return await _read_offer(connection, offer_id)


async def _read_offer(connection: Connection, offer_id: str) -> OfferRow:
    row = await connection.fetchrow(_sql.offer, offer_id)
    if row is None:
        raise NotFoundError(f"there is no offer {offer_id}", code="unknown_offer", details={"offer_id": offer_id})
    return _offer(row)


async def _open(connection: Connection, offer: OfferRow) -> None:
    await connection.execute(_sql.set_offer_state, offer.card.offer_id, "open", None)
    await add_event(connection, offer.show_id, lambda seq: wire.OfferOpened(seq=seq, offer=offer.card))


async def _end(connection: Connection, offer: OfferRow, reason: OfferEnd) -> None:
    await connection.execute(_sql.set_offer_state, offer.card.offer_id, "ended", reason)
    # At its own end the pool stays open for the grace; the keeper closes it after that. Who entered a draw is drawn.
    if reason != "time" and not await end_window(connection, offer.card.offer_id):
        await close_pool(connection, offer.card.offer_id, release_holds=False)
    card = (await _read_offer(connection, offer.card.offer_id)).card
    await add_event(connection, offer.show_id, lambda seq: wire.OfferEnded(seq=seq, offer=card, reason=reason))


async def _void(connection: Connection, offer: OfferRow, reason: str) -> None:
    await connection.execute(_sql.set_offer_state, offer.card.offer_id, "voided", reason)
    await close_pool(connection, offer.card.offer_id, release_holds=True)
    await add_event(connection, offer.show_id, lambda seq: wire.OfferVoided(seq=seq, offer=offer.card, reason=reason))


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
