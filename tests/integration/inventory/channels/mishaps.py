"""What goes wrong with single calls to a fake channel, by their path: refused, lost, held back, or never answered."""

import asyncio
from collections.abc import Callable

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOST = 504
"""A proxy in front of the channel gave up waiting."""


class _Mishap(msgspec.Struct, kw_only=True):
    """What happens to the next call with ``path`` in it, after ``skip`` others.

    Attributes:
        status: it is answered so; 0: as the channel answers.
        applied: whether the channel gets it.
        held: whether its answer waits for the gate.
        delayed: whether it waits there itself, before the channel gets it.
        first: what happens before the channel gets it.
    """

    path: str
    skip: int = 0
    status: int = 0
    retry_after_s: int | None = None
    applied: bool = True
    held: bool = False
    delayed: bool = False
    first: Callable[[], None] | None = None


class Mishaps:
    """An ASGI application around that of a fake.

    Attributes:
        calls: method and path of each call, with the loop's time.
        down: every call is answered 500 and not applied.
        gate: closed, calls that are delayed and answers that are held wait for it.
        held: how many have waited at the gate, or wait.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._plans: list[_Mishap] = []
        self._under_way = 0
        self.calls: list[tuple[str, float]] = []
        self.down = False
        self.gate = asyncio.Event()
        self.held = 0

    def answer(self, path: str, status: int, *, retry_after_s: int | None = None) -> None:
        """Answer a call so, and do not apply it."""
        self._plans.append(_Mishap(path=path, status=status, retry_after_s=retry_after_s, applied=False))

    def lose(self, path: str) -> None:
        """Apply a call and lose its answer."""
        self._plans.append(_Mishap(path=path, status=_LOST))

    def hold(self, path: str) -> None:
        """Apply a call, and answer it when the gate is opened."""
        self._plans.append(_Mishap(path=path, held=True))

    def delay(self, path: str) -> None:
        """Apply and answer a call when the gate is opened."""
        self._plans.append(_Mishap(path=path, delayed=True))

    def before(self, path: str, number: int, do: Callable[[], None]) -> None:
        """Do something before the ``number``-th call from now, from 1."""
        self._plans.append(_Mishap(path=path, skip=number - 1, first=do))

    @property
    def over(self) -> bool:
        """Whether all that was planned has happened, and each of those calls is answered."""
        return not self._plans and self._under_way == 0

    def times(self, path: str) -> list[float]:
        """When calls with this in their path came."""
        return [at for called, at in self.calls if path in called]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        called = f"{scope['method']} {scope['path']}"
        self.calls.append((called, asyncio.get_running_loop().time()))
        plan = self._next(called)
        if self.down:
            await _answer(send, 500)
        elif plan is None:
            await self._app(scope, receive, send)
        else:
            self._under_way += 1
            try:
                await self._suffer(plan, scope, receive, send)
            finally:
                self._under_way -= 1

    def _next(self, called: str) -> _Mishap | None:
        for plan in self._plans:
            if plan.path in called:
                if plan.skip == 0:
                    self._plans.remove(plan)
                    return plan
                plan.skip -= 1
        return None

    async def _suffer(self, plan: _Mishap, scope: Scope, receive: Receive, send: Send) -> None:
        if plan.first is not None:
            plan.first()
        if plan.delayed:
            self.held += 1
            await self.gate.wait()
        said: list[Message] = []

        async def keep(message: Message) -> None:
            said.append(message)

        if plan.applied:
            await self._app(scope, receive, keep)
        if plan.held:
            self.held += 1
            await self.gate.wait()
        if plan.status:
            await _answer(send, plan.status, plan.retry_after_s)
            return
        for message in said:
            await send(message)


async def _answer(send: Send, status: int, retry_after_s: int | None = None) -> None:
    headers = [(b"content-type", b"text/plain")]
    if retry_after_s is not None:
        headers.append((b"retry-after", str(retry_after_s).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"not now"})
