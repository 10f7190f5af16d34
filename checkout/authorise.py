"""The stage ``submitted → authorised | declined``: is there money?

An order that was asked for before is never authorised again until ``find`` said that the first request did not arrive.
"""

import time
from collections.abc import Callable

import msgspec

from checkout.limits import ANSWERS_MAX_ORDERS, NOT_ASKED_WAIT_MS, PAYMENT_DEADLINE_MS, PAYMENTS_IN_FLIGHT
from checkout.order import LATE_PAYMENT, WITHOUT_UNITS, Order, log_ids
from checkout.order_rows_pg import OrderRows, Rule
from checkout.payment_answer import Change, absorb, give_up, wait_on
from checkout.payment_call import call
from checkout.payments.provider import (
    PaymentNotAskedError,
    PaymentRequest,
    PaymentResult,
    PaymentUnknownError,
    Pending,
    Providers,
)
from kit.batch import Batcher
from kit.metrics import Spread
from kit.traces import NO_TRACES, Traces


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
            return give_up(change.order, reason=LATE_PAYMENT)
        return change

    return rule


def not_asked(order: Order) -> Change | None:
    """Return the order for which nobody was asked: it was not tried, and waits a moment for its turn."""
    if order.state != "submitted":
        return None
    untried = msgspec.structs.replace(order, attempts=max(order.attempts - 1, 0))
    if order.age_ms > PAYMENT_DEADLINE_MS:
        return give_up(untried, reason=LATE_PAYMENT)
    return Change(order=untried, wait_ms=NOT_ASKED_WAIT_MS)


class Authoriser:
    """Asks providers for the money of submitted orders.

    Args:
        on_change: called with an order after its answer was written, to wake the next stages.
        sizes: where it is counted how many answers are written at once.
        traces: told of every try.
    """

    def __init__(
        self,
        rows: OrderRows,
        providers: Providers,
        *,
        on_change: Callable[[Order], None] = lambda _order: None,
        sizes: Spread | None = None,
        traces: Traces = NO_TRACES,
    ) -> None:
        self._traces = traces
        self._rows = rows
        self._providers = providers
        self._on_change = on_change
        # Every order in flight waits in here at most twice.
        self._answers: Batcher[tuple[str, Rule], Order | None] = Batcher(
            rows.change, max_batch=ANSWERS_MAX_ORDERS, max_queued=2 * PAYMENTS_IN_FLIGHT, sizes=sizes
        )

    async def take(self, limit: int) -> list[Order]:
        """Take due submitted orders."""
        return await self._rows.take("authorise", limit)

    async def handle(self, order: Order) -> None:
        """Ask for one order's money and write down the answer."""
        began_ns = time.time_ns()
        try:
            rule = answer_rule(await self._ask(order))
        except PaymentNotAskedError:
            rule = not_asked
        except PaymentUnknownError:
            rule = answer_rule(None)
        after = await self._answers.submit((order.order_id, _in_time(order, rule)))
        state = order.state if after is None else after.state
        self._traces.span("authorise", order.hold_id, began_ns, state=state, **log_ids(order))
        if after is not None:
            self._on_change(after)

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
                    order_id=order.order_id,
                    amount=order.amount,
                    method=order.payment_method,
                    idempotency_key=key,
                    shipping=order.shipping,
                )
            )
        )


def _in_time(taken: Order, rule: Rule) -> Rule:
    """Return the rule for an answer that may come when the order is not ours any more.

    A webhook lets two ask for one order. When it has ended by the first one's answer, its payment is open, and whoever
    gives money back asks for it under a lease of their own: the second answer would tell of a moment before that.
    """

    def in_time(now: Order) -> Change | None:
        is_over = now.state in WITHOUT_UNITS and now.due_at_ms != taken.due_at_ms
        return None if is_over else rule(now)

    return in_time
