"""Telling in halves, for channels that refuse a whole call because of one level in it and do not say of which."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from inventory.channels.channel import Answer, Level, Refused

MOST_CALLS: Final = 16
"""Calls for one batch: enough to find one bad level among 100, and few enough for the rest of a lease."""

_NOT_TOLD: Final = Refused(reason="not told yet: the channel refused another item of the same call", temporary=True)


async def tell_in_halves(
    levels: Sequence[Level], tell_once: Callable[[Sequence[Level]], Awaitable[list[Answer] | Refused]]
) -> list[Answer]:
    """Tell all levels in one call; where it is refused as a whole, tell each half, and so on.

    Levels that ``MOST_CALLS`` are not enough for are refused for now, so that they come back without the bad one.

    Args:
        levels: one or more.
        tell_once: makes one call. Returns one answer per level, or why it was refused as a whole.

    Returns:
        One answer per level, in order.
    """
    calls = 0

    async def tell(part: Sequence[Level]) -> list[Answer]:
        nonlocal calls
        if calls == MOST_CALLS:
            return [_NOT_TOLD] * len(part)
        calls += 1
        said = await tell_once(part)
        if isinstance(said, list):
            return said
        if len(part) == 1:
            return [said]
        half = (len(part) + 1) // 2
        return [*await tell(part[:half]), *await tell(part[half:])]

    return await tell(levels)
