"""What a viewer who does not read fast enough is still sent, pure.

While less than ``WRITE_SOFT_BYTES`` wait, everything. Above it the log's events only: state that is left out is told
again, as it is then, when the viewer has caught up. A viewer who leaves more unread than allowed, or stays above the
soft limit for ``WRITE_BEHIND_MOST_S``, is cut; it comes back and resumes by its position.
"""

from live.limits import WRITE_BEHIND_MOST_S, WRITE_HARD_BYTES, WRITE_SOFT_BYTES


class Backlog:
    """The bytes of one viewer that the socket did not take; made when there are some, dropped when there are none.

    Args:
        allowed_bytes: how many may wait.

    Attributes:
        missed_state: whether state was left out.
        lagging_since: seconds of the loop's clock at which more than the soft limit waited for the first time.
    """

    __slots__ = ("_allowed_bytes", "lagging_since", "missed_state")

    def __init__(self, allowed_bytes: int) -> None:
        self._allowed_bytes = allowed_bytes
        self.missed_state = False
        self.lagging_since: float | None = None

    def welcomed(self, unread: int) -> None:
        """The welcome was the last that may be large: from here on the hard limit counts, on top of what is unread."""
        self._allowed_bytes = unread + WRITE_HARD_BYTES

    def takes(self, unread: int, more: int) -> bool:
        """Tell whether so many bytes more may wait."""
        return unread + more <= self._allowed_bytes

    def choose(self, unread: int, data: bytes, log: bytes, now: float) -> bytes:
        """Return what the viewer is sent of ``data``, whose log events are ``log``."""
        if unread <= WRITE_SOFT_BYTES:
            self.lagging_since = None
            return data
        if self.lagging_since is None:
            self.lagging_since = now
        self.missed_state = self.missed_state or len(log) != len(data)
        return log

    def overdue(self, unread: int, now: float) -> bool:
        """Tell whether the viewer was given enough time; one that is below the soft limit begins anew."""
        if unread <= WRITE_SOFT_BYTES:
            self.lagging_since = None
        return self.lagging_since is not None and now >= self.lagging_since + WRITE_BEHIND_MOST_S
