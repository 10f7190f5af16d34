"""A show's life, pure: ``scheduled → live → paused → live → ended``."""

from typing import Final, Literal

from kit.errors import ConflictError
from live.wire import ShowState

ShowAction = Literal["start", "pause", "resume", "end"]

_MOVES: Final[dict[ShowAction, dict[ShowState, ShowState]]] = {
    "start": {"scheduled": "live"},
    "pause": {"live": "paused"},
    "resume": {"paused": "live"},
    "end": {"scheduled": "ended", "live": "ended", "paused": "ended"},
}

ON_AIR: Final[frozenset[ShowState]] = frozenset({"live", "paused"})
"""States in which the host may pin products and open offers."""


def next_state(state: ShowState, action: ShowAction) -> ShowState:
    """Return the state after an action.

    Raises:
        ConflictError: ``illegal_transition`` - the action does not fit the state; both are named.
    """
    after = _MOVES[action].get(state)
    if after is None:
        fitting = ", ".join(sorted(_MOVES[action]))
        raise ConflictError(
            f"cannot {action} a show that is {state}; it has to be {fitting}",
            code="illegal_transition",
            details={"state": state, "action": action},
        )
    return after


def require_on_air(state: ShowState, what: str) -> None:
    """Refuse what only makes sense while the show is on.

    Raises:
        ConflictError: ``show_not_live``.
    """
    if state not in ON_AIR:
        raise ConflictError(
            f"the show is {state}; start it before you {what}", code="show_not_live", details={"state": state}
        )
