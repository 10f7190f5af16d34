"""What goes wrong at a fake channel, whatever it sells: told by the test, around the channel's own application."""

import asyncio
import time
from collections import deque

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOST = 504
"""A proxy in front of the channel gave up waiting: nobody knows whether the call was applied."""


class Throttled(msgspec.Struct, frozen=True, kw_only=True):
    """An answer 429; with or without a hint, in seconds."""

    retry_after_s: int | None = None


class Pace:
    """The channel's own count of calls: at most ``calls`` in any ``window_s``.

    Args:
        compressed: how much faster than real the channel's clock runs.
    """

    def __init__(self, calls: int, window_s: float, *, compressed: float = 1.0) -> None:
        self._calls = calls
        self._window_s = window_s / compressed
        self._starts: deque[float] = deque()

    def allows(self) -> bool:
        """Count one call; False when it is too many."""
        now = time.monotonic()
        while self._starts and self._starts[0] <= now - self._window_s:
            self._starts.popleft()
        if len(self._starts) >= self._calls:
            return False
        self._starts.append(now)
        return True


class Troubles:
    """A fake channel's application with troubles around it; an ASGI application itself.

    Args:
        app: the channel.
        pace: the channel's own limit; a call beyond it is answered 429 and not applied. None: there is no limit.

    Attributes:
        calls: how many came, by ``METHOD /path``.
        over_pace: how many of them were too fast: a client that keeps the documented limit has none.
        throttle: the next calls are answered 429, one for each entry, and not applied.
        lose: so many of the next calls are applied and their answers lost.
        fail: so many of the next calls are answered 500 and not applied.
        down: every call is answered 503 and not applied.
        slow_s: every answer takes so much longer.
    """

    def __init__(self, app: ASGIApp, *, pace: Pace | None = None) -> None:
        self._app = app
        self._pace = pace
        self.calls: dict[str, int] = {}
        self.over_pace = 0
        self.throttle: deque[Throttled] = deque()
        self.lose = 0
        self.fail = 0
        self.down = False
        self.slow_s = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        called = f"{scope['method']} {scope['path']}"
        self.calls[called] = self.calls.get(called, 0) + 1
        await asyncio.sleep(self.slow_s)
        if self._pace is not None and not self._pace.allows():
            self.over_pace += 1
            await _answer(send, 429)
        elif self.throttle:
            await _answer(send, 429, self.throttle.popleft().retry_after_s)
        elif self.down:
            await _answer(send, 503)
        elif self.fail > 0:
            self.fail -= 1
            await _answer(send, 500)
        elif self.lose > 0:
            self.lose -= 1
            await self._app(scope, receive, _nowhere)
            await _answer(send, _LOST)
        else:
            await self._app(scope, receive, send)


async def _nowhere(message: Message) -> None:
    """Take a part of an answer that nobody gets."""


async def _answer(send: Send, status: int, retry_after_s: int | None = None) -> None:
    headers = [(b"content-type", b"text/plain")]
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"not now"})
