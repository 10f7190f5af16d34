"""The stages that give money back: by themselves where an order ended without units, and where staff asked."""

from collections.abc import Awaitable, Callable

import msgspec

from checkout.authorise import authorise_key
from checkout.limits import LEASE_MS, backoff_ms
from checkout.order import WITHOUT_UNITS, Order
from checkout.order_rows_pg import OrderRows, Rule
from checkout.payment_answer import Change, absorb
from checkout.payment_call import call
from checkout.payments.provider import PaymentProvider, PaymentRefusedError, PaymentUnknownError, Pending, Providers
from checkout.refund_rules import Refund
from checkout.refunds_pg import RefundRows
from kit.log import logger

_log = logger("checkout")


class RefundPayer:
    """Asks providers for refunds that are reserved, and writes down what came of it."""

    def __init__(self, rows: RefundRows, providers: Providers) -> None:
        self._rows = rows
        self._providers = providers

    async def take(self, limit: int) -> list[Refund]:
        """Take pending refunds."""
        return await self._rows.take(limit)

    async def handle(self, refund: Refund) -> None:
        """Ask for one refund. Unknown and refused ones wait; what was refused too often has failed."""
        wait_ms = backoff_ms(refund.attempts)
        try:
            provider = self._providers.of_order(refund.provider)
            await call(provider.refund(refund.payment_id, refund.amount, f"refund:{refund.refund_id}"))
        except PaymentUnknownError:
            await self._rows.postpone(refund, wait_ms=wait_ms)
        except PaymentRefusedError as error:
            failed = await self._rows.refuse(refund, wait_ms=wait_ms)
            _log.error("refund_refused", refund_id=refund.refund_id, failed=failed, error=error.message)
        else:
            await self._rows.finish(refund)


class GiveBack:
    """Returns the money of orders that were declined, cancelled or found no unit.

    Reserved money is voided. Money that was charged at once is refunded. A payment whose outcome is not known is
    looked up first, for as long as it takes.

    A webhook makes an order due while somebody is at it. So each writes only under the lease that the order was taken
    under: of several at one order, the last to take it decides. Reserved money is let go under a fresh lease, with the
    payment open, so that nobody rebooks the order meanwhile.

    Args:
        rebook: tries to give a late order its units after all (``rebook.py``); returns whether its money stays. None
            gives late money back.
        on_rebooked: called after it did, to wake the next stage.
    """

    def __init__(
        self,
        rows: OrderRows,
        refunds: RefundRows,
        providers: Providers,
        *,
        rebook: Callable[[Order], Awaitable[bool]] | None = None,
        on_rebooked: Callable[[], None] = lambda: None,
    ) -> None:
        self._rows = rows
        self._refunds = refunds
        self._providers = providers
        self._rebook = rebook
        self._on_rebooked = on_rebooked
        self._payer = RefundPayer(refunds, providers)

    async def take(self, limit: int) -> list[Order]:
        """Take due ended orders whose money is, or may be, still with us."""
        return await self._rows.take("give_back", limit)

    async def handle(self, order: Order) -> None:
        """Bring one order's money a step further back."""
        try:
            provider = self._providers.of_order(order.provider)
            known = await self._look_up(provider, order) if order.payment_open else order
            if known.payment_open:
                return  # somebody else has it now
            if self._rebook is not None and await self._rebook(known):
                self._on_rebooked()
            elif known.captured > 0:
                await self._refund(known)
            elif known.authorised > 0:
                await self._void(provider, known)
        except PaymentUnknownError:
            await self._change(order, _waiting)
        except PaymentRefusedError as error:
            # It was captured or changed without our knowing: look it up next time.
            _log.error("void_refused", order_id=order.order_id, attempts=order.attempts, error=error.message)
            await self._change(order, _look_up_later)

    async def _look_up(self, provider: PaymentProvider, order: Order) -> Order:
        answer = await call(provider.find(authorise_key(order.order_id)))
        if isinstance(answer, Pending):
            await call(provider.void(answer.payment_id, f"void:{order.order_id}"))
            return await self._change(order, _voided)
        if answer is None:
            return await self._change(order, _voided)
        found = answer
        return await self._change(order, lambda now: _leased(absorb(now, found)))

    async def _void(self, provider: PaymentProvider, order: Order) -> None:
        if order.payment_id is not None:
            after = await self._change(order, _letting_go)
            if after.due_at_ms != order.due_at_ms or not after.payment_open:
                return  # somebody else has it now
            await call(provider.void(order.payment_id, f"void:{order.order_id}"))
        await self._rows.change([(order.order_id, _voided)])

    async def _refund(self, order: Order) -> None:
        refund = await self._refunds.reserve_give_back(order.order_id)
        if refund is not None:
            await self._payer.handle(refund)

    async def _change(self, order: Order, rule: Rule) -> Order:
        """Apply a rule under the lease that the order was taken under; return the order as it is afterwards."""

        def leased(now: Order) -> Change | None:
            return rule(now) if now.due_at_ms == order.due_at_ms else None

        (after,) = await self._rows.change([(order.order_id, leased)])
        return order if after is None else after


def _voided(order: Order) -> Change | None:
    """Close the payment of an ended order: it was voided, or never arrived, and nothing is reserved any more."""
    if order.state not in WITHOUT_UNITS:
        return None
    return Change(order=msgspec.structs.replace(order, authorised=order.captured, payment_open=False))


def _leased(change: Change | None) -> Change | None:
    """Return a change that leaves the order to who has taken it."""
    return None if change is None else msgspec.structs.replace(change, wait_ms=None)


def _letting_go(order: Order) -> Change | None:
    if order.state not in WITHOUT_UNITS:
        return None
    return Change(order=msgspec.structs.replace(order, payment_open=True), wait_ms=LEASE_MS)


def _waiting(order: Order) -> Change:
    return Change(order=order, wait_ms=backoff_ms(order.attempts))


def _look_up_later(order: Order) -> Change | None:
    if order.state not in WITHOUT_UNITS:
        return None
    asked = msgspec.structs.replace(order, payment_open=True)
    return Change(order=asked, wait_ms=backoff_ms(order.attempts))
