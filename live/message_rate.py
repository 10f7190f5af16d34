"""How many messages a viewer may send, pure: a bucket that refills."""

from live.limits import VIEWER_MESSAGES_BURST, VIEWER_MESSAGES_PER_S


class MessageRate:
    """One viewer's bucket: ``VIEWER_MESSAGES_BURST`` at once, ``VIEWER_MESSAGES_PER_S`` for long.

    Args:
        now: seconds of the event loop's clock.
    """

    __slots__ = ("_filled_at", "_left")

    def __init__(self, now: float) -> None:
        self._left = VIEWER_MESSAGES_BURST
        self._filled_at = now

    def allows(self, now: float) -> bool:
        """Take one message out of the bucket; False when it is empty."""
        refilled = self._left + (now - self._filled_at) * VIEWER_MESSAGES_PER_S
        self._left = min(VIEWER_MESSAGES_BURST, refilled)
        self._filled_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
