"""Offers: opening, watching, extending, closing, voiding."""

from typing import Annotated

import msgspec

from kit.errors import InvalidError
from kit.money import MAX_AMOUNT_MINOR, Money
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import NOT_BLANK, NOT_BLANK_SAID, Price, Sku
from live.api.limits import JSON_BODY_MAX_BYTES
from live.limits import (
    HOLD_TTL_DEFAULT_MS,
    HOLD_TTL_MAX_MS,
    HOLD_TTL_MIN_MS,
    OFFER_DURATION_DEFAULT_MS,
    OFFER_DURATION_MAX_MS,
    OFFER_DURATION_MIN_MS,
    OFFER_EXTEND_MIN_MS,
    OFFER_GRACE_DEFAULT_MS,
    OFFER_GRACE_MAX_MS,
    OFFER_MOST_UNITS,
    OFFER_PREHEAT_MAX_MS,
    OFFER_REASON_MAX_CHARS,
    PASS_ON_DEFAULT_HOLDS,
    PASS_ON_MAX_MS,
    PASS_ON_MIN_MS,
)
from live.offer import OfferTerms
from live.stage import Stage
from live.views import OfferView
from live.wire import OfferMode


class NewOffer(Request, frozen=True):
    """An offer: a price for one SKU, for a limited time and quantity.

    Attributes:
        hold_ttl_ms: how long a claimed unit is kept.
        waitlist_hold_ttl_ms: the same for a unit that came from the waiting list; as long as any hold when left out.
        mode: ``draw`` takes entries while the offer is open, one per buyer, and draws the winners after its end.
        pass_on_ms: after a draw, how long units that come back go to the next in line; two hold times when left out.
    """

    sku: Sku
    price: Price
    quantity: Annotated[int, msgspec.Meta(ge=1, le=OFFER_MOST_UNITS)]
    per_buyer_limit: Annotated[int, msgspec.Meta(ge=1, le=OFFER_MOST_UNITS)] = 1
    preheat_ms: Annotated[int, msgspec.Meta(ge=0, le=OFFER_PREHEAT_MAX_MS)] = 0
    duration_ms: Annotated[int, msgspec.Meta(ge=OFFER_DURATION_MIN_MS, le=OFFER_DURATION_MAX_MS)] = (
        OFFER_DURATION_DEFAULT_MS
    )
    hold_ttl_ms: Annotated[int, msgspec.Meta(ge=HOLD_TTL_MIN_MS, le=HOLD_TTL_MAX_MS)] = HOLD_TTL_DEFAULT_MS
    waitlist_hold_ttl_ms: Annotated[int, msgspec.Meta(ge=HOLD_TTL_MIN_MS, le=HOLD_TTL_MAX_MS)] | None = None
    grace_ms: Annotated[int, msgspec.Meta(ge=0, le=OFFER_GRACE_MAX_MS)] = OFFER_GRACE_DEFAULT_MS
    mode: OfferMode = "first_come"
    pass_on_ms: Annotated[int, msgspec.Meta(ge=PASS_ON_MIN_MS, le=PASS_ON_MAX_MS)] | None = None


class Extension(Request, frozen=True):
    """How much longer the offer runs."""

    extend_ms: Annotated[int, msgspec.Meta(ge=OFFER_EXTEND_MIN_MS, le=OFFER_DURATION_MAX_MS)]


class Voiding(Request, frozen=True):
    """Why the offer is withdrawn; viewers see it."""

    reason: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=OFFER_REASON_MAX_CHARS, pattern=NOT_BLANK, description=NOT_BLANK_SAID),
    ]


class OfferEndpoints:
    """The calls about offers."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "offers",
                "open_offer",
                "POST",
                "/v1/shows/{id}/offers",
                "Open an offer; its units are set aside at once",
                roles=STAFF,
                scope="show",
                body=NewOffer,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=OfferView,
                status=201,
                handle=self._open,
            ),
            endpoint(
                "offers",
                "get_offer",
                "GET",
                "/v1/offers/{id}",
                "An offer with its state and its stock",
                roles=None,
                body=Empty,
                query=Empty,
                answer=OfferView,
                handle=self._get,
            ),
            endpoint(
                "offers",
                "extend_offer",
                "POST",
                "/v1/offers/{id}/extend",
                "Let an offer end later",
                roles=STAFF,
                scope="handler",
                body=Extension,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=OfferView,
                handle=self._extend,
            ),
            endpoint(
                "offers",
                "close_offer",
                "POST",
                "/v1/offers/{id}/close",
                "End an offer now; holds stay good",
                roles=STAFF,
                scope="handler",
                body=Empty,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=OfferView,
                handle=self._close,
            ),
            endpoint(
                "offers",
                "void_offer",
                "POST",
                "/v1/offers/{id}/void",
                "Withdraw an offer; its holds are released",
                roles=STAFF,
                scope="handler",
                body=Voiding,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=OfferView,
                handle=self._void,
            ),
        ]

    async def _open(self, call: Call[NewOffer, Empty]) -> OfferView:
        asked = call.body
        if asked.per_buyer_limit > asked.quantity:
            raise InvalidError(f"per_buyer_limit must be 1 to the quantity, {asked.quantity}", field="per_buyer_limit")
        if asked.mode == "draw" and asked.per_buyer_limit != 1:
            raise InvalidError("per_buyer_limit must be 1 in a draw", field="per_buyer_limit")
        if asked.mode != "draw" and asked.pass_on_ms is not None:
            raise InvalidError("pass_on_ms is for a draw", field="pass_on_ms")
        show = await self._stage.show(call.id)
        if asked.price.currency != show.currency:
            raise InvalidError(
                f"price.currency must be {show.currency}, the currency of the show", field="price.currency"
            )
        if asked.price.amount * asked.quantity > MAX_AMOUNT_MINOR:
            raise InvalidError(f"price.amount times quantity must be at most {MAX_AMOUNT_MINOR}", field="price.amount")
        waitlist_hold_ttl_ms = asked.waitlist_hold_ttl_ms or asked.hold_ttl_ms
        terms = OfferTerms(
            sku=asked.sku,
            price=Money(asked.price.amount, asked.price.currency),
            quantity=asked.quantity,
            per_buyer_limit=asked.per_buyer_limit,
            preheat_ms=asked.preheat_ms,
            duration_ms=asked.duration_ms,
            hold_ttl_ms=asked.hold_ttl_ms,
            waitlist_hold_ttl_ms=waitlist_hold_ttl_ms,
            grace_ms=asked.grace_ms,
            mode=asked.mode,
            pass_on_ms=0 if asked.mode != "draw" else asked.pass_on_ms or PASS_ON_DEFAULT_HOLDS * waitlist_hold_ttl_ms,
        )
        return await self._stage.open_offer(call.id, terms, offer_id=call.new_id("offer"))

    async def _get(self, call: Call[Empty, Empty]) -> OfferView:
        return await self._stage.offer(call.id)

    async def _extend(self, call: Call[Extension, Empty]) -> OfferView:
        await self._check_show(call)
        return await self._stage.extend_offer(call.id, call.body.extend_ms, command=call.asked.seed)

    async def _close(self, call: Call[Empty, Empty]) -> OfferView:
        await self._check_show(call)
        return await self._stage.close_offer(call.id, command=call.asked.seed)

    async def _void(self, call: Call[Voiding, Empty]) -> OfferView:
        await self._check_show(call)
        return await self._stage.void_offer(call.id, call.body.reason, command=call.asked.seed)

    async def _check_show(self, call: Call[Extension, Empty] | Call[Empty, Empty] | Call[Voiding, Empty]) -> None:
        if call.identity.show_id is not None:
            call.require_show((await self._stage.offer(call.id)).show_id)
