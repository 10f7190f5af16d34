"""Running roles as a process: start in order, wait for a signal or a failure, stop in reverse order."""

import asyncio
import contextlib
import gc
import resource
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import NoReturn, Protocol

from kit.embedded import EmbeddedServers
from kit.errors import StartupError
from kit.log import logger
from kit.metrics import new_registry
from live.roles.api import ApiRole
from live.roles.gateway import GatewayRole
from live.roles.limits import GARBAGE_THRESHOLDS
from live.roles.stores import Place
from live.roles.worker import WorkerRole

OPEN_FILES_SPARE = 1_000
"""Open files of a gateway's process besides those of its viewers: who is refused, stores, siblings; with room."""

_log = logger("roles")


class Role(Protocol):
    """What a role offers to its process."""

    async def stop(self) -> None:
        """End the role, within its limits, and close all that it opened."""
        ...

    async def failed(self) -> str:
        """Wait, without limit, until a part of the role ends by itself; return one line that says which."""
        ...


Start = Callable[[Place], Awaitable[Role]]


def role_starts(names: Sequence[str], *, demo: bool) -> list[Start]:
    """Return how to start these roles, in the order in which they start."""
    # Beside an API the worker has no port of its own: it is that one's ``/metrics`` that shows its figures.
    registry = new_registry()
    starts: dict[str, Start] = {
        "api": lambda place: ApiRole.start(place, demo=demo, registry=registry),
        "gateway": _start_gateway,
        "worker": lambda place: WorkerRole.start(place, demo=demo, registry=registry),
    }
    return [starts[name] for name in names]


async def _start_gateway(place: Place) -> GatewayRole:
    allow_open_files(place.settings.max_viewers)
    role = await GatewayRole.start(place)
    warn_of_open_files(place.settings.max_viewers)
    return role


def allow_open_files(max_viewers: int) -> None:
    """Raise the limit of open files as far as ``max_viewers`` need it, and as far as that is allowed.

    It holds for this process and for those that it starts from now on.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_viewers + OPEN_FILES_SPARE
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        # Some systems have a lower limit still, and do not say so.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def warn_of_open_files(max_viewers: int) -> None:
    """Log that the limit of open files is too low for ``max_viewers``, if so; once the gateway runs."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = max_viewers + OPEN_FILES_SPARE
    if soft != resource.RLIM_INFINITY and soft < needed:
        _log.warning(
            "too_few_open_files",
            limit=soft,
            needed=needed,
            meaning="not every viewer can be let in; raise `ulimit -n`, or lower SHOWDROP_MAX_VIEWERS",
        )


@asynccontextmanager
async def until_signal(on_signal: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
    """Run the block until SIGINT or SIGTERM; then it is cancelled, cleans up, and is left without an error.

    It holds from the first line of the block, so that a signal during a start undoes what has started so far.

    Args:
        on_signal: called at the first signal; further ones are ignored.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    told = False

    def stop() -> None:
        nonlocal told
        if not told:
            told = True
            on_signal()
            task.cancel()

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    except asyncio.CancelledError:
        if not told or task.uncancel():
            raise
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


@asynccontextmanager
async def running(place: Place, starts: Sequence[Start]) -> AsyncIterator[list[Role]]:
    """Run roles; whatever was started is stopped, newest first, also when a later one could not start."""
    async with contextlib.AsyncExitStack() as stack:
        roles = []
        for start in starts:
            role = await start(place)
            stack.push_async_callback(role.stop)
            roles.append(role)
        # What was made so far lives as long as the process: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GARBAGE_THRESHOLDS)
        yield roles


async def until_failed(roles: Sequence[Role], embedded: EmbeddedServers | None) -> NoReturn:
    """Wait, without limit, until something ends by itself.

    Raises:
        StartupError: a part of a role, or an embedded server, has ended; one line that says which, and why as far as
            that is known.
    """
    # The servers first: when both have ended, the server is the cause.
    waits = [] if embedded is None else [asyncio.create_task(_server_failed(embedded))]
    waits += [asyncio.create_task(role.failed()) for role in roles]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        raise StartupError(next(wait for wait in waits if wait.done()).result())
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.wait(waits)


async def _server_failed(embedded: EmbeddedServers) -> str:
    return (await embedded.wait_failed()).message
