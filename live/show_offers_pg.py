"""The offers of a show in Postgres: every change and its event commit together, under the lock of the show's row."""

from pathlib import Path

import msgspec

from inventory.pools_pg import PoolTerms, close_pool, create_pool, end_window, set_ends_at
from kit.errors import ConflictError
from kit.postgres import Connection, Postgres
from kit.sql import Queries
from live import wire
from live.host_commands_pg import first_time
from live.limits import OFFER_DURATION_MAX_MS, SNAPSHOT_MOST_OFFERS
from live.offer import OVER, OfferEnd, OfferTerms, require_running, require_voidable, state_at
from live.show import require_on_air
from live.show_events_pg import add_event
from live.show_rows_pg import OfferRow, find_offer, lock_offer, lock_show, now_ms, offers_of, read_offer

_sql = Queries(Path(__file__).parent / "sql" / "show_offers.sql")


class SoldVariant(msgspec.Struct, frozen=True, kw_only=True):
    """What an offer sells: the variant's product and its title as viewers read it."""

    product_id: str
    title: str


class ShowOffers:
    """Reads and changes offers."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def read(self, offer_id: str) -> OfferRow:
        """Return an offer.

        Raises:
            NotFoundError: ``unknown_offer``.
        """
        async with self._postgres.connection() as connection:
            return await read_offer(connection, offer_id)

    async def open(self, show_id: str, offer_id: str, terms: OfferTerms, sold: SoldVariant) -> bool:
        """Create an offer, its pool and its ring-fenced units; an id that is there already stays as it is.

        Returns:
            Whether it was created now.

        Raises:
            NotFoundError: ``unknown_show``.
            ConflictError: ``show_not_live``, ``stock_short``, ``too_many_offers``, ``currency_mismatch``.
        """
        async with self._postgres.transaction() as connection:
            show = await lock_show(connection, show_id)
            if await find_offer(connection, offer_id) is not None:
                return False
            require_on_air(show["state"], "open an offer")
            if show["currency"] != terms.price.currency:
                raise ConflictError(
                    f"the show sells in {show['currency']}, the price is in {terms.price.currency}",
                    code="currency_mismatch",
                    details={"field": "price.currency"},
                )
            if len(await offers_of(connection, show_id)) >= SNAPSHOT_MOST_OFFERS:
                raise ConflictError(f"a show has at most {SNAPSHOT_MOST_OFFERS} offers", code="too_many_offers")
            announced_at_ms = await now_ms(connection)
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
            offer = await read_offer(connection, offer_id)
            await add_event(connection, show_id, lambda seq: wire.OfferScheduled(seq=seq, offer=offer.card))
            if terms.preheat_ms == 0:
                await _open(connection, offer)
            return True

    async def extend(self, offer_id: str, extend_ms: int, command: str | None = None) -> None:
        """Let a running offer end ``extend_ms`` later.

        Raises:
            NotFoundError: ``unknown_offer``.
            ConflictError: ``illegal_transition``, ``offer_too_long``.
        """
        async with self._postgres.transaction() as connection:
            offer = await lock_offer(connection, offer_id)
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
            later = await read_offer(connection, offer_id)
            await add_event(connection, offer.show_id, lambda seq: wire.OfferExtended(seq=seq, offer=later.card))

    async def end(self, offer_id: str, *, void_reason: str | None = None, command: str | None = None) -> None:
        """End a running offer now, or void it.

        Raises:
            NotFoundError: ``unknown_offer``.
            ConflictError: ``illegal_transition`` - voiding twice, or closing what is over.
        """
        async with self._postgres.transaction() as connection:
            offer = await lock_offer(connection, offer_id)
            if not await first_time(connection, command):
                return
            if void_reason is None:
                require_running(offer.state, "close")
                await _end(connection, offer, "closed")
            else:
                require_voidable(offer.state)
                await _void(connection, offer, void_reason)

    async def due(self) -> list[str]:
        """Return the offers that the clock has to move."""
        async with self._postgres.connection() as connection:
            return [row["offer_id"] for row in await connection.fetch(_sql.due_offers)]

    async def tick(self, offer_id: str) -> wire.OfferState:
        """Move an offer to where the clock says it is; any worker may, any number of times."""
        async with self._postgres.transaction() as connection:
            offer = await lock_offer(connection, offer_id)
            card = offer.card
            due = state_at(
                await now_ms(connection),
                announced_at_ms=offer.announced_at_ms,
                starts_at_ms=card.starts_at_ms,
                ends_at_ms=card.ends_at_ms,
            )
            if offer.state == "preheat" and due in ("open", "ended"):
                await _open(connection, offer)
            if offer.state in ("preheat", "open") and due == "ended":
                await _end(connection, offer, "time")
            return (await read_offer(connection, offer_id)).state


async def end_offers_of(connection: Connection, show_id: str) -> list[str]:
    """End the offers of a show that ends, inside the caller's transaction, which has locked it. Returns which ended."""
    ended = [offer for offer in await offers_of(connection, show_id) if offer.state not in OVER]
    for offer in ended:
        await _end(connection, offer, "show_ended")
    return [offer.card.offer_id for offer in ended]


async def _open(connection: Connection, offer: OfferRow) -> None:
    await connection.execute(_sql.set_offer_state, offer.card.offer_id, "open", None)
    await add_event(connection, offer.show_id, lambda seq: wire.OfferOpened(seq=seq, offer=offer.card))


async def _end(connection: Connection, offer: OfferRow, reason: OfferEnd) -> None:
    await connection.execute(_sql.set_offer_state, offer.card.offer_id, "ended", reason)
    # At its own end the pool stays open for the grace; the keeper closes it after that. Who entered a draw is drawn.
    if reason != "time" and not await end_window(connection, offer.card.offer_id):
        await close_pool(connection, offer.card.offer_id, release_holds=False)
    card = (await read_offer(connection, offer.card.offer_id)).card
    await add_event(connection, offer.show_id, lambda seq: wire.OfferEnded(seq=seq, offer=card, reason=reason))


async def _void(connection: Connection, offer: OfferRow, reason: str) -> None:
    await connection.execute(_sql.set_offer_state, offer.card.offer_id, "voided", reason)
    await close_pool(connection, offer.card.offer_id, release_holds=True)
    await add_event(connection, offer.show_id, lambda seq: wire.OfferVoided(seq=seq, offer=offer.card, reason=reason))
