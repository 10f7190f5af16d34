from functools import reduce
from typing import Literal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kit.money import Money
from live import wire
from live.show_state import apply, with_stock
from tests.unit.live.live_strategies import empty_snapshot, events

END: dict[type[wire.LogEvent], Literal["preheat", "open", "ended", "voided"]] = {
    wire.OfferScheduled: "preheat",
    wire.OfferOpened: "open",
    wire.OfferEnded: "ended",
    wire.OfferVoided: "voided",
}


def told(history: list[wire.LogEvents]) -> wire.Snapshot:
    """Say what a show is after a history, looking at each thing by itself instead of step by step."""
    state: wire.ShowState = "scheduled"
    spotlight: list[wire.ProductCard] = []
    offers: dict[str, wire.OfferSnapshot] = {}
    for event in history:
        match event:
            case wire.ShowStarted() | wire.ShowResumed():
                state = "live"
            case wire.ShowPaused():
                state = "paused"
            case wire.ShowEnded():
                state = "ended"
            case wire.ProductSpotlight():
                spotlight = event.products
            case _:
                card = event.offer
                known = offers.get(card.offer_id)
                before = "preheat" if known is None else known.state
                offers[card.offer_id] = wire.OfferSnapshot(
                    **msgspec.structs.asdict(card),
                    state=END.get(type(event), before),
                    available=card.quantity if known is None else known.available,
                    seed=event.seed if isinstance(event, wire.OfferDrawn) else None if known is None else known.seed,
                )
    empty = empty_snapshot()
    show = msgspec.structs.replace(empty.show, state=state)
    return wire.Snapshot(show=show, spotlight=spotlight, offers=list(offers.values()))


@given(st.lists(events, max_size=30))
def test_a_history_told_step_by_step_is_the_history_told_at_once(history: list[wire.LogEvents]) -> None:
    assert reduce(apply, history, empty_snapshot()) == told(history)


@given(st.lists(events, max_size=20), st.integers(0, 20))
def test_an_old_snapshot_and_the_events_since_equal_a_fresh_snapshot(history: list[wire.LogEvents], at: int) -> None:
    fresh = reduce(apply, history, empty_snapshot())
    old = reduce(apply, history[:at], empty_snapshot())
    # Over the wire and back, as a viewer has it.
    over_the_wire = msgspec.json.decode(msgspec.json.encode(old), type=wire.Snapshot)
    assert reduce(apply, history[at:], over_the_wire) == fresh


@given(st.lists(events, min_size=1, max_size=10))
def test_the_last_event_again_changes_nothing(history: list[wire.LogEvents]) -> None:
    once = reduce(apply, history, empty_snapshot())
    assert apply(once, history[-1]) == once


def test_counts_change_one_offer_and_events_leave_them_alone() -> None:
    card = wire.OfferCard(
        offer_id="offer_1",
        sku="MUG",
        product_id="prod_1",
        title="Mug",
        price=Money(5, "EUR"),
        quantity=9,
        per_buyer_limit=1,
        starts_at_ms=1,
        ends_at_ms=2,
        hold_ttl_ms=3,
    )
    other = msgspec.structs.replace(card, offer_id="offer_2")
    state = apply(apply(empty_snapshot(), wire.OfferOpened(seq=1, offer=card)), wire.OfferOpened(seq=2, offer=other))
    counted = with_stock(state, "offer_1", available=4, held=3, sold=2)
    assert [(one.available, one.held, one.sold) for one in counted.offers] == [(4, 3, 2), (9, 0, 0)]
    ended = apply(counted, wire.OfferEnded(seq=3, offer=card))
    assert (ended.offers[0].state, ended.offers[0].held) == ("ended", 3)
