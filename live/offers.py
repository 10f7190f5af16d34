"""A directory of offers: what a process has to know to claim and sell, read once and kept."""

import asyncio
from collections.abc import Awaitable, Sequence

from inventory.pools_pg import Pools, PoolState
from kit.batches import Batchers
from kit.errors import NotFoundError, UnavailableError
from kit.money import Money
from live.limits import DIRECTORY_MOST_OFFERS, DIRECTORY_MOST_WAITING, DIRECTORY_READ_MOST_S
from live.show_offers_pg import ShowOffers


class SellableOffer:
    """An offer's pool, show and price. The pool's epoch and end may be out of date: whoever sees that forgets it."""

    __slots__ = ("pool", "price", "show_id")

    def __init__(self, pool: PoolState, show_id: str, price: Money) -> None:
        self.pool = pool
        self.show_id = show_id
        self.price = price


class OfferDirectory:
    """Keeps the newest offers by id and by pool number.

    Who asks for an offer that is being read shares the next read with all others who came meanwhile. When a drop opens
    its offer is forgotten, and hundreds of buyers ask for it in the same moment: each on its own would want a
    connection to Postgres.
    """

    def __init__(self, pools: Pools, offers: ShowOffers) -> None:
        self._pools = pools
        self._offers = offers
        self._by_id: dict[str, SellableOffer] = {}
        self._by_no: dict[int, SellableOffer] = {}
        self._reads: set[_Read] = set()
        most = DIRECTORY_MOST_WAITING
        self._asked_by_id = Batchers(self._find, max_batch=most, max_queued=most, max_under_way=most)
        self._asked_by_no = Batchers(self._find_by_no, max_batch=most, max_queued=most, max_under_way=most)

    def known(self, offer_id: str) -> SellableOffer | None:
        """Return what is kept of an offer, without asking anyone."""
        return self._by_id.get(offer_id)

    async def get(self, offer_id: str) -> SellableOffer | None:
        """Return an offer, reading it when it is not kept; None when there is none.

        Raises:
            UnavailableError: Postgres does not answer; too many wait for it, or this is closed (code ``overloaded``).
        """
        known = self._by_id.get(offer_id)
        return known if known is not None else await self._asked_by_id.submit(offer_id, offer_id)

    async def by_no(self, pool_no: int) -> SellableOffer | None:
        """Return the offer of a hold id's pool number; None when there is none. Raises as ``get`` does."""
        known = self._by_no.get(pool_no)
        return known if known is not None else await self._asked_by_no.submit(str(pool_no), pool_no)

    def forget(self, offer_id: str) -> None:
        """Read the offer anew the next time."""
        known = self._by_id.pop(offer_id, None)
        if known is not None:
            self._by_no.pop(known.pool.pool_no, None)
        for read in self._reads:
            read.forgotten.add(offer_id)

    async def close(self) -> None:
        """Read nothing more; wait until those who have asked are answered."""
        await self._asked_by_id.close()
        await self._asked_by_no.close()

    async def _find(self, offer_id: str, asked: Sequence[str]) -> list[SellableOffer | None]:
        known = self._by_id.get(offer_id)  # read for those who came before these
        offer = known if known is not None else await self._read(self._pools.get(offer_id))
        return [offer] * len(asked)

    async def _find_by_no(self, _name: str, asked: Sequence[int]) -> list[SellableOffer | None]:
        known = self._by_no.get(asked[0])
        offer = known if known is not None else await self._read(self._pools.by_no(asked[0]))
        return [offer] * len(asked)

    async def _read(self, asked: Awaitable[PoolState | None]) -> SellableOffer | None:
        read = _Read()
        self._reads.add(read)
        try:
            # A connection that went silent must not hold up everybody for as long as it takes to be found out.
            async with asyncio.timeout(DIRECTORY_READ_MOST_S):
                pool = await asked
                if pool is None:
                    return None
                row = await self._offers.read(pool.pool_id)
        except TimeoutError as error:
            raise UnavailableError("the offer could not be read in time", code="postgres_down") from error
        except NotFoundError:
            return None
        finally:
            self._reads.discard(read)
        offer = SellableOffer(pool, row.show_id, row.card.price)
        if pool.pool_id not in read.forgotten:
            self._keep(offer)
        return offer

    def _keep(self, offer: SellableOffer) -> None:
        if len(self._by_id) >= DIRECTORY_MOST_OFFERS:
            self.forget(next(iter(self._by_id)))
        self._by_id[offer.pool.pool_id] = offer
        self._by_no[offer.pool.pool_no] = offer


class _Read:
    """A read under way, and the offers that were forgotten since it began: it may have found what they were before."""

    __slots__ = ("forgotten",)

    def __init__(self) -> None:
        self.forgotten: set[str] = set()
