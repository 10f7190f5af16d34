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


class ReturnedLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one SKU that a buyer gives back; at least one."""

    sku: str
    quantity: int


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A wish of staff to give money back.

    Attributes:
        refund_id: made by the caller; the same one refunds once.
        amount: None for the price of the ``line``'s units; without a line, for all that is left.
        restock: whether the units that come back with it are for sale again.
        line: units that come back; None for none, or for all that are left when it takes the last of the money.
        end_state: what the order becomes when all its money is back.
    """

    refund_id: str
    order_id: str
    amount: Money | None
    reason: str
    restock: bool
    line: ReturnedLine | None = None
    end_state: EndState = "refunded"


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What a refund takes of an order.

    Attributes:
        amount: minor units.
        quantity: units that come back with it.
    """

    amount: int
    quantity: int


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as Postgres has it.

    Attributes:
        quantity: units that come back with it. None for one that was written before units were counted: then all that
            are left come back with the last of the money.
    """

    refund_id: str
    order_id: str
    provider: str
    payment_id: str
    amount: Money
    quantity: int | None
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


def share_to_refund(order: Order, request: RefundRequest, *, units_under_way: int) -> Share:
    """Return what a refund takes of the order.

    Args:
        order: as it is now.
        request: what is wished.
        units_under_way: units of the order's refunds that have not ended.

    Raises:
        ConflictError: ``not_captured``; ``refund_exceeds_capture`` when less money is left;
            ``return_exceeds_order`` when fewer units are.
        InvalidError: the amount is not positive, or of another currency; the line is of another SKU.
    """
    if order.state not in {"captured", "refunded"}:
        raise ConflictError(
            f"the order is {order.state}; only a captured one can be refunded",
            code="not_captured",
            details={"state": order.state},
        )
    units_left = units_to_return(order, units_under_way=units_under_way)
    line = request.line
    if line is None:
        amount = _amount_to_refund(order, request.amount)
        return Share(amount=amount, quantity=units_left if amount == order.refundable else 0)
    if line.sku != order.sku:
        raise InvalidError(f"the order is of {order.sku}", field="lines[0].sku")
    if line.quantity <= 0:
        raise InvalidError("the quantity must be more than zero", field="lines[0].quantity")
    if line.quantity > units_left:
        raise ConflictError(
            f"{units_left} units are left to return",
            code="return_exceeds_order",
            details={"field": "lines[0].quantity", "returnable": units_left},
        )
    return Share(amount=_amount_of_line(order, request.amount, line), quantity=line.quantity)


def units_to_return(order: Order, *, units_under_way: int) -> int:
    """Return how many units a further refund may bring back; none of an order that never had its units."""
    return order.quantity - order.returned_quantity - units_under_way if order.hold_outcome == "sold" else 0


def _amount_of_line(order: Order, amount: Money | None, line: ReturnedLine) -> int:
    if amount is not None:
        return _amount_to_refund(order, amount)
    price = order.amount.amount // order.quantity * line.quantity
    if price > order.refundable:
        raise ConflictError(
            f"the price of the lines is {price} minor units, and {max(order.refundable, 0)} are left to refund; "
            "give an amount with the lines, or neither for all that is left",
            code="refund_exceeds_capture",
            details={"field": "lines", "refundable": order.refundable},
        )
    return _amount_to_refund(order, Money(price, order.amount.currency))


def _amount_to_refund(order: Order, wanted: Money | None) -> int:
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
    same_units = request.line is None or request.line.quantity == refund.quantity
    same_end = refund.end_state == request.end_state
    return refund.order_id == request.order_id and same_end and same_amount and same_units


def reserve(order: Order, amount: int) -> Change:
    """Return the order with a refund under way."""
    reserved = msgspec.structs.replace(order, refund_reserved=order.refund_reserved + amount)
    return Change(order=reserved, wait_ms=None)


def finish(order: Order, refund: Refund, decisive: Refund) -> tuple[Change, list[Movement]]:
    """Return what a refund that the provider made changes.

    Args:
        order: as it is now.
        refund: the one that was made; its units come back now.
        decisive: the one that says what becomes of the order when all its money is back.
    """
    amount = refund.amount.amount
    after = msgspec.structs.replace(
        order, refunded=order.refunded + amount, refund_reserved=order.refund_reserved - amount
    )
    is_last = after.state == "captured" and after.refunded == after.captured
    movements: list[Movement] = []
    if refund.quantity is not None:
        movements = restocked(
            order, refund.quantity, refund_id=refund.refund_id, reason=refund.reason, wanted=refund.restock
        )
        after = msgspec.structs.replace(after, returned_quantity=order.returned_quantity + refund.quantity)
    elif is_last:
        after, movements = return_rest(after, reason=decisive.reason, restock=decisive.restock)
    if is_last:
        state: OrderState = decisive.end_state
        after = move(after, state, reason=decisive.reason)
    events = [news(after, "order.refunded", about=refund.refund_id)]
    if after.state == "cancelled" and order.state != "cancelled":
        events.append(news(after, "order.cancelled"))
    return Change(order=after, wait_ms=None, events=tuple(events)), movements


def return_rest(order: Order, *, reason: str, restock: bool) -> tuple[Order, list[Movement]]:
    """Return the order with all its units given back, and the movement that puts those that were left on sale."""
    units = units_to_return(order, units_under_way=0)
    after = msgspec.structs.replace(order, returned_quantity=order.returned_quantity + units)
    return after, restocked(order, units, refund_id="", reason=reason, wanted=restock)


def restocked(order: Order, units: int, *, refund_id: str, reason: str, wanted: bool) -> list[Movement]:
    """Return the movement that brings units of an order back to the general stock: one per refund.

    Args:
        order: whose units they are.
        units: how many.
        refund_id: with which they came back; empty for what is left at the end of the order.
        reason: kept with the movement.
        wanted: whether they are for sale again.
    """
    if not wanted or units == 0:
        return []
    movement = restock(order.sku, units, pool_id=order.pool_id, order_id=order.order_id, reason=reason)
    if refund_id:
        movement = msgspec.structs.replace(movement, key=f"{movement.key}:{refund_id}")
    return [movement]


def release(order: Order, refund: Refund) -> Change:
    """Return the order without the reservation of a refund that failed."""
    freed = msgspec.structs.replace(order, refund_reserved=order.refund_reserved - refund.amount.amount)
    return Change(order=freed, wait_ms=None)


def has_failed(order: Order, refusals: int) -> bool:
    """Tell whether a refund that the provider refused so often ends here.

    Money of an order that never got its units has to go back: that is tried for ever.
    """
    return refusals >= REFUND_MAX_REFUSALS and order.state not in WITHOUT_UNITS


def cancel_unpaid(order: Order, reason: str) -> Change:
    """Return the cancelled order of one that was not confirmed yet; its money goes back by itself.

    While the provider is being asked, the lease stays: the answer must come in before the money can be looked for.
    """
    cancelled = move(order, "cancelled", reason=reason)
    events = (news(cancelled, "order.cancelled"),)
    return Change(order=cancelled, wait_ms=None if order.payment_open else 0, events=events)
