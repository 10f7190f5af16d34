"""The stage ``confirmed → captured``: take the money that was reserved, now that the units are the buyer's."""

import time

import msgspec

from checkout.limits import ANSWERS_MAX_ORDERS, PAYMENTS_IN_FLIGHT, backoff_ms
from checkout.news import news
from checkout.order import Order, log_ids, move
from checkout.order_rows_pg import OrderRows, Rule
from checkout.payment_answer import Change
from checkout.payment_call import call
from checkout.payments.provider import PaymentRefusedError, PaymentUnknownError, Providers
from kit.batch import Batcher
from kit.log import logger
from kit.metrics import Spread
from kit.traces import NO_TRACES, Traces

_log = logger("checkout")


def _captured(order: Order) -> Change | None:
    if order.state != "confirmed":
        return None
    captured = move(msgspec.structs.replace(order, captured=order.amount.amount), "captured")
    return Change(order=captured, events=(news(captured, "order.captured"),))


def _wait(order: Order) -> Change | None:
    if order.state != "confirmed":
        return None
    return Change(order=order, wait_ms=backoff_ms(order.attempts))


class Capturer:
    """Captures the payments of confirmed orders; money that was charged at once needs no call.

    A capture that is refused or unknown is tried again with the same key, with growing pauses and for ever: the order
    stays ``confirmed``, its ``attempts`` and the log show the trouble, and nothing is lost.

    Args:
        sizes: where it is counted how many answers are written at once.
        traces: told of every try.
    """

    def __init__(
        self, rows: OrderRows, providers: Providers, *, sizes: Spread | None = None, traces: Traces = NO_TRACES
    ) -> None:
        self._traces = traces
        self._rows = rows
        self._providers = providers
        self._answers: Batcher[tuple[str, Rule], Order | None] = Batcher(
            rows.change, max_batch=ANSWERS_MAX_ORDERS, max_queued=2 * PAYMENTS_IN_FLIGHT, sizes=sizes
        )

    async def take(self, limit: int) -> list[Order]:
        """Take due confirmed orders."""
        return await self._rows.take("capture", limit)

    async def handle(self, order: Order) -> None:
        """Capture one order's payment and write it down."""
        rule: Rule = _captured
        began_ns = time.time_ns()
        if order.captured < order.amount.amount:
            try:
                await self._capture(order)
            except PaymentUnknownError:
                rule = _wait
            except PaymentRefusedError as error:
                _log.error("capture_refused", order_id=order.order_id, attempts=order.attempts, error=error.message)
                rule = _wait
        after = await self._answers.submit((order.order_id, rule))
        state = order.state if after is None else after.state
        self._traces.span("capture", order.hold_id, began_ns, state=state, **log_ids(order))

    async def close(self) -> None:
        """Wait until captures that were made are written."""
        await self._answers.close()

    async def _capture(self, order: Order) -> None:
        provider = self._providers.of_order(order.provider)
        if order.payment_id is None:
            raise PaymentRefusedError("the order has no payment")
        await call(provider.capture(order.payment_id, order.amount, f"capture:{order.order_id}"))
