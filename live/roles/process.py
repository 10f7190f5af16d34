"""Running roles as a process: start in order, wait for a signal or a failure, stop in reverse order."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from kit.embedded import EmbeddedServers
from kit.errors import StartupError
from live.roles.api import ApiRole
from live.roles.gateway import GatewayRole
from live.roles.stores import Place
from live.roles.worker import WorkerRole


class Role(Protocol):
    """What a role offers to its process."""

    async def stop(self) -> None:
        """End the role."""
        ...


Start = Callable[[Place], Awaitable[Role]]


def role_starts(names: Sequence[str], *, demo: bool) -> list[Start]:
    """Return how to start these roles, in the order in which they start."""
    starts: dict[str, Start] = {
        "api": lambda place: ApiRole.start(place, demo=demo),
        "gateway": GatewayRole.start,
        "worker": lambda place: WorkerRole.start(place, demo=demo),
    }
    return [starts[name] for name in names]


@asynccontextmanager
async def running(place: Place, starts: Sequence[Start]) -> AsyncIterator[None]:
    """Run roles; whatever was started is stopped, newest first, also when a later one could not start."""
    async with contextlib.AsyncExitStack() as stack:
        for start in starts:
            role = await start(place)
            stack.push_async_callback(role.stop)
        yield


async def until_stopped(embedded: EmbeddedServers | None) -> None:
    """Return on SIGINT or SIGTERM.

    Raises:
        StartupError: an embedded server died; the message says which, and why as far as its log tells.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    waits = [asyncio.create_task(stop.wait())]
    failure = None
    if embedded is not None:
        failure = asyncio.create_task(embedded.wait_failed())
    await asyncio.wait([*waits, *([failure] if failure else [])], return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
    if failure is not None:
        if failure.done() and not stop.is_set():
            raise StartupError(failure.result().message)
        failure.cancel()
