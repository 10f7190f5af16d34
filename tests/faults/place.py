"""Showdrop's roles as processes of their own, each started as an operator would, and killed or replaced by a fault."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from kit.child_process import ChildProcess
from kit.settings import Settings, ensure_secret
from live.tokens import Tokens
from loadtests.free_ports import free_port
from tests.faults.limits import READY_S, RECONCILE_MOST_S, STOP_S

CHECKOUT = Path(__file__).parents[2]
"""The tree that this file stands in: its code is what is tested, wherever else Showdrop is installed."""

TOKEN_TTL_S = 7_200
"""Long enough for a gateway whose clock is ten minutes ahead."""


class Role:
    """One process of a role.

    Args:
        name: as on the command line.
        environ: its settings.
    """

    def __init__(self, name: str, environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._environ = dict(environ)
        self._log = log
        self._child: ChildProcess | None = None

    async def start(self) -> None:
        """Start it and wait until it says that it is ready."""
        child = await _spawn([self.name], self._environ, self._log)
        self._child = child

        async def is_ready() -> bool:
            return f"showdrop {self.name} is ready" in child.log_tail()

        await child.wait_ready(is_ready, READY_S)

    async def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        if self._child is not None:
            await self._child.stop([])
            self._child = None

    async def stop(self) -> None:
        """End it in order, as a deployment does."""
        if self._child is not None:
            await self._child.stop([(signal.SIGTERM, STOP_S)])
            self._child = None

    async def ended_by_itself(self) -> str | None:
        """Return why it ended although nobody had asked it to; None while it runs."""
        if self._child is None:
            return None
        try:
            async with asyncio.timeout(0.01):
                return (await self._child.wait()).message
        except TimeoutError:
            return None


class Place:
    """One deployment: an API, gateways and workers against given servers.

    Args:
        folder: logs and the secret go there.
        gateways: how many, each on a port of its own.
        clocks_s: by gateway, how far its clock is off, in seconds.
        environ: further settings of every role.
    """

    def __init__(
        self,
        folder: Path,
        *,
        redis_url: str,
        database_url: str,
        environ: Mapping[str, str],
        gateways: int = 1,
        workers: int = 1,
        clocks_s: tuple[int, ...] = (),
    ) -> None:
        ports = [free_port() for _ in range(gateways + 1)]
        self.url = f"http://127.0.0.1:{ports[0]}"
        self.ws_urls = [f"ws://127.0.0.1:{port}" for port in ports[1:]]
        self._folder = folder
        self._environ = {name: value for name, value in os.environ.items() if not name.startswith("SHOWDROP_")} | {
            "PYTHONPATH": os.fspath(CHECKOUT),
            "REDIS_URL": redis_url,
            "DATABASE_URL": database_url,
            "SHOWDROP_DATA_DIR": os.fspath(folder / "data"),
            "SHOWDROP_HTTP_PORT": str(ports[0]),
            "SHOWDROP_WS_PORT": str(ports[1]),
            "COLUMNS": "160",
            **environ,
        }
        self._tokens = Tokens(ensure_secret(Settings(data_dir=folder / "data")))
        self.api = self._role("api", "api", {})
        self.workers = [self._role("worker", f"worker-{number}", {}) for number in range(workers)]
        self.gateways = [
            self._role("gateway", f"gateway-{number}", {"SHOWDROP_WS_PORT": str(port)} | _clock(clocks_s, number))
            for number, port in enumerate(ports[1:])
        ]

    @property
    def roles(self) -> list[Role]:
        """All of them."""
        return [self.api, *self.workers, *self.gateways]

    def token(self, role: str, subject: str) -> str:
        """Mint a token of this deployment."""
        minted, _ = self._tokens.mint("host" if role == "host" else "viewer", subject, None, TOKEN_TTL_S)
        return minted

    async def start(self) -> None:
        """Start every role at the same time."""
        await asyncio.gather(*(role.start() for role in self.roles))

    async def stop(self) -> None:
        """End every role; the trial is over, so nobody has to say goodbye."""
        await asyncio.gather(*(role.kill() for role in self.roles))

    async def ended_by_themselves(self) -> list[str]:
        """Return why roles ended although nobody had asked them to."""
        return [why for role in self.roles if (why := await role.ended_by_itself()) is not None]

    async def reconcile(self) -> str:
        """Run ``showdrop reconcile``; return what it printed if it found a drift, else an empty text."""
        log = self._folder / "reconcile.log"
        child = await _spawn(["reconcile"], self._environ, log)
        async with asyncio.timeout(RECONCILE_MOST_S):
            failure = await child.wait()
        return "" if failure.exit_code == 0 else child.log_tail()

    def _role(self, name: str, log: str, more: dict[str, str]) -> Role:
        return Role(name, self._environ | more, self._folder / f"{log}.log")


async def _spawn(words: list[str], environ: Mapping[str, str], log: Path) -> ChildProcess:
    return await ChildProcess.spawn(
        f"showdrop {words[0]}",
        [sys.executable, "-m", "live.cli", *words],
        cwd=CHECKOUT,
        log_path=log,
        death_signal=signal.SIGKILL,
        env=environ,
    )


def _clock(clocks_s: tuple[int, ...], number: int) -> dict[str, str]:
    """Return the variables that shift the clock of one process: see ``skewed_clock/sitecustomize.py``."""
    if not clocks_s:
        return {}
    skewed = Path(__file__).with_name("skewed_clock")
    return {"PYTHONPATH": f"{skewed}{os.pathsep}{CHECKOUT}", "FAULTS_CLOCK_S": str(clocks_s[number])}
