"""Shows and offers as staff and guests read them: from Postgres, with the live figures of Redis on top.

Redis may be away: then the figures are what Postgres alone knows, and a host's command that is durable is answered as
done.
"""

from collections.abc import Sequence

from inventory.holds import Holds, PoolCounts
from kit.errors import UnavailableError
from kit.log import logger
from kit.redis_client import RedisClient
from live import wire
from live.presence_redis import read_viewers
from live.show_log_redis import RedisLog
from live.show_offers_pg import ShowOffers
from live.show_rows_pg import OfferRow, ShowRow
from live.shows_pg import Shows
from live.views import OfferView, ShowView

_log = logger("show_reader")


class ShowReader:
    """Reads snapshots."""

    def __init__(self, *, shows: Shows, offers: ShowOffers, holds: Holds, log: RedisLog, redis: RedisClient) -> None:
        self._shows = shows
        self._offers = offers
        self._holds = holds
        self._log = log
        self._redis = redis

    async def show(self, show_id: str) -> ShowView:
        """Return a show's snapshot.

        Raises:
            NotFoundError: ``unknown_show``.
        """
        show, offers = await self._shows.read(show_id)
        counts = await self._counts([offer.card.offer_id for offer in offers])
        viewers, epoch = 0, ""
        try:
            [viewers] = await read_viewers(self._redis, [show_id])
            [position] = await self._log.positions([show_id])
            epoch = "" if position is None else position.epoch
        except UnavailableError:
            _log.warning("read_without_redis", show_id=show_id)
        return _show_view(show, offers, counts, viewers, epoch)

    async def shows(self, *, limit: int, after: str | None) -> tuple[list[ShowView], str | None]:
        """Return shows, newest first, and the id to go on after, or None at the end."""
        ids = await self._shows.page(limit=limit + 1, after=after)
        views = [await self.show(show_id) for show_id in ids[:limit]]
        return views, ids[limit - 1] if len(ids) > limit else None

    async def current_show(self) -> ShowView | None:
        """Return the show to watch now, or None."""
        show_id = await self._shows.current()
        return None if show_id is None else await self.show(show_id)

    async def offer(self, offer_id: str) -> OfferView:
        """Return an offer with its counts.

        Raises:
            NotFoundError: ``unknown_offer``.
        """
        offer = await self._offers.read(offer_id)
        [counts] = await self._counts([offer_id])
        return _offer_view(offer, counts)

    async def _counts(self, offer_ids: Sequence[str]) -> list[PoolCounts]:
        try:
            return await self._holds.counts(offer_ids)
        except UnavailableError:
            return [PoolCounts()] * len(offer_ids)


def _offer_view(offer: OfferRow, counts: PoolCounts) -> OfferView:
    card = offer.card
    # Without a book (a pool long closed, or Redis lost) Postgres alone tells what was sold.
    known = counts if counts.epoch else PoolCounts(available=offer.allocated - offer.sold, sold=offer.sold)
    is_collecting = card.mode == "draw" and offer.drawn_at_ms is None and offer.state != "voided"
    return OfferView(
        offer_id=card.offer_id,
        show_id=offer.show_id,
        sku=card.sku,
        product_id=card.product_id,
        title=card.title,
        price=card.price,
        quantity=card.quantity,
        per_buyer_limit=card.per_buyer_limit,
        starts_at_ms=card.starts_at_ms,
        ends_at_ms=card.ends_at_ms,
        hold_ttl_ms=card.hold_ttl_ms,
        grace_ms=offer.grace_ms,
        state=offer.state,
        reason=offer.reason,
        allocated=offer.allocated,
        available=max(0, known.available),  # below zero a book has promised more than there is
        held=known.held,
        sold=known.sold,
        waiting=offer.entries if is_collecting else known.waiting,
        mode=card.mode,
        seed_hash=card.seed_hash,
        drawn_at_ms=offer.drawn_at_ms,
    )


def _show_view(
    show: ShowRow, offers: Sequence[OfferRow], counts: Sequence[PoolCounts], viewers: int, epoch: str
) -> ShowView:
    return ShowView(
        show_id=show.card.show_id,
        title=show.card.title,
        currency=show.card.currency,
        state=show.card.state,
        scheduled_start_at_ms=show.scheduled_start_at_ms,
        started_at_ms=show.started_at_ms,
        ended_at_ms=show.ended_at_ms,
        spotlight=show.spotlight,
        offers=[_offer_view(offer, one) for offer, one in zip(offers, counts, strict=True)],
        viewers=viewers,
        position=wire.Position(epoch, show.seq),
    )
