"""The processes around the benchmarks of channels, and what they answer over HTTP."""

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

import httpx
import msgspec

from kit.child_process import ChildProcess
from live.bench.channel_limits import CHILD_START_S, CHILD_STOP_S
from live.bench.channel_worker import WorkerOrder

ROOT: Final = Path(__file__).parents[2]

_T = TypeVar("_T")


class _Announced(msgspec.Struct, frozen=True, kw_only=True):
    control_url: str
    urls: dict[str, str]


class FakeState(msgspec.Struct, frozen=True, kw_only=True):
    """What a fake tells of itself.

    Attributes:
        settings: for a channel to it.
        calls: by method and path, without numbers.
        over_pace: of them, that were beyond the channel's limit.
        items: SKU, item id and the units shown, of each.
    """

    settings: dict[str, str]
    calls: dict[str, int]
    over_pace: int
    items: list[tuple[str, str, int]]


Arrivals = list[tuple[int, dict[str, int]]]
"""Levels by SKU, of each call, with the time in nanoseconds of the monotonic clock when it had come."""


class Fakes:
    """Running fakes of eight channels.

    Attributes:
        urls: by kind.
    """

    def __init__(self, client: httpx.AsyncClient, announced: _Announced) -> None:
        self._client = client
        self._control_url = announced.control_url
        self.urls = announced.urls

    async def state(self, kind: str) -> FakeState:
        """Return what one has seen, and shows."""
        answer = await self._client.get(f"{self._control_url}/{kind}")
        return msgspec.json.decode(answer.content, type=FakeState)


class Hooks:
    """Running webhook receivers, by number from 0."""

    def __init__(self, client: httpx.AsyncClient, port: int) -> None:
        self._client = client
        self._url = f"http://127.0.0.1:{port}"

    def url(self, number: int) -> str:
        """Return the address of one."""
        return f"{self._url}/hook/{number}"

    async def mode(self, number: int, mode: str) -> None:
        """Let it answer so from now on: ``fine``, ``fail`` or ``hang``."""
        await self._client.post(f"{self._url}/mode/{number}", content=mode.encode())

    async def arrivals(self, number: int) -> Arrivals:
        """Return what it took since this was asked last."""
        answer = await self._client.get(f"{self._url}/arrivals/{number}")
        return msgspec.json.decode(answer.content, type=Arrivals)

    async def calls(self, number: int) -> int:
        """Return how many calls ever came."""
        return int((await self._client.get(f"{self._url}/calls/{number}")).text)


@asynccontextmanager
async def open_fakes(folder: Path, *, skus: int, variants: int, units: int, speed: int) -> AsyncIterator[Fakes]:
    """Run the repository's fakes, with ``skus`` items each that show ``units``, on a clock ``speed`` times as fast.

    Raises:
        StartupError: they do not start, as outside the repository.
    """
    given = {"--skus": skus, "--variants": variants, "--units": units, "--speed": speed}
    words = [str(word) for option in given.items() for word in option]
    async with _child(folder, "tests.fakes.paced_channels", words) as child, _client() as client:
        yield Fakes(client, msgspec.json.decode(await _first_line(child), type=_Announced))


@asynccontextmanager
async def open_hooks(folder: Path, count: int) -> AsyncIterator[Hooks]:
    """Run so many webhook receivers.

    Raises:
        StartupError: they do not start.
    """
    async with _child(folder, "live.bench.hook_receivers_http", [str(count)]) as child, _client() as client:
        yield Hooks(client, int(await _first_line(child)))


@asynccontextmanager
async def open_worker(folder: Path, order: WorkerOrder) -> AsyncIterator[int]:
    """Run a worker; lends the number of its process.

    Raises:
        StartupError: it cannot be started.
    """
    async with _child(folder, "live.bench.channel_worker", [msgspec.json.encode(order).decode()]) as child:
        yield child.pid


@asynccontextmanager
async def _child(folder: Path, module: str, words: list[str]) -> AsyncIterator[ChildProcess]:
    child = await ChildProcess.spawn(
        module,
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        log_path=folder / f"{module}.log",
        death_signal=signal.SIGTERM,
        env=dict(os.environ),
    )
    try:
        yield child
    finally:
        await child.stop([(signal.SIGTERM, CHILD_STOP_S)])


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=CHILD_START_S, trust_env=False)


async def _first_line(child: ChildProcess) -> str:
    async def has_spoken() -> bool:
        return "\n" in child.log_tail()

    await child.wait_ready(has_spoken, CHILD_START_S)
    return child.log_tail().splitlines()[0]
