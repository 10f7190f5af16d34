"""``showdrop gateway --processes N``: a parent that serves nobody, and N processes that are a whole gateway each.

Each has a listening socket of its own on the same port (``SO_REUSEPORT``), among which the kernel spreads viewers
evenly; on one shared socket the idlest process takes nearly all. Each has a session of its own, so Ctrl-C reaches only
the parent, which tells them in order. On Linux they are killed with the parent, however it dies
(``kit/child_exec.py``); they are started from the main thread because the kernel binds that to the thread.
"""

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import click

from kit.child_process import EXEC_SCRIPT, KILL_SECONDS, describe_exit
from kit.errors import SettingError, ShowdropError, StartupError
from kit.log import logger
from kit.settings import Settings
from live.roles.limits import (
    HANG_ASK_EVERY_S,
    HANG_ASKS_MOST,
    PROCESS_START_S,
    PROCESS_STOP_S,
    RESTART_CALM_S,
    RESTART_FIRST_S,
    RESTART_MOST_S,
)
from live.roles.payments import payments_line
from live.roles.ports import require_free_port
from live.roles.process import allow_open_files, until_signal, warn_of_open_files
from live.roles.siblings import Seat
from live.roles.siblings_unix import hangs
from live.roles.single import EXIT_SETTING, READY, ready_line, require_place, warn_of_test_bank

_log = logger("processes")


async def serve_processes(settings: Settings, count: int) -> None:
    """Run a gateway of ``count`` processes until it is told to stop; one that dies is started again.

    Raises:
        StartupError: no servers are known, the port is taken, or a process did not start at the first try.
        SettingError: a setting is wrong.
    """
    await require_place(settings)
    payments = payments_line(test_bank=settings.test_bank)
    async with until_signal():
        # Else a second gateway of the same user would get a part of the viewers without a word. What remains: two of
        # several processes that start in the same half second do not see each other.
        await require_free_port(settings.host, settings.ws_port, "SHOWDROP_WS_PORT")
        with _run_directory() as directory:
            allow_open_files(settings.max_viewers)  # they inherit the limit
            processes = [
                GatewayProcess(settings, Seat(number=number, count=count, directory=directory))
                for number in range(count)
            ]
            try:
                await _start_all(processes)
                warn_of_test_bank("gateway", settings)
                warn_of_open_files(settings.max_viewers)
                click.echo(payments)
                click.echo(f"{ready_line('gateway', settings)}, {count} processes")
                await asyncio.gather(*(process.keep() for process in processes))
            finally:
                await asyncio.gather(*(process.stop() for process in processes))


@contextlib.contextmanager
def _run_directory() -> Iterator[Path]:
    try:
        made = tempfile.TemporaryDirectory(prefix="showdrop-gateway-", ignore_cleanup_errors=True)
    except OSError as error:
        raise StartupError(f"cannot make a directory in {tempfile.gettempdir()}: {error.strerror}") from error
    with made as name:
        yield Path(name)


async def _start_all(processes: list["GatewayProcess"]) -> None:
    """Start as many at once as there are cores; the first failure ends it."""
    cores = asyncio.Semaphore(os.cpu_count() or 1)

    async def start(process: GatewayProcess) -> None:
        async with cores:
            await process.start()

    try:
        async with asyncio.TaskGroup() as group:
            for process in processes:
                group.create_task(start(process))
    except ExceptionGroup as failed:
        # The others fail for the same reason, or were cancelled: one line is enough.
        raise failed.exceptions[0] from None


class GatewayProcess:
    """One process: started by ``start``, kept running by ``keep``, ended by ``stop``.

    It writes lines to its standard output for the parent alone: ``READY`` when it listens, and in the end why it ended.
    Its log goes where the parent's goes.
    """

    def __init__(self, settings: Settings, seat: Seat) -> None:
        self._settings = settings
        self._seat = seat
        self._process: Process | None = None
        self._said = ""

    async def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            StartupError: it ended instead, or took more than ``PROCESS_START_S``; it does not run any more.
            SettingError: it ended because a setting is wrong.
        """
        self._process = await self._spawn()
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(PROCESS_START_S):
                self._said = (await self._process.stdout.readline()).decode().strip()
                if self._said == READY:
                    return
                code = await self._process.wait()
        except TimeoutError as error:
            await self._kill(self._process)
            self._said = f"gateway process {self._seat.number} was not ready within {PROCESS_START_S:g} s"
            raise StartupError(self._said) from error
        if code == EXIT_SETTING:
            raise SettingError(self._said)
        # Without a reason there is a stack trace above, on standard error.
        raise StartupError(self._said or f"gateway process {self._seat.number} did not start ({describe_exit(code)})")

    async def keep(self) -> NoReturn:
        """Start it again whenever it ends or hangs, after a wait that grows; cancel it before ``stop``."""
        wait_s = RESTART_FIRST_S
        while True:
            began = time.monotonic()
            watch = asyncio.create_task(self._kill_if_it_hangs())
            try:
                code, why = await self._ended()
            finally:
                watch.cancel()
            if time.monotonic() - began >= RESTART_CALM_S:
                wait_s = RESTART_FIRST_S
            if code == 0:  # somebody told it to end, as an operator may
                _log.info("gateway_process_replaced", process=self._seat.number, starts_again_in_s=wait_s)
            else:
                _log.error("gateway_process_ended", process=self._seat.number, why=why, starts_again_in_s=wait_s)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, RESTART_MOST_S)
            # What went wrong is told by the next round.
            with contextlib.suppress(ShowdropError):
                await self.start()
                _log.info("gateway_process_started_again", process=self._seat.number)

    async def stop(self) -> None:
        """Tell it to say goodbye to its viewers and end; kill it after ``PROCESS_STOP_S``."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(PROCESS_STOP_S):
                await process.wait()
        except TimeoutError:
            _log.warning("gateway_process_killed", process=self._seat.number, after_s=PROCESS_STOP_S)
            await self._kill(process)

    async def _kill_if_it_hangs(self) -> None:
        assert self._process is not None
        silent = 0
        while silent < HANG_ASKS_MOST:
            await asyncio.sleep(HANG_ASK_EVERY_S)
            silent = silent + 1 if await hangs(self._seat.socket(self._seat.number)) else 0
        _log.error("gateway_process_hangs", process=self._seat.number, asked=silent)
        await self._kill(self._process)

    async def _ended(self) -> tuple[int, str]:
        """Wait until it has ended; return its exit code, and that with its last words."""
        assert self._process is not None
        assert self._process.stdout is not None
        code = await self._process.wait()
        last = (await self._process.stdout.read()).decode().strip() or self._said.removeprefix(READY)
        return code, f"{describe_exit(code)}: {last}" if last else describe_exit(code)

    async def _spawn(self) -> Process:
        seat, settings = self._seat, self._settings
        keeps_user = ("-1", "-1", "0")
        program = (
            sys.executable,
            "-P",  # else a directory that happens to be called `live` where we run would be imported
            "-m",
            "live.cli",
            "gateway-process",
            f"--number={seat.number}",
            f"--count={seat.count}",
            f"--directory={seat.directory}",
            f"--data-dir={settings.data_dir}",
            f"--host={settings.host}",
            f"--ws-port={settings.ws_port}",
        )
        wrapper = (sys.executable, "-I", "-S", os.fspath(EXEC_SCRIPT), str(os.getpid()), str(int(signal.SIGKILL)))
        try:
            return await asyncio.create_subprocess_exec(
                *wrapper, *keeps_user, "--", *program, stdin=DEVNULL, stdout=PIPE, start_new_session=True
            )
        except OSError as error:
            self._said = f"cannot start gateway process {seat.number}: {error.strerror}"
            raise StartupError(self._said) from error

    @staticmethod
    async def _kill(process: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KILL_SECONDS):
                await process.wait()
