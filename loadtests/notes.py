"""What all viewers of one process find out together: times, stock counts, and how busy the process is. Pure."""

from collections.abc import Callable

from loadtests.waits import Waits

CLAIM = "claim"
EVENT = "event delay"
JOIN = "join"
RESUME = "resume"
CHECKOUT = "checkout"
CONFIRM = "confirm"
WAITLIST = "waitlist.join"
RELEASE = "release"
CONNECT = "connect"

LATE = "late"
"""Between when a viewer was to write and when it wrote: how far behind the load client itself is."""

LATE_CLAIM = "late claim"
"""The same, of claims."""

OWN = frozenset({LATE, LATE_CLAIM})
"""What says something of the load client, not of the server."""

Tell = Callable[[str, float, str | None], None]
"""Gets a name, milliseconds, and why it failed or None."""


class Notes:
    """The notes of one process.

    Args:
        tell: hears of every answered request at once, as locust's statistics do.

    Attributes:
        waits: by name.
        frames: frames with a stock count by second since the epoch.
        cpu: share of a core, second by second.
    """

    def __init__(self, tell: Tell | None = None) -> None:
        self.waits: dict[str, Waits] = {}
        self.frames: dict[int, int] = {}
        self.cpu: list[float] = []
        self._tell = tell
        self._looked: tuple[float, float] | None = None

    def took(self, name: str, ms: float) -> None:
        """Note how long something took."""
        if name not in self.waits:
            self.waits[name] = Waits(counts={})
        self.waits[name].add(ms)
        if self._tell is not None and name not in OWN:
            self._tell(name, ms, None)

    def failed(self, name: str, why: str) -> None:
        """Note what did not work; whoever is concerned tries again."""
        if self._tell is not None:
            self._tell(name, 0.0, why)

    def saw_frames(self, count: int, now_ms: float) -> None:
        """Count frames with a stock count."""
        second = int(now_ms / 1000)
        self.frames[second] = self.frames.get(second, 0) + count

    def look(self, now_s: float, cpu_s: float) -> None:
        """Note how busy the process was, at most once a second; both are clocks, of time and of CPU time."""
        if self._looked is None:
            self._looked = (now_s, cpu_s)
        elif now_s - self._looked[0] >= 1.0:
            self.cpu.append(round((cpu_s - self._looked[1]) / (now_s - self._looked[0]), 3))
            self._looked = (now_s, cpu_s)
