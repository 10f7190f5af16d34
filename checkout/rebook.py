"""The second step for money that came too late: a free unit, if there is one (D9).

An order whose payment took longer than ``PAYMENT_DEADLINE_MS`` was declined and its units went back. When its money
comes after all, the buyer claims again as anybody would: behind those who wait, within the limit, while the offer is
open. What cannot be had that way is refunded.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from checkout.order import Order, is_late
from checkout.order_rows_pg import OrderRows
from inventory.holds import Accepted, ClaimAnswer, ClaimRequest, Hold, Pool
from kit.errors import UnavailableError
from kit.log import logger

_log = logger("checkout")
_ULID_CHARS: Final = 26


class HoldClaims(Protocol):
    """The part of ``inventory.holds.Holds`` that this step needs."""

    async def claim_many(self, pool: Pool, claims: Sequence[ClaimRequest]) -> list[ClaimAnswer]:
        """Decide claims in order; one answer per claim."""
        ...

    async def submit(self, pool_id: str, hold_id: str, buyer_id: str) -> Hold | None:
        """Turn a live hold into ``submitted`` and return it as it is afterwards."""
        ...


class Rebooker:
    """Gives late orders their units where that takes them from nobody.

    Args:
        pool_of: returns a pool that may still sell, by its id; None when it is over.
    """

    def __init__(self, rows: OrderRows, holds: HoldClaims, pool_of: Callable[[str], Awaitable[Pool | None]]) -> None:
        self._rows = rows
        self._holds = holds
        self._pool_of = pool_of

    async def rebook(self, order: Order) -> bool:
        """Let a declined order whose money came too late wait for its units again; the settle step decides.

        A crash at any line is made good by the next call: the claim's id is the order's, so it gets the same hold, and
        a submitted hold without an order is ended as every other one.

        Returns:
            Whether the order is ``authorised`` now; otherwise its money has to go back.

        Raises:
            UnavailableError: the hold book or Postgres cannot say; the same call may be repeated.
        """
        if not is_late(order):
            return False
        pool = await self._pool_of(order.pool_id)
        if pool is None:
            return False
        claim = ClaimRequest(
            pool_id=order.pool_id,
            claim_id=order.order_id[-_ULID_CHARS:],
            buyer_id=order.buyer_id,
            quantity=order.quantity,
        )
        [answer] = await self._holds.claim_many(pool, [claim])
        if not isinstance(answer, Accepted):
            if answer.reason == "recovering":
                raise UnavailableError("the hold book is being rebuilt", code="recovering")
            return False
        hold = await self._holds.submit(order.pool_id, answer.hold_id, order.buyer_id)
        if hold is None or hold.status != "submitted":
            return False
        rebooked = await self._rows.rebook(order.order_id, hold.hold_id)
        if rebooked:
            _log.info("order_rebooked", order_id=order.order_id, hold_id=hold.hold_id)
        return rebooked
