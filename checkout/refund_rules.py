"""What a refund may do to an order, pure."""

from typing import ClassVar, Literal

import msgspec

from checkout.limits import REFUND_MAX_REFUSALS
from checkout.news import news
from checkout.order import WITHOUT_UNITS, Order, OrderState, move
from checkout.payment_answer import Change
from inventory.stock import Movement, restock
from kit.errors import ConflictError, InvalidError
from kit.money import Money

EndState = Literal["refunded", "declined", "cancelled", "unfulfillable"]
RefundState = Literal["pending", "done", "failed"]


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A wish of staff to give money back.

    Attributes:
        refund_id: made by the caller; the same one refunds once.
        amount: None for all that is left.
        restock: whether the units are for sale again. It counts when this refund gives back the last of the money;
            a part never moves stock.
        end_state: what the order becomes when all its money is back.
    """

    refund_id: str
    order_id: str
    amount: Money | None
    reason: str
    restock: bool
    end_state: EndState = "refunded"


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as Postgres has it."""

    refund_id: str
    order_id: str
    provider: str
    payment_id: str
    amount: Money
    reason: str
    restock: bool
    end_state: EndState
    state: RefundState
    attempts: int


class CaptureInProgressError(ConflictError):
    """The order's money is being taken right now; a moment later the same call succeeds."""

    default_code = "capture_in_progress"
    temporary: ClassVar[bool] = True


class RefundInProgressError(ConflictError):
    """All of the order's money is on its way back already."""

    default_code = "refund_in_progress"
    temporary: ClassVar[bool] = True


def amount_to_refund(order: Order, wanted: Money | None) -> int:
    """Return how many minor units a refund of ``wanted`` gives back.

    Raises:
        ConflictError: ``not_captured``, or ``refund_exceeds_capture`` when less is left.
        InvalidError: the amount is not positive, or of another currency.
    """
    if order.state not in {"captured", "refunded"}:
        raise ConflictError(
            f"the order is {order.state}; only a captured one can be refunded",
            code="not_captured",
            details={"state": order.state},
        )
    if wanted is not None and wanted.currency != order.amount.currency:
        raise InvalidError(f"the order is in {order.amount.currency}", field="amount")
    if wanted is not None and wanted.amount <= 0:
        raise InvalidError("the amount must be more than zero", field="amount")
    amount = order.refundable if wanted is None else wanted.amount
    if not 0 < amount <= order.refundable:
        raise ConflictError(
            f"{max(order.refundable, 0)} minor units are left to refund",
            code="refund_exceeds_capture",
            details={"field": "amount", "refundable": order.refundable},
        )
    return amount


def same_refund(refund: Refund, request: RefundRequest) -> bool:
    """Tell whether a request repeats a refund that is there."""
    same_amount = request.amount is None or request.amount == refund.amount
    return refund.order_id == request.order_id and refund.end_state == request.end_state and same_amount


def reserve(order: Order, amount: int) -> Change:
    """Return the order with a refund under way."""
    reserved = msgspec.structs.replace(order, refund_reserved=order.refund_reserved + amount)
    return Change(order=reserved, wait_ms=None)


def finish(order: Order, refund: Refund, decisive: Refund) -> tuple[Change, list[Movement]]:
    """Return what a refund that the provider made changes.

    Args:
        order: as it is now.
        refund: the one that was made.
        decisive: the one that says what becomes of the order when all its money is back.
    """
    amount = refund.amount.amount
    after = msgspec.structs.replace(
        order, refunded=order.refunded + amount, refund_reserved=order.refund_reserved - amount
    )
    movements: list[Movement] = []
    if after.state == "captured" and after.refunded == after.captured:
        state: OrderState = decisive.end_state
        after = move(after, state, reason=decisive.reason)
        movements = restocked(after, wanted=decisive.restock)
    event = news(after, "order.refunded", about=refund.refund_id)
    return Change(order=after, wait_ms=None, events=(event,)), movements


def restocked(order: Order, *, wanted: bool) -> list[Movement]:
    """Return the movement that brings an ended order's units back to the general stock, if it had any."""
    if not wanted or order.hold_outcome != "sold":
        return []
    return [
        restock(order.sku, order.quantity, pool_id=order.pool_id, order_id=order.order_id, reason=order.reason or "")
    ]


def release(order: Order, refund: Refund) -> Change:
    """Return the order without the reservation of a refund that failed."""
    freed = msgspec.structs.replace(order, refund_reserved=order.refund_reserved - refund.amount.amount)
    return Change(order=freed, wait_ms=None)


def has_failed(order: Order, refund: Refund) -> bool:
    """Tell whether a refund that was refused once more ends here.

    Money of an order that never got its units has to go back: that is tried for ever.
    """
    return refund.attempts >= REFUND_MAX_REFUSALS and order.state not in WITHOUT_UNITS


def cancel_unpaid(order: Order, reason: str) -> Change:
    """Return the cancelled order of one that was not confirmed yet; its money goes back by itself.

    While the provider is being asked, the lease stays: the answer must come in before the money can be looked for.
    """
    cancelled = move(order, "cancelled", reason=reason)
    return Change(order=cancelled, wait_ms=None if order.payment_open else 0)
