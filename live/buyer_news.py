"""What a buyer is told, pure: an order, or what happened to a hold, as the wire's message."""

import msgspec

from checkout.news import OutboxEvent
from checkout.order import Order
from checkout.payments.provider import PaymentAction
from inventory.holds import Hold, HoldNews
from live import wire


def order_state(order: Order) -> wire.BuyerEvents:
    """Return the message that tells how an order stands."""
    order_id, hold_id, amount = order.order_id, order.hold_id, order.amount
    match order.state:
        case "submitted" if order.next_action is not None:
            return wire.OrderAction(
                order_id=order_id, hold_id=hold_id, amount=amount, action=action_of(order.next_action)
            )
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


def order_message(news: OutboxEvent) -> wire.BuyerEvents:
    """Return the message that tells a piece of news about an order.

    Raises:
        ValueError: it is not for buyers.
    """
    order_id, hold_id, amount = news.order_id, news.hold_id, news.amount
    match news.kind:
        case "order.action" if news.action is not None:
            return wire.OrderAction(order_id=order_id, hold_id=hold_id, amount=amount, action=action_of(news.action))
        case "order.confirmed":
            return wire.OrderConfirmed(order_id=order_id, hold_id=hold_id, amount=amount)
        case "order.declined" | "order.cancelled":
            return wire.OrderDeclined(order_id=order_id, hold_id=hold_id, amount=amount)
        case "order.refunded":
            return wire.OrderRefunded(order_id=order_id, hold_id=hold_id, amount=amount)
        case "order.unfulfillable":
            return wire.OrderUnfulfillable(order_id=order_id, hold_id=hold_id, amount=amount)
        case _:
            raise ValueError(f"no buyer is told {news.kind}")


def action_of(action: PaymentAction) -> wire.Action:
    """Return what the buyer has to do as the wire has it."""
    return wire.Action(kind=action.kind, url=action.url, data=action.data, expires_at_ms=action.expires_at_ms)


def hold_message(news: HoldNews) -> wire.HoldPromoted | wire.HoldExpired | wire.HoldReleased:
    """Return the message that tells what happened to a hold."""
    match news.what:
        case "promoted":
            return wire.HoldPromoted(
                hold_id=news.hold_id,
                offer_id=news.pool_id,
                quantity=news.quantity,
                expires_at_ms=news.expires_at_ms,
            )
        case "expired":
            return wire.HoldExpired(hold_id=news.hold_id, offer_id=news.pool_id)
        case "released":
            return wire.HoldReleased(hold_id=news.hold_id, offer_id=news.pool_id)


def changed_message(hold: Hold) -> wire.HoldChanged:
    """Return the message that tells how a live hold is now."""
    return wire.HoldChanged(
        hold_id=hold.hold_id,
        offer_id=hold.pool_id,
        quantity=hold.quantity,
        expires_at_ms=hold.expires_at_ms,
        extensions=hold.extensions,
    )
