"""A directory of offers: what a process has to know to claim and sell, read once and kept."""

from inventory.pools_pg import Pools, PoolState
from kit.errors import NotFoundError
from kit.money import Money
from live.limits import DIRECTORY_MOST_OFFERS
from live.show_offers_pg import ShowOffers


class SellableOffer:
    """An offer's pool, show and price. The pool's epoch and end may be out of date: whoever sees that forgets it."""

    __slots__ = ("pool", "price", "show_id")

    def __init__(self, pool: PoolState, show_id: str, price: Money) -> None:
        self.pool = pool
        self.show_id = show_id
        self.price = price


class OfferDirectory:
    """Keeps the newest offers by id and by pool number."""

    def __init__(self, pools: Pools, offers: ShowOffers) -> None:
        self._pools = pools
        self._offers = offers
        self._by_id: dict[str, SellableOffer] = {}
        self._by_no: dict[int, SellableOffer] = {}

    def known(self, offer_id: str) -> SellableOffer | None:
        """Return what is kept of an offer, without asking anyone."""
        return self._by_id.get(offer_id)

    async def get(self, offer_id: str) -> SellableOffer | None:
        """Return an offer, reading it when it is not kept; None when there is none."""
        known = self._by_id.get(offer_id)
        return known if known is not None else await self._keep(await self._pools.get(offer_id))

    async def by_no(self, pool_no: int) -> SellableOffer | None:
        """Return the offer of a hold id's pool number; None when there is none."""
        known = self._by_no.get(pool_no)
        return known if known is not None else await self._keep(await self._pools.by_no(pool_no))

    def forget(self, offer_id: str) -> None:
        """Read the offer anew the next time."""
        known = self._by_id.pop(offer_id, None)
        if known is not None:
            self._by_no.pop(known.pool.pool_no, None)

    async def _keep(self, pool: PoolState | None) -> SellableOffer | None:
        if pool is None:
            return None
        try:
            row = await self._offers.read(pool.pool_id)
        except NotFoundError:
            return None
        if len(self._by_id) >= DIRECTORY_MOST_OFFERS:
            self.forget(next(iter(self._by_id)))
        offer = SellableOffer(pool, row.show_id, row.card.price)
        self._by_id[pool.pool_id] = offer
        self._by_no[pool.pool_no] = offer
        return offer
