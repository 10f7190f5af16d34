"""How far a gateway is behind, pure: the oldest thing that was sent and not heard yet says it.

Two rules of one kind. A *beacon* is published once a second and has to come back over the reader's connection: its
age tells of a connection that died without a word. A *standing* compares a room with its log: the age of the oldest
position that the room has not reached tells of events that did not get through. Moments are seconds of any one clock
that never goes back.
"""

from collections import deque
from collections.abc import Collection, Iterable

import msgspec

from live.show_log import LogName
from live.wire import Position


class Beacons:
    """The beacons of one connection; their order is kept by it, so one that is heard speaks for all before it.

    Whoever sends them stops when the connection is given up (``READER_DROP_S``): no more than that many wait.
    """

    def __init__(self) -> None:
        self._unheard: deque[float] = deque()  # when each was sent, oldest first
        self._round_trip_s = 0.0

    def sent(self, at: float) -> None:
        """A beacon is on its way; ``at`` is not before that of the last one."""
        self._unheard.append(at)

    def unsent(self, at: float) -> None:
        """Redis did not take this beacon: that it is not heard says nothing about the reader."""
        if at in self._unheard:
            self._unheard.remove(at)

    def heard(self, sent_at: float, now: float) -> None:
        """The beacon that was sent at ``sent_at`` has come back."""
        while self._unheard and self._unheard[0] <= sent_at:
            self._unheard.popleft()
        self._round_trip_s = now - sent_at

    def forget(self) -> None:
        """The connection is another one: what was sent before will not be heard."""
        self._unheard.clear()
        self._round_trip_s = 0.0

    def lag_s(self, now: float) -> float:
        """Return the age of the oldest beacon that was not heard yet, else the last round trip."""
        return now - self._unheard[0] if self._unheard else self._round_trip_s


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where one of a room's two logs is, and how much of it the room has.

    Attributes:
        at: up to where the room has it.
        newest: the log's newest position; None when there is no log (any more).
    """

    show_id: str
    name: LogName
    at: Position
    newest: Position | None

    @property
    def events_behind(self) -> int:
        """How many events the room lacks; a log that was lost or begun anew counts as one."""
        if self.newest is None or self.newest.epoch != self.at.epoch:
            return 1
        return max(0, self.newest.seq - self.at.seq)


class LogLag:
    """Which rooms are behind their logs, since when, and by how much.

    A room under fire is always a few events behind the newest one. What counts is whether it reaches, by and by,
    the position that a look has found.
    """

    def __init__(self) -> None:
        self._aims: dict[tuple[str, LogName], tuple[Position | None, float]] = {}
        self._behind: dict[tuple[str, LogName], int] = {}

    @property
    def events_behind(self) -> int:
        """The most events that a room lacked when it was looked at last."""
        return max(self._behind.values(), default=0)

    @property
    def shows_behind(self) -> set[str]:
        """The shows that lacked something when they were looked at last: they want another look soon."""
        return {show_id for show_id, _ in self._aims}

    def lag_s(self, now: float) -> float:
        """Return for how long the slowest room has been behind a position that was found; 0 when none is."""
        return max((now - since for _, since in self._aims.values()), default=0.0)

    def look(self, standings: Iterable[Standing], now: float) -> set[str]:
        """Take what a look has found.

        Returns:
            The shows that have not reached, since an earlier look, what was there then: a message was lost.
        """
        stuck: set[str] = set()
        for one in standings:
            key = (one.show_id, one.name)
            self._behind[key] = one.events_behind
            aim = self._aims.get(key)
            if not one.events_behind:
                self._aims.pop(key, None)
            elif aim is not None and _still_ahead(aim[0], one):
                stuck.add(one.show_id)
            else:
                self._aims[key] = (one.newest, now)
        return stuck

    def keep(self, show_ids: Collection[str]) -> None:
        """Forget all shows but these."""
        for key in [one for one in self._behind if one[0] not in show_ids]:
            del self._behind[key]
            self._aims.pop(key, None)


def _still_ahead(aim: Position | None, standing: Standing) -> bool:
    """Tell whether a position found earlier is one of this log, and not reached."""
    newest, at = standing.newest, standing.at
    if aim is None or newest is None:
        return aim is newest
    return aim.epoch == newest.epoch and (aim.epoch != at.epoch or aim.seq > at.seq)
