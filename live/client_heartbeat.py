"""A client's heartbeat and clock on the event loop; the rules are ``client_pulse.py`` and ``client_clock.py``."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from live.client_clock import ServerClock
from live.client_pulse import Pulse


class Heartbeat:
    """Pings over whichever connection there is, and measures the server's clock by what is answered.

    Args:
        ping: sends a ping.
        cut: drops the connection, for it is dead.
        random01: gives numbers in [0, 1) for the jitter.

    Attributes:
        clock: what is known of the server's clock; it outlives a connection.
    """

    def __init__(self, *, ping: Callable[[], None], cut: Callable[[], None], random01: Callable[[], float]) -> None:
        self._ping = ping
        self._cut = cut
        self._random01 = random01
        self.clock = ServerClock()
        # A local clock that does not jump when somebody sets the computer's time.
        self._began_ms = (time.time() - time.monotonic()) * 1000
        self._asked_at_ms: deque[float] = deque()  # of hello and pings, which one connection answers in order
        self._pulse: Pulse | None = None
        self._timer: asyncio.TimerHandle | None = None

    def now_ms(self) -> float:
        """Return the local time, milliseconds since the epoch."""
        return self._began_ms + time.monotonic() * 1000

    def asked(self) -> None:
        """A question was sent whose answer carries the server's time."""
        self._asked_at_ms.append(self.now_ms())

    def heard(self) -> None:
        """Something came from the server."""
        if self._pulse is not None:
            self._pulse.heard()

    def answered(self, server_time_ms: int) -> None:
        """The oldest open question was answered."""
        if self._asked_at_ms:
            self.clock.learn(self._asked_at_ms.popleft(), self.now_ms(), server_time_ms)

    def start(self, heartbeat_ms: int) -> None:
        """Begin to beat: the connection was welcomed."""
        self._pulse = Pulse(self.now_ms(), heartbeat_ms, self._random01)
        self._sleep(self._pulse)

    def stop(self) -> None:
        """The connection is gone; what is known of the clock stays."""
        self._pulse = None
        self._asked_at_ms.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _sleep(self, pulse: Pulse) -> None:
        self._timer = asyncio.get_running_loop().call_later(pulse.due_ms(self.now_ms()) / 1000, self._wake, pulse)

    def _wake(self, pulse: Pulse) -> None:
        now_ms = self.now_ms()
        action = pulse.act(now_ms, clock_is_good=self.clock.is_good(now_ms))
        if action == "cut":
            self._cut()
            return
        if action == "ping":
            self.asked()
            self._ping()
        self._sleep(pulse)
