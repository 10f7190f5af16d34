"""What a viewer who does not read fast enough is still sent, pure.

While less than ``WRITE_SOFT_BYTES`` wait, everything. Above it the log's events only: state that is left out is told
again, as it is then, when the viewer has caught up. A viewer who leaves more unread than allowed, or stays above the
soft limit for ``WRITE_BEHIND_MOST_S``, is cut; it comes back and resumes by its position.
"""

from live.limits import WRITE_HARD_BYTES, WRITE_SOFT_BYTES


class Backlog:
    """The bytes of one viewer that the socket did not take; made when there are some, dropped when there are none.

    Args:
        allowed_bytes: how many may wait.
        most_s: how long more than the soft limit may wait, in seconds.

    Attributes:
        missed_state: whether state was left out.
        overdue_at: seconds of the loop's clock until which more than the soft limit may wait; None while it does not.
    """

    __slots__ = ("_allowed_bytes", "_most_s", "missed_state", "overdue_at")

    def __init__(self, allowed_bytes: int, most_s: float) -> None:
        self._allowed_bytes = allowed_bytes
        self._most_s = most_s
        self.missed_state = False
        self.overdue_at: float | None = None

    def welcomed(self, unread: int, now: float) -> None:
        """The welcome was the last that may be large: from here on the hard limit counts, on top of what is unread."""
        self._allowed_bytes = unread + WRITE_HARD_BYTES
        self._note(unread, now)

    def takes(self, unread: int, more: int) -> bool:
        """Tell whether so many bytes more may wait."""
        return unread + more <= self._allowed_bytes

    def choose(self, unread: int, data: bytes, log: bytes, now: float) -> bytes:
        """Return what the viewer is sent of ``data``, whose log events are ``log``."""
        self._note(unread, now)
        if self.overdue_at is None:
            return data
        self.missed_state = self.missed_state or len(log) != len(data)
        return log

    def overdue(self, unread: int, now: float) -> bool:
        """Tell whether the viewer was given enough time; one that is below the soft limit begins anew."""
        self._note(unread, now)
        return self.overdue_at is not None and now >= self.overdue_at

    def _note(self, unread: int, now: float) -> None:
        if unread <= WRITE_SOFT_BYTES:
            self.overdue_at = None
        elif self.overdue_at is None:
            self.overdue_at = now + self._most_s
