"""What is a buyer's own at the welcome, read for all who come at the same time in one go (D2)."""

import asyncio
from collections.abc import Sequence

import msgspec

from checkout.order import Order
from checkout.orders_pg import Orders
from inventory.holds import Hold, Holds
from kit.batches import Batchers
from kit.errors import UnavailableError
from live import wire
from live.buyer_news import order_state
from live.limits import OWN_STATES_GATHER_MOST_S, OWN_STATES_MOST_PER_READ, OWN_STATES_MOST_S, OWN_STATES_MOST_WAITING


class OwnState(msgspec.Struct, frozen=True, kw_only=True):
    """What one buyer has in one show.

    Attributes:
        holds: those that live or are being paid, oldest offer first.
        orders: how the latest orders stand, oldest first.
    """

    holds: list[wire.HoldCard]
    orders: list[wire.ServerMessage]


class _Asked(msgspec.Struct, frozen=True):
    pool_ids: frozenset[str]
    buyer_id: str


_Found = tuple[Sequence[Hold], Sequence[Order]]


class OwnStates:
    """Reads what buyers have, each show by its own rhythm: while one read is under way, who comes waits for the next.

    So a read always begins after it was asked for, a lonely viewer waits for nobody, and a storm of viewers who come
    back costs a few reads.
    """

    def __init__(self, holds: Holds, orders: Orders) -> None:
        self._holds = holds
        self._orders = orders
        self._shows: Batchers[_Asked, _Found] = Batchers(
            self._read,
            max_batch=OWN_STATES_MOST_PER_READ,
            max_queued=OWN_STATES_MOST_WAITING,
            max_under_way=OWN_STATES_MOST_WAITING,
            gather_most_s=OWN_STATES_GATHER_MOST_S,
        )
        self._closed = False

    async def read(self, show_id: str, pool_ids: frozenset[str], buyer_id: str) -> OwnState:
        """Return what a buyer has now; everything that was so when this was called is in it.

        Args:
            show_id: whose orders are meant.
            pool_ids: the show's offers; without any nobody is asked.
            buyer_id: whose state it is.

        Raises:
            UnavailableError: Redis or Postgres does not answer, too many wait (``overloaded``), or it is closed.
        """
        if not pool_ids:
            return OwnState(holds=[], orders=[])
        try:
            async with asyncio.timeout(OWN_STATES_MOST_S):
                holds, orders = await self._shows.submit(show_id, _Asked(pool_ids, buyer_id))
        except TimeoutError as error:
            raise UnavailableError("holds and orders cannot be read now; try again", code="overloaded") from error
        return OwnState(holds=[_card(one) for one in holds], orders=[order_state(one) for one in reversed(orders)])

    async def close(self) -> None:
        """Take no more; end the reads under way, and turn away who waits for another."""
        self._closed = True
        await self._shows.close()

    async def _read(self, show_id: str, asked: Sequence[_Asked]) -> list[_Found]:
        if self._closed:
            raise UnavailableError("this gateway ends; come back soon", code="overloaded")
        # Who asked before an offer opened may hear of it as well. An offer's id begins with its time.
        pool_ids = sorted(frozenset[str]().union(*{one.pool_ids for one in asked}))
        buyer_ids = list({one.buyer_id: None for one in asked})  # a buyer may come twice, with two devices
        holds = await self._holds.holds_of(pool_ids, buyer_ids)
        # After the holds: one that became an order in between is told as both, and never as neither.
        orders = await self._orders.of_buyers(show_id, buyer_ids)
        return [(holds.get(one.buyer_id, ()), orders.get(one.buyer_id, ())) for one in asked]


def _card(hold: Hold) -> wire.HoldCard:
    return wire.HoldCard(
        hold_id=hold.hold_id,
        offer_id=hold.pool_id,
        claim_id=hold.claim_id,
        quantity=hold.quantity,
        expires_at_ms=hold.expires_at_ms,
        state="submitted" if hold.status == "submitted" else "held",
        extensions=hold.extensions,
    )
