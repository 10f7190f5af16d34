"""How long a buyer's wish waits for Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from live.limits import CLAIM_ANSWER_LAST_S, CLAIM_ANSWER_LOOK_S, CLAIM_ANSWER_MOST_S


@asynccontextmanager
async def answer_limit() -> AsyncIterator[None]:
    """Raise TimeoutError when the body takes longer than ``CLAIM_ANSWER_MOST_S``.

    A loop that stood still (a machine that is moved, a processor that is taken away) runs its timers before it reads
    what has come meanwhile: so the body is cut off a moment after the timer, and an answer that is there counts.
    """
    call_later = asyncio.get_running_loop().call_later
    # Python 3.11 may swallow a cancellation while it sends: then the body is cut off again.
    async with asyncio.timeout(None) as again, asyncio.timeout(None) as first:
        timers = [
            call_later(CLAIM_ANSWER_MOST_S, _cut_soon, first),
            call_later(CLAIM_ANSWER_LAST_S, _cut_soon, again),
        ]
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()


def _cut_soon(limit: asyncio.Timeout) -> None:
    limit.reschedule(asyncio.get_running_loop().time() + CLAIM_ANSWER_LOOK_S)
