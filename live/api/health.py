"""Readiness: named checks, run side by side, each with a time limit."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from kit.errors import ShowdropError

Check = Callable[[], Awaitable[None]]

_ENDING: set[asyncio.Future[None]] = set()
"""Checks that were cut off and have not ended yet: the event loop itself would let go of them."""


async def failing_checks(checks: Mapping[str, Check], *, timeout_s: float) -> dict[str, str]:
    """Run every check and return what fails: name to a short reason, in the order of the checks.

    A check passes by returning. Reasons never hold what a driver said, for it may name hosts and users: of a
    ``ShowdropError`` they are the message, which therefore has to repeat nothing of it, of others the type.
    """
    reasons = await asyncio.gather(*(_reason(check, timeout_s) for check in checks.values()))
    return {name: reason for name, reason in zip(checks, reasons, strict=True) if reason is not None}


class Readiness:
    """Asks checks for everybody who comes meanwhile: probes have no limit, and a flood of them costs no more than one.

    Args:
        checks: by name.
        timeout_s: seconds that each may take.
    """

    def __init__(self, checks: Mapping[str, Check], *, timeout_s: float) -> None:
        self._checks = checks
        self._timeout_s = timeout_s
        self._asking: asyncio.Task[dict[str, str]] | None = None

    async def failing(self) -> dict[str, str]:
        """Return what fails, as ``failing_checks`` does; it may have been asked ``timeout_s`` ago."""
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(failing_checks(self._checks, timeout_s=self._timeout_s))
        # Who hangs up takes the answer from nobody else.
        return await asyncio.shield(self._asking)


def once_passed(check: Check) -> Check:
    """Return the check in a form that is not asked again once it has passed: for what stays true as long as we run.

    It is not begun beside itself either: who asks meanwhile, even after another gave up, waits for the same one. A
    check may keep a thread and a connection of its own for as long as it hangs.
    """
    asking: asyncio.Future[None] | None = None

    async def asked() -> None:
        nonlocal asking
        if asking is None or (asking.done() and (asking.cancelled() or asking.exception() is not None)):
            asking = asyncio.ensure_future(check())
        await asyncio.shield(asking)

    return asked


async def _reason(check: Check, timeout_s: float) -> str | None:
    asked = asyncio.ensure_future(check())
    try:
        answered, _ = await asyncio.wait((asked,), timeout=timeout_s)
    finally:
        if not asked.done():
            _cut_off(asked)
    if not answered:
        return f"no answer within {timeout_s:g} s"
    if asked.cancelled():
        return "CancelledError"
    error = asked.exception()
    if isinstance(error, ShowdropError):
        return error.message
    return None if error is None else type(error).__name__


def _cut_off(asked: "asyncio.Future[None]") -> None:
    """Cancel a check and do not wait for its end: Postgres's driver takes seconds to let go of a server that hangs."""
    asked.cancel()
    _ENDING.add(asked)
    asked.add_done_callback(_has_ended)


def _has_ended(asked: "asyncio.Future[None]") -> None:
    _ENDING.discard(asked)
    if not asked.cancelled():
        asked.exception()  # looked at, or asyncio complains that nobody did
