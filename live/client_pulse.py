"""When a viewer's client pings, and when silence means that its connection is dead. Pure.

The browser's twin is ``live/web/pulse.js``.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

CLOCK_PINGS: Final = 3
"""Most extra pings after a welcome, while the server's clock is not known well."""

CLOCK_PING_WITHIN_MS: Final = 2_000.0
"""Each of them goes out at a random moment of a stretch of its own, this long: a crowd does not ask in step."""

HEARTBEAT_LEAST_MS: Final = 10.0
"""A server that asks for more beats than this is mistaken."""


class Pulse:
    """The heartbeat of one connection, from its welcome on. Ask ``due_ms`` when to wake up, then ``act``.

    The first beat is at a random moment within the first ``heartbeat_ms``, so that viewers who were welcomed in the
    same second do not beat in the same second ever after.

    Args:
        now_ms: the time of the welcome.
        heartbeat_ms: what the welcome said.
        random01: gives numbers in [0, 1).
    """

    def __init__(self, now_ms: float, heartbeat_ms: float, random01: Callable[[], float]) -> None:
        self._heartbeat_ms = max(HEARTBEAT_LEAST_MS, heartbeat_ms)
        self._beat_at_ms = now_ms + (1 - random01()) * self._heartbeat_ms
        self._measure_at_ms = deque(
            now_ms + (number + 1 - random01()) * CLOCK_PING_WITHIN_MS for number in range(CLOCK_PINGS)
        )
        self._asked_at_ms: float | None = None  # the first ping since the server was heard last

    def heard(self) -> None:
        """Note that something came from the server, whatever it was."""
        self._asked_at_ms = None

    def due_ms(self, now_ms: float) -> float:
        """Return how long ``act`` has nothing to do; 0 when it has."""
        due = [self._beat_at_ms]
        if self._measure_at_ms:
            due.append(self._measure_at_ms[0])
        if self._asked_at_ms is not None:
            due.append(self._asked_at_ms + self._heartbeat_ms)
        return max(0.0, min(due) - now_ms)

    def act(self, now_ms: float, *, clock_is_good: bool) -> Literal["ping", "cut", "wait"]:
        """Tell what to do now. ``cut``: a ping has been without any answer for a whole heartbeat.

        A clock that is good, as after most reconnects, needs no extra pings.

        Silence alone is no sign: a computer that slept, or a page in the background, wakes up late and must ask first.
        """
        if self._asked_at_ms is not None and now_ms - self._asked_at_ms >= self._heartbeat_ms:
            return "cut"
        if clock_is_good:
            self._measure_at_ms.clear()
        pings = False
        if self._measure_at_ms and now_ms >= self._measure_at_ms[0]:
            self._measure_at_ms.popleft()
            pings = True
        if now_ms >= self._beat_at_ms:
            self._beat_at_ms = now_ms + self._heartbeat_ms
            pings = True
        if not pings:
            return "wait"
        if self._asked_at_ms is None:
            self._asked_at_ms = now_ms
        return "ping"
