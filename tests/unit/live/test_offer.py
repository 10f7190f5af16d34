from typing import get_args

import pytest

from kit.errors import ConflictError
from live.offer import OVER, require_running, state_at
from live.wire import OfferState


@pytest.mark.parametrize(
    ("now_ms", "state"),
    [(9, "scheduled"), (10, "preheat"), (19, "preheat"), (20, "open"), (29, "open"), (30, "ended"), (99, "ended")],
)
def test_the_clock_moves_an_offer_at_the_very_millisecond(now_ms: int, state: OfferState) -> None:
    assert state_at(now_ms, announced_at_ms=10, starts_at_ms=20, ends_at_ms=30) == state


def test_without_preheat_an_offer_opens_at_once() -> None:
    assert state_at(10, announced_at_ms=10, starts_at_ms=10, ends_at_ms=30) == "open"


@pytest.mark.parametrize("state", get_args(OfferState))
def test_what_is_over_stays_so(state: OfferState) -> None:
    if state in OVER:
        with pytest.raises(ConflictError, match=f"extend an offer that is {state}"):
            require_running(state, "extend")
    else:
        require_running(state, "extend")
