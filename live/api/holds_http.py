"""Holds, for buyers who are not on a WebSocket: paying for one, giving one back, keeping one longer."""

from typing import Annotated

import msgspec

from inventory.holds import Hold, HoldStatus
from kit.errors import ConflictError
from kit.money import Money
from live.api.endpoint import VIEWER, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import NO_BLANKS
from live.api.limits import JSON_BODY_MAX_BYTES, PAYMENT_METHOD_MAX_CHARS
from live.limits import OFFER_MOST_UNITS
from live.purchases import Purchases


class HoldCheckout(Request, frozen=True):
    """How the buyer pays, and where the parcel goes."""

    payment_method: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=PAYMENT_METHOD_MAX_CHARS,
            pattern=NO_BLANKS,
            description="a payment method such as pm_test_ok, without blanks",
        ),
    ]
    shipping: dict[str, object] | None = None


class HoldRelease(Request, frozen=True):
    """How many units the buyer keeps; the others are given back. Repeating it changes nothing."""

    keep: Annotated[int, msgspec.Meta(ge=0, le=OFFER_MOST_UNITS)] = 0


class HoldExtension(Request, frozen=True):
    """Which extension of this hold it is, from 1. Repeating it changes nothing."""

    extension: Annotated[int, msgspec.Meta(ge=1)] = 1


class CheckoutAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The order is safe; payment is under way."""

    order_id: str
    hold_id: str
    state: str
    amount: Money


class HoldAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A buyer's hold as it is now; ``extensions``: how often its buyer got more time."""

    hold_id: str
    offer_id: str
    claim_id: str
    quantity: int
    expires_at_ms: int
    state: HoldStatus
    extensions: int


class HoldEndpoints:
    """The calls about a buyer's own holds; the buyer is the bearer."""

    def __init__(self, purchases: Purchases) -> None:
        self._purchases = purchases

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "holds",
                "checkout_hold",
                "POST",
                "/v1/holds/{id}/checkout",
                "Pay for a hold",
                roles=VIEWER,
                # A hold was claimed with a token that was good for its show, and is found for its own buyer only.
                scope="handler",
                body=HoldCheckout,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=CheckoutAnswer,
                status=202,
                handle=self._checkout,
            ),
            endpoint(
                "holds",
                "release_hold",
                "POST",
                "/v1/holds/{id}/release",
                "Give a hold back, or a part of its units",
                roles=VIEWER,
                scope="handler",
                body=HoldRelease,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=HoldAnswer,
                handle=self._release,
            ),
            endpoint(
                "holds",
                "extend_hold",
                "POST",
                "/v1/holds/{id}/extend",
                "Ask for more time to pay",
                roles=VIEWER,
                scope="handler",
                body=HoldExtension,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=HoldAnswer,
                handle=self._extend,
            ),
        ]

    async def _checkout(self, call: Call[HoldCheckout, Empty]) -> CheckoutAnswer:
        body = call.body
        order, _ = await self._purchases.checkout(call.id, call.identity.subject, body.payment_method, body.shipping)
        return CheckoutAnswer(order_id=order.order_id, hold_id=order.hold_id, state=order.state, amount=order.amount)

    async def _release(self, call: Call[HoldRelease, Empty]) -> HoldAnswer:
        hold, _ = await self._purchases.release(call.id, call.identity.subject, keep=call.body.keep)
        # Whoever wants nothing has nothing, whichever end came first; whoever wants to keep some is not served.
        return _live(hold) if call.body.keep else _answer(hold)

    async def _extend(self, call: Call[HoldExtension, Empty]) -> HoldAnswer:
        hold, _ = await self._purchases.extend(call.id, call.identity.subject, extension=call.body.extension)
        return _live(hold)


def _live(hold: Hold) -> HoldAnswer:
    if hold.status != "held":
        raise ConflictError(f"the hold is {hold.status}", code=f"hold_{hold.status}", details={"state": hold.status})
    return _answer(hold)


def _answer(hold: Hold) -> HoldAnswer:
    return HoldAnswer(
        hold_id=hold.hold_id,
        offer_id=hold.pool_id,
        claim_id=hold.claim_id,
        quantity=hold.quantity,
        expires_at_ms=hold.expires_at_ms,
        state=hold.status,
        extensions=hold.extensions,
    )
