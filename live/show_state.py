"""What viewers know of a show, pure: a snapshot, and how each event of the log changes it.

The rule that everything else leans on: *an old snapshot plus the events since equals a fresh snapshot*. Stock counts
and the number of viewers are not events; they ride on the snapshot as the values last read.
"""

from typing import assert_never

from msgspec.structs import asdict, replace

from live.wire import (
    LogEvents,
    OfferCard,
    OfferDrawn,
    OfferEnded,
    OfferExtended,
    OfferOpened,
    OfferScheduled,
    OfferSnapshot,
    OfferState,
    OfferVoided,
    ProductSpotlight,
    ShowEnded,
    ShowPaused,
    ShowResumed,
    ShowStarted,
    ShowState,
    Snapshot,
)


def apply(snapshot: Snapshot, event: LogEvents) -> Snapshot:
    """Return the snapshot after one event."""
    match event:
        case ShowStarted() | ShowResumed():
            return _show(snapshot, "live")
        case ShowPaused():
            return _show(snapshot, "paused")
        case ShowEnded():
            return _show(snapshot, "ended")
        case ProductSpotlight(products=products):
            return replace(snapshot, spotlight=products)
        case OfferScheduled(offer=offer):
            return _offer(snapshot, offer, "preheat")
        case OfferOpened(offer=offer) | OfferExtended(offer=offer):
            return _offer(snapshot, offer, "open" if isinstance(event, OfferOpened) else None)
        case OfferEnded(offer=offer):
            return _offer(snapshot, offer, "ended")
        case OfferVoided(offer=offer):
            return _offer(snapshot, offer, "voided")
        case OfferDrawn(offer=offer, seed=seed):
            return _offer(snapshot, offer, None, seed=seed)
        case _:
            assert_never(event)


def with_stock(snapshot: Snapshot, offer_id: str, *, available: int, held: int, sold: int) -> Snapshot:
    """Return the snapshot with an offer's counts as they were last read."""
    offers = [
        replace(one, available=available, held=held, sold=sold) if one.offer_id == offer_id else one
        for one in snapshot.offers
    ]
    return replace(snapshot, offers=offers)


def _show(snapshot: Snapshot, state: ShowState) -> Snapshot:
    return replace(snapshot, show=replace(snapshot.show, state=state))


def _offer(snapshot: Snapshot, card: OfferCard, state: OfferState | None, *, seed: str | None = None) -> Snapshot:
    """Put the offer's newest card in its place; ``state`` and ``seed`` None keep what it has."""
    terms = asdict(card)
    known = next((one for one in snapshot.offers if one.offer_id == card.offer_id), None)
    if known is None:
        fresh = OfferSnapshot(**terms, state=state or "preheat", available=card.quantity, seed=seed)
        return replace(snapshot, offers=[*snapshot.offers, fresh])
    changed = replace(known, **terms, state=state or known.state, seed=seed or known.seed)
    return replace(snapshot, offers=[changed if one is known else one for one in snapshot.offers])
