"""Work that fails for one thing waits by itself, twice as long each time; the others go on."""

import asyncio
from collections.abc import Sequence

RETRY_FIRST_S = 0.1
RETRY_MOST_S = 5.0


class PutOff:
    """Remembers what failed, for as long as it is due."""

    def __init__(self) -> None:
        self._waits: dict[str, tuple[float, float]] = {}  # id: seconds it waits, until when on the loop's clock

    def ready(self, due: Sequence[str]) -> list[str]:
        """Return those of the ids that do not wait; the ids that are not due any more are forgotten."""
        self._waits = {one: wait for one, wait in self._waits.items() if one in due}
        now = asyncio.get_running_loop().time()
        return [one for one in due if one not in self._waits or now >= self._waits[one][1]]

    def failed(self, one: str) -> None:
        """Let this id wait."""
        delay_s, _ = self._waits.get(one, (RETRY_FIRST_S / 2, 0.0))
        delay_s = min(delay_s * 2, RETRY_MOST_S)
        self._waits[one] = delay_s, asyncio.get_running_loop().time() + delay_s
