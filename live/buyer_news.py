"""What a buyer is told, pure: an order or an ended hold as the wire's message."""

import msgspec

from checkout.order import Order
from inventory.holds import EndedHold
from live import wire


def order_state(order: Order) -> wire.BuyerEvents:
    """Return the message that tells how an order stands."""
    order_id, hold_id, amount = order.order_id, order.hold_id, order.amount
    match order.state:
        case "submitted" | "authorised":
            return wire.OrderSubmitted(order_id=order_id, hold_id=hold_id, amount=amount)
        case "confirmed" | "captured":
            return wire.OrderConfirmed(order_id=order_id, hold_id=hold_id, amount=amount)
        case "declined":
            return wire.OrderDeclined(order_id=order_id, hold_id=hold_id, amount=amount)
        case "unfulfillable":
            return wire.OrderUnfulfillable(order_id=order_id, hold_id=hold_id, amount=amount)
        case "refunded" | "cancelled":
            if order.refunded == 0:
                return wire.OrderDeclined(order_id=order_id, hold_id=hold_id, amount=amount)
            given_back = msgspec.structs.replace(amount, amount=order.refunded)
            return wire.OrderRefunded(order_id=order_id, hold_id=hold_id, amount=given_back)


def hold_end_of(ended: EndedHold) -> wire.HoldExpired | wire.HoldReleased | None:
    """Return the message that tells of a hold's end; None for a sale, which the order tells."""
    if ended.end == "sold":
        return None
    kind = wire.HoldExpired if ended.end == "expired" else wire.HoldReleased
    return kind(hold_id=ended.hold_id, offer_id=ended.pool_id)
