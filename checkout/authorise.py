"""The stage ``submitted → authorised | declined``: is there money?

An order that was asked for before is never authorised again until ``find`` said that the first request did not arrive.
"""

from collections.abc import Callable

import msgspec

from checkout.limits import ANSWERS_MAX_ORDERS, PAYMENT_DEADLINE_MS, PAYMENTS_IN_FLIGHT
from checkout.order import Order
from checkout.order_rows_pg import OrderRows, Rule
from checkout.payment_answer import Change, absorb, give_up, wait_on
from checkout.payment_call import call
from checkout.payments.provider import (
    PaymentRequest,
    PaymentResult,
    PaymentUnknownError,
    Pending,
    Providers,
)
from kit.batch import Batcher


def authorise_key(order_id: str) -> str:
    """Return the idempotency key under which an order's payment is asked for, and found again."""
    return f"authorise:{order_id}"


def answer_rule(answer: PaymentResult | None) -> Rule:
    """Return the rule for an answer to a submitted order; None stands for an unknown outcome."""

    def rule(order: Order) -> Change | None:
        change = wait_on(order) if answer is None else absorb(order, answer)
        if change is None or order.age_ms <= PAYMENT_DEADLINE_MS:
            return change
        if answer is None or isinstance(answer, Pending):
            return give_up(change.order, reason="payment_timeout")
        return change

    return rule


class Authoriser:
    """Asks providers for the money of submitted orders.

    Args:
        on_change: called after answers were written, to wake the next stages.
    """

    def __init__(self, rows: OrderRows, providers: Providers, *, on_change: Callable[[], None] = lambda: None) -> None:
        self._rows = rows
        self._providers = providers
        self._on_change = on_change
        # Every order in flight waits in here at most twice.
        self._answers: Batcher[tuple[str, Rule], Order | None] = Batcher(
            rows.change, max_batch=ANSWERS_MAX_ORDERS, max_queued=2 * PAYMENTS_IN_FLIGHT
        )

    async def take(self, limit: int) -> list[Order]:
        """Take due submitted orders."""
        return await self._rows.take("authorise", limit)

    async def handle(self, order: Order) -> None:
        """Ask for one order's money and write down the answer."""
        try:
            answer = await self._ask(order)
        except PaymentUnknownError:
            answer = None
        await self._answers.submit((order.order_id, answer_rule(answer)))
        self._on_change()

    async def close(self) -> None:
        """Wait until answers that came are written."""
        await self._answers.close()

    async def _ask(self, order: Order) -> PaymentResult:
        provider = self._providers.of_order(order.provider)
        key = authorise_key(order.order_id)
        if order.attempts > 1:
            found = await call(provider.find(key))
            if found is not None:
                return found
        return await call(
            provider.authorise(
                PaymentRequest(
                    order_id=order.order_id, amount=order.amount, method=order.payment_method, idempotency_key=key
                )
            )
        )


def forget_payment(order: Order) -> Change:
    """Return the order with its payment closed and nothing reserved any more: it was voided, or never arrived."""
    closed = msgspec.structs.replace(order, authorised=order.captured, payment_open=False)
    return Change(order=closed)
