"""The stage: what a host does with shows and offers, from the call to the event that viewers get."""

from collections.abc import Sequence

from inventory.catalogue_pg import Catalogue, ProductCardRow, VariantRow
from inventory.holds import Holds
from inventory.pools_pg import Pools
from kit.errors import InvalidError, UnavailableError
from kit.log import logger
from kit.redis_client import RedisClient
from live import wire
from live.limits import SPOTLIGHT_MOST_PRODUCTS
from live.offer import OfferTerms
from live.relay import Relay
from live.show import ShowAction
from live.show_log_redis import RedisLog
from live.show_offers_pg import ShowOffers, SoldVariant
from live.show_reader import ShowReader
from live.shows_pg import Shows
from live.views import OfferView, ShowView

_log = logger("stage")


class Stage(ShowReader):
    """What a host reads and does.

    Each command is durable in Postgres before it answers, and its event leaves right after the commit. ``command``
    names a command in all its repeats: a repeat changes nothing and answers with what is now.
    """

    def __init__(
        self,
        *,
        shows: Shows,
        offers: ShowOffers,
        pools: Pools,
        holds: Holds,
        catalogue: Catalogue,
        relay: Relay,
        log: RedisLog,
        redis: RedisClient,
    ) -> None:
        super().__init__(shows=shows, offers=offers, holds=holds, log=log, redis=redis)
        self._pools = pools
        self._catalogue = catalogue
        self._relay = relay

    async def create_show(
        self, *, show_id: str, title: str, currency: str, scheduled_start_at_ms: int | None
    ) -> ShowView:
        """Create a show; the same id again returns the one that is there."""
        await self._shows.create(show_id, title, currency, scheduled_start_at_ms)
        try:
            await self._log.begin(show_id, 0)
        except UnavailableError:
            # The first gateway that serves the show begins its log.
            _log.warning("log_begins_later", show_id=show_id)
        return await self.show(show_id)

    async def start(self, show_id: str, *, command: str | None = None) -> ShowView:
        """Go live. Raises ConflictError ``illegal_transition`` when the show is not scheduled."""
        return await self._move(show_id, "start", command)

    async def pause(self, show_id: str, *, command: str | None = None) -> ShowView:
        """Pause. Raises ConflictError ``illegal_transition`` when the show is not live."""
        return await self._move(show_id, "pause", command)

    async def resume(self, show_id: str, *, command: str | None = None) -> ShowView:
        """Go on. Raises ConflictError ``illegal_transition`` when the show is not paused."""
        return await self._move(show_id, "resume", command)

    async def end(self, show_id: str, *, command: str | None = None) -> ShowView:
        """End the show and its offers. Raises ConflictError ``illegal_transition`` when it has ended."""
        return await self._move(show_id, "end", command)

    async def spotlight(self, show_id: str, product_ids: Sequence[str], *, command: str | None = None) -> ShowView:
        """Put up to three products on stage; an empty list clears it.

        Raises:
            NotFoundError: ``unknown_show``, ``unknown_product``.
            InvalidError: too many, or one twice.
            ConflictError: ``show_not_live``.
        """
        if len(product_ids) > SPOTLIGHT_MOST_PRODUCTS or len(set(product_ids)) != len(product_ids):
            raise InvalidError(
                f"product_ids: pin at most {SPOTLIGHT_MOST_PRODUCTS} products, each once", field="product_ids"
            )
        cards = [_card(row) for row in await self._catalogue.cards(product_ids)]
        await self._shows.pin(show_id, cards, command)
        await self._announce(show_id)
        return await self.show(show_id)

    async def open_offer(self, show_id: str, terms: OfferTerms, *, offer_id: str) -> OfferView:
        """Ring-fence the units and announce the offer; the same id again returns the one that is there.

        Raises:
            NotFoundError: ``unknown_show``, ``unknown_sku``.
            ConflictError: ``show_not_live``, ``stock_short``, ``currency_mismatch``, ``too_many_offers``.
        """
        variant = await self._catalogue.variant(terms.sku)
        sold = SoldVariant(product_id=variant.product_id, title=_title(variant))
        is_new = await self._offers.open(show_id, offer_id, terms, sold)
        pool = await self._pools.get(offer_id)
        # A repeat leaves a book that may have been lost meanwhile to the keeper: this one would be full.
        if is_new and pool is not None:
            try:
                await self._holds.open(pool)
            except UnavailableError:
                # The offer is made; the keeper opens its book as soon as Redis answers.
                _log.warning("book_opens_later", offer_id=offer_id)
        await self._announce(show_id)
        return await self.offer(offer_id)

    async def extend_offer(self, offer_id: str, extend_ms: int, *, command: str | None = None) -> OfferView:
        """Let a running offer end later. Raises ConflictError ``illegal_transition`` when it is over."""
        await self._offers.extend(offer_id, extend_ms, command)
        pool = await self._pools.get(offer_id)
        if pool is not None:
            try:
                await self._holds.prolong(pool)
            except UnavailableError:
                # The new end is durable; the keeper tells the book as soon as Redis answers.
                _log.warning("book_extends_later", offer_id=offer_id)
        return await self._after_change(offer_id)

    async def close_offer(self, offer_id: str, *, command: str | None = None) -> OfferView:
        """End a running offer now; holds keep their time. Raises ConflictError ``illegal_transition``."""
        await self._offers.end(offer_id, command=command)
        await self._close_books([offer_id])
        return await self._after_change(offer_id)

    async def void_offer(self, offer_id: str, reason: str, *, command: str | None = None) -> OfferView:
        """Withdraw a running offer and let its unpaid holds go. Raises ConflictError ``illegal_transition``."""
        await self._offers.end(offer_id, void_reason=reason, command=command)
        await self._close_books([offer_id])
        return await self._after_change(offer_id)

    async def _move(self, show_id: str, action: ShowAction, command: str | None) -> ShowView:
        ended = await self._shows.move(show_id, action, command)
        await self._close_books(ended)
        await self._announce(show_id)
        return await self.show(show_id)

    async def _after_change(self, offer_id: str) -> OfferView:
        view = await self.offer(offer_id)
        await self._announce(view.show_id)
        return view

    async def _close_books(self, offer_ids: Sequence[str]) -> None:
        """Close the books and return what is free at once; the keeper returns the rest as holds end."""
        for offer_id in offer_ids:
            pool = await self._pools.get(offer_id)
            if pool is None or not pool.closed:
                continue  # a draw, whose window has ended: its units go to who entered
            try:
                await self._holds.freeze(offer_id)
                if pool.release_holds:
                    # The keeper tells their buyers.
                    await self._holds.sweep([offer_id], releasing=[offer_id])
                [counts] = await self._holds.counts([offer_id])
            except UnavailableError:
                _log.warning("book_closes_later", offer_id=offer_id)
                continue
            await self._pools.settle_close(offer_id, counts, finish=False)

    async def _announce(self, show_id: str) -> None:
        try:
            await self._relay.relay(show_id)
        except UnavailableError:
            # The change is durable; the worker's relay tells viewers as soon as Redis answers.
            _log.warning("event_leaves_later", show_id=show_id)


def _title(variant: VariantRow) -> str:
    return f"{variant.product_title} ({variant.title})" if variant.title else variant.product_title


def _card(row: ProductCardRow) -> wire.ProductCard:
    variants = [wire.VariantCard(sku=one.sku, title=one.title, price=one.price) for one in row.variants]
    return wire.ProductCard(product_id=row.product_id, title=row.title, image=row.image, variants=variants)
