"""Draws and their shows, in Postgres: a draw and the event that tells of it commit together."""

from pathlib import Path

from inventory.draws_pg import mark_drawn
from kit.postgres import Postgres
from kit.sql import Queries
from live import wire
from live.show_events_pg import add_event
from live.show_offers_pg import ShowOffers

_sql = Queries(Path(__file__).parent / "sql" / "show_draws.sql")


class ShowDraws:
    """Finds the draws that are due, and draws them."""

    def __init__(self, postgres: Postgres, offers: ShowOffers) -> None:
        self._postgres = postgres
        self._offers = offers

    async def due(self) -> list[str]:
        """Return the offers that have to be drawn."""
        async with self._postgres.connection() as connection:
            return [row["offer_id"] for row in await connection.fetch(_sql.due_draws)]

    async def draw(self, offer_id: str) -> str:
        """Draw an offer that is due; any worker may, any number of times. Returns its show.

        Raises:
            NotFoundError: ``unknown_offer``.
        """
        # Read first: an offer that has ended keeps its card.
        offer = await self._offers.read(offer_id)
        async with self._postgres.transaction() as connection:
            await connection.execute(_sql.lock_show_of, offer.show_id)
            drawn = await mark_drawn(connection, offer_id)
            if drawn is not None:
                await add_event(
                    connection,
                    offer.show_id,
                    lambda seq: wire.OfferDrawn(seq=seq, offer=offer.card, seed=drawn.seed, entries=drawn.entries),
                )
        return offer.show_id
