"""What a provider's answer does to an order, pure.

Answers come from the call itself, from ``find`` and from webhooks: in any order, several times, also after the end.
So they are decided against the order as it is now.
"""

from hashlib import sha256

import msgspec

from checkout.limits import PENDING_POLL_MS, backoff_ms
from checkout.news import OutboxEvent, news
from checkout.order import WITHOUT_UNITS, Order, move
from checkout.payments.provider import Authorised, Charged, Declined, PaymentAction, PaymentResult, Pending


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What has to be written.

    Attributes:
        order: the order as it shall be.
        wait_ms: from the writing on, until a worker may take it; None leaves ``due_at_ms`` as it is.
        resolve_wait_ms: the same for telling the hold book how its hold ended.
        events: what its buyer has to hear.
    """

    order: Order
    wait_ms: int | None = 0
    resolve_wait_ms: int | None = None
    events: tuple[OutboxEvent, ...] = ()


def absorb(order: Order, answer: PaymentResult) -> Change | None:
    """Return what an answer of ``authorise`` or ``find`` changes; None when it is no news.

    Money that comes for an order that has ended is written down, so that it is given back.
    """
    if _of_another_payment(order, answer):
        return None
    if isinstance(answer, Authorised | Charged):
        return _absorb_money(order, answer)
    if isinstance(answer, Declined):
        return _absorb_decline(order, answer)
    return _absorb_pending(order, answer)


def absorb_event(order: Order, answer: PaymentResult) -> Change | None:
    """Return what a webhook changes.

    An event may be old. For an order that ended without units it only raises a question: what ``find`` answers counts,
    so an event of a payment that was voided since cannot make its money appear again.
    """
    if (
        order.state in WITHOUT_UNITS
        and isinstance(answer, Authorised | Charged)
        and not _of_another_payment(order, answer)
    ):
        if order.payment_open or order.captured >= answer.amount.amount > 0:
            return None
        return Change(order=msgspec.structs.replace(order, payment_open=True, payment_id=answer.payment_id))
    return absorb(order, answer)


def hear(order: Order) -> Change | None:
    """Return what a rumour changes: the provider is asked now, unless it is being asked, and what it answers counts.

    While the payment has no id the first answer is still on its way, or lost: then the order's own lease counts.
    """
    if order.state == "submitted":
        return None if order.payment_id is None else Change(order=order)
    if order.state in WITHOUT_UNITS and not order.payment_open:
        return Change(order=msgspec.structs.replace(order, payment_open=True))
    return None


def give_up(order: Order, *, reason: str) -> Change | None:
    """Return the end of an order whose payment took too long; the payment stays open, late money goes back."""
    if order.state != "submitted":
        return None
    return decline(order, reason)


def wait_on(order: Order) -> Change | None:
    """Return the wait of an order whose payment's outcome is unknown."""
    if order.state != "submitted":
        return None
    return Change(order=order, wait_ms=backoff_ms(order.attempts))


def decline(order: Order, reason: str) -> Change:
    """Return the end of a submitted order without money."""
    declined = move(order, "declined", reason=reason)
    return Change(order=declined, events=(news(declined, "order.declined"),))


def _of_another_payment(order: Order, answer: PaymentResult) -> bool:
    return None not in (order.payment_id, answer.payment_id) and order.payment_id != answer.payment_id


def _absorb_money(order: Order, answer: Authorised | Charged) -> Change | None:
    paid = msgspec.structs.replace(
        order,
        payment_id=answer.payment_id,
        authorised=max(order.authorised, answer.amount.amount),
        captured=max(order.captured, answer.amount.amount) if isinstance(answer, Charged) else order.captured,
        payment_open=False,
    )
    if order.state == "submitted":
        if answer.amount != order.amount:
            return decline(paid, "amount_mismatch")
        return Change(order=move(paid, "authorised"))
    if order.state in WITHOUT_UNITS and order.payment_open:
        return Change(order=paid)
    return None


def _absorb_decline(order: Order, answer: Declined) -> Change | None:
    closed = msgspec.structs.replace(
        order, payment_id=answer.payment_id or order.payment_id, payment_open=False, authorised=order.captured
    )
    if order.state == "submitted":
        return decline(closed, answer.reason)
    if order.state in WITHOUT_UNITS and order.payment_open:
        return Change(order=closed)
    return None


def _absorb_pending(order: Order, answer: Pending) -> Change | None:
    if order.state == "submitted":
        # An answer that does not repeat what is to be done does not take it back.
        action = answer.action or order.next_action
        waiting = msgspec.structs.replace(order, payment_id=answer.payment_id, payment_open=True, next_action=action)
        events = () if action == order.next_action else (news(waiting, "order.action", about=_about(action)),)
        return Change(order=waiting, wait_ms=backoff_ms(order.attempts, first_ms=PENDING_POLL_MS), events=events)
    if order.state in WITHOUT_UNITS and order.payment_open and order.payment_id is None:
        return Change(order=msgspec.structs.replace(order, payment_id=answer.payment_id), wait_ms=None)
    return None


def _about(action: PaymentAction | None) -> str:
    """Return what tells one action of an order apart from another."""
    return sha256(msgspec.json.encode(action)).hexdigest()[:16]
