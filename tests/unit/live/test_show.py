from itertools import product
from typing import get_args

import pytest

from kit.errors import ConflictError
from live.show import ON_AIR, ShowAction, next_state, require_on_air
from live.wire import ShowState

LEGAL = {
    ("scheduled", "start"): "live",
    ("live", "pause"): "paused",
    ("paused", "resume"): "live",
    ("scheduled", "end"): "ended",
    ("live", "end"): "ended",
    ("paused", "end"): "ended",
}


@pytest.mark.parametrize(("state", "action"), [*product(get_args(ShowState), get_args(ShowAction))])
def test_a_show_moves_as_its_life_allows_and_no_other_way(state: ShowState, action: ShowAction) -> None:
    if (state, action) in LEGAL:
        assert next_state(state, action) == LEGAL[state, action]
    else:
        with pytest.raises(ConflictError) as refusal:
            next_state(state, action)
        assert refusal.value.code == "illegal_transition"
        assert refusal.value.details == {"state": state, "action": action}


@pytest.mark.parametrize("state", get_args(ShowState))
def test_products_and_offers_need_a_show_on_air(state: ShowState) -> None:
    if state in ON_AIR:
        require_on_air(state, "pin products")
    else:
        with pytest.raises(ConflictError, match="pin products"):
            require_on_air(state, "pin products")
