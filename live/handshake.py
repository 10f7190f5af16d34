"""What the gateway answers to an HTTP request before it becomes a WebSocket, pure."""

import re
from collections.abc import Sequence
from typing import Final

from kit.ids import ULID_PATTERN
from live.wire import JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL

_LIVE_PATH: Final = re.compile(rf"/v1/shows/(show_{ULID_PATTERN})/live")


def show_of(path: str) -> str | None:
    """Return the show that a request path names, or None when it is not a viewer's path."""
    found = _LIVE_PATH.fullmatch(path.partition("?")[0])
    return None if found is None else found.group(1)


def origin_allowed(origin: str | None, allowed: frozenset[str]) -> bool:
    """Tell whether a browser page of this origin may connect; programs send no origin and may."""
    return origin is None or origin in allowed


def choose_subprotocol(offered: Sequence[str]) -> str | None:
    """Return the first subprotocol that both sides know; None when the client offered none of ours."""
    return next((one for one in offered if one in (JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL)), None)
