"""Refunds and cancellations that staff ask for."""

from checkout.give_back import RefundPayer
from checkout.order import Order
from checkout.orders_pg import Orders
from checkout.payments.provider import Providers
from checkout.refund_rules import Refund, RefundRequest, ReturnedLine
from checkout.refunds_pg import RefundRows
from kit.money import Money
from kit.postgres import Postgres


class Refunds:
    """Gives money back on behalf of staff; what cannot be finished at once the worker finishes."""

    def __init__(self, postgres: Postgres, providers: Providers) -> None:
        self._orders = Orders(postgres)
        self._rows = RefundRows(postgres)
        self._payer = RefundPayer(self._rows, providers)

    async def refund(
        self,
        order_id: str,
        *,
        amount: Money | None,
        reason: str,
        restock: bool,
        refund_id: str,
        line: ReturnedLine | None = None,
    ) -> Order:
        """Give back all or a part of a captured order's money.

        When all of it is back the order becomes ``refunded``; until then it stays ``captured``. A refund that takes
        the last of the money brings back every unit that is left.

        Args:
            order_id: the order.
            amount: None for the price of the line's units, or without a line for all that is left.
            reason: kept with the refund.
            restock: put the units that come back on sale, once their money is back.
            refund_id: made by the caller. The same one refunds once, and answers with the order as it is.
            line: units that come back.

        Returns:
            The order afterwards. Its ``refunded`` is unchanged while the provider's answer is not known.

        Raises:
            NotFoundError: ``unknown_order``.
            ConflictError: ``not_captured``; ``refund_exceeds_capture`` and ``return_exceeds_order``, refunds under
                way included; ``refund_id_reused`` for another order, amount or quantity.
            InvalidError: ``amount`` is not positive or of another currency; ``line`` is of another SKU.
        """
        request = RefundRequest(
            refund_id=refund_id, order_id=order_id, amount=amount, reason=reason, restock=restock, line=line
        )
        return await self._pay(order_id, await self._rows.reserve(request))

    async def cancel(self, order_id: str, *, reason: str, restock: bool, refund_id: str) -> Order:
        """Cancel an order.

        One that is not confirmed yet is cancelled at once and its units are released; money that was reserved goes
        back by itself. A captured one is refunded and becomes ``cancelled`` when its money is back, its units on sale
        again with ``restock``. One that is cancelled stays as it is.

        Raises:
            NotFoundError: ``unknown_order``.
            ConflictError: ``capture_in_progress`` and ``refund_in_progress`` (temporary), ``order_ended``,
                ``refund_id_reused``.
        """
        request = RefundRequest(
            refund_id=refund_id, order_id=order_id, amount=None, reason=reason, restock=restock, end_state="cancelled"
        )
        return await self._pay(order_id, await self._rows.cancel(request))

    async def _pay(self, order_id: str, refund: Refund | None) -> Order:
        if refund is not None:
            await self._payer.handle(refund)
        return await self._orders.get(order_id)
