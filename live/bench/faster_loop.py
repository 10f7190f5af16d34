"""An event loop whose clock runs faster than the world's: an hour of pauses in a minute.

Everything that waits by the loop's clock (pauses between calls, back-off, time limits) is over so much sooner; what
takes CPU time or a round trip takes as long as ever, and looks longer by that clock.
"""

import asyncio
import selectors


class _Selector(selectors.DefaultSelector):
    """Waits as long in the world as the loop asked for by its own clock."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See ``selectors``."""
        return super().select(None if timeout is None else timeout / self._speed)


class FasterLoop(asyncio.SelectorEventLoop):
    """Make one with ``asyncio.Runner(loop_factory=lambda: FasterLoop(60))``.

    Args:
        speed: how many seconds of its clock are one of the world.
    """

    def __init__(self, speed: float) -> None:
        self._speed = speed
        super().__init__(_Selector(speed))

    def time(self) -> float:
        """Return its clock, in seconds."""
        return super().time() * self._speed
