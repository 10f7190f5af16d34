"""Why the gateway closes a connection. The range says what to do: 1012 and 4000 to 4499 come back, 4500 up do not."""

from enum import IntEnum
from typing import Final


class CloseCode(IntEnum):
    """A WebSocket close code of ours."""

    SERVICE_RESTART = 1012
    """The gateway restarts; come back within the window of the ``goodbye``."""
    SHUTDOWN = 4000
    """Reserved, not sent today: the gateway goes away for good; another one serves the show."""
    SLOW = 4001
    """Reserved, not sent today: a viewer who reads too slowly is cut without a close frame, sees 1006, and resumes."""
    STATE_LOST = 4002
    """The gateway cannot tell what this viewer missed; come back for a snapshot."""
    NO_HEARTBEAT = 4003
    """Nothing was heard from the viewer for too long."""
    OVERLOAD = 4004
    """Too many messages or viewers; come back later."""
    BAD_TOKEN = 4500
    """The token is expired, forged or malformed: get another one first."""
    BAD_MESSAGE = 4501
    """A message that the protocol does not know; a bug in the client."""
    FORBIDDEN = 4502
    """The token is for another show."""
    UNKNOWN_SHOW = 4503
    """There is no such show."""
    REPLACED = 4504
    """Reserved, not sent today: another connection took this one's place."""


STAY_AWAY_FIRST: Final = 4500
STAY_AWAY_LAST: Final = 4999


def may_reconnect(code: int) -> bool:
    """Tell whether a client should come back after a close: only 4500 to 4999 say "do not"."""
    return not STAY_AWAY_FIRST <= code <= STAY_AWAY_LAST
