"""The stage ``confirmed → captured``: take the money that was reserved, now that the units are the buyer's."""

import msgspec

from checkout.limits import ANSWERS_MAX_ORDERS, PAYMENTS_IN_FLIGHT, backoff_ms
from checkout.news import news
from checkout.order import Order, move
from checkout.order_rows_pg import OrderRows, Rule
from checkout.payment_answer import Change
from checkout.payment_call import call
from checkout.payments.provider import PaymentRefusedError, PaymentUnknownError, Providers
from kit.batch import Batcher
from kit.log import logger

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
    """

    def __init__(self, rows: OrderRows, providers: Providers) -> None:
        self._rows = rows
        self._providers = providers
        self._answers: Batcher[tuple[str, Rule], Order | None] = Batcher(
            rows.change, max_batch=ANSWERS_MAX_ORDERS, max_queued=2 * PAYMENTS_IN_FLIGHT
        )

    async def take(self, limit: int) -> list[Order]:
        """Take due confirmed orders."""
        return await self._rows.take("capture", limit)

    async def handle(self, order: Order) -> None:
        """Capture one order's payment and write it down."""
        rule: Rule = _captured
        if order.captured < order.amount.amount:
            try:
                await self._capture(order)
            except PaymentUnknownError:
                rule = _wait
            except PaymentRefusedError as error:
                _log.error("capture_refused", order_id=order.order_id, attempts=order.attempts, error=error.message)
                rule = _wait
        await self._answers.submit((order.order_id, rule))

    async def close(self) -> None:
        """Wait until captures that were made are written."""
        await self._answers.close()

    async def _capture(self, order: Order) -> None:
        provider = self._providers.of_order(order.provider)
        if order.payment_id is None:
            raise PaymentRefusedError("the order has no payment")
        await call(provider.capture(order.payment_id, order.amount, f"capture:{order.order_id}"))
