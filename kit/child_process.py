"""A server run as our child: its log, its start, its end.

A child has its own session, so Ctrl-C in the terminal reaches only us and we end the servers in order. On Linux it gets
a signal when we die, however we die (see ``kit/child_exec.py``). That is bound to the *thread* which started it: start
servers from the event loop of the main thread.
"""

import asyncio
import contextlib
import os
import select
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from kit.errors import StartupError

POLL_SECONDS = 0.01
"""Between two looks at a child that starts or ends."""

LOG_TAIL_BYTES = 4_096
"""How much of a log is read to say why a child ended."""

LOG_KEEP_BYTES = 16 * 1024 * 1024
"""A log over this size is emptied at the next start."""

LOG_LINE_CHARACTERS = 300
"""A line quoted from a log is cut here."""

KILL_SECONDS = 5.0
"""After SIGKILL only the kernel is in the way."""

EXEC_SCRIPT = Path(__file__).with_name("child_exec.py")


class ChildUser(msgspec.Struct, frozen=True, kw_only=True):
    """The user a child runs as.

    Attributes:
        uid: user id.
        gid: group id; no supplementary groups are kept.
        override: whether it may pass directories that are closed to that user (one right of root, nothing else).
    """

    uid: int
    gid: int
    override: bool


class ServerFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A server that ended while we needed it.

    Attributes:
        server: ``Postgres`` or ``Redis``.
        exit_code: as the shell counts, negative for a signal.
        log_tail: the last lines of its log, at most ``LOG_TAIL_BYTES``.
        log_path: the whole log.
    """

    server: str
    exit_code: int
    log_tail: str
    log_path: str

    @property
    def message(self) -> str:
        """One line for a person."""
        # Who was killed could not write why: the last line of its log is about something else.
        why = "" if self.exit_code == -signal.SIGKILL else f": {reason_in_log(self.log_tail)}"
        return (
            f"{self.server} ended ({describe_exit(self.exit_code)}){why} [{self.log_path}]. "
            "Start again; committed data is kept."
        )


def describe_exit(code: int) -> str:
    """``exit 1`` or ``SIGKILL``."""
    if code >= 0:
        return f"exit {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def reason_in_log(text: str) -> str:
    """The line of a log that best says why the server ended: the last fatal or error line, else the last line."""
    lines = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    if not lines:
        return "it left nothing in its log"
    for mark in ("PANIC:", "FATAL:", "FATAL CONFIG", "ERROR:", "error:", " # "):
        found = [line for line in lines if mark in line]
        if found:
            return found[-1][:LOG_LINE_CHARACTERS]
    return lines[-1][:LOG_LINE_CHARACTERS]


def _pipe_with(data: bytes) -> int:
    """The end to read of a pipe that already holds all of ``data``: a child that ends early breaks no write of ours.

    Raises:
        ValueError: more than a pipe is sure to hold.
    """
    if len(data) > select.PIPE_BUF:
        raise ValueError(f"A child is given at most {select.PIPE_BUF} bytes, not {len(data)}.")
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(data)
    return reading


def _open_log(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    if path.exists() and path.stat().st_size > LOG_KEEP_BYTES:
        flags |= os.O_TRUNC
    return os.open(path, flags, 0o600)


class ChildProcess:
    """One running child. Made by ``spawn``; the maker must ``stop`` it.

    Attributes:
        name: what to call it in messages.
        pid: the process id, which the program keeps (the wrapper becomes it).
    """

    def __init__(self, name: str, process: asyncio.subprocess.Process, log_path: Path, log_start: int) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._log_path = log_path
        # Where this run's part of the log begins, so that an old failure is never quoted for a new one.
        self._log_start = log_start

    @classmethod
    async def spawn(
        cls,
        name: str,
        argv: Sequence[str],
        *,
        cwd: Path,
        log_path: Path,
        death_signal: signal.Signals,
        user: ChildUser | None = None,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
    ) -> "ChildProcess":
        """Run ``argv`` (first item: an absolute path) with its output appended to ``log_path``.

        It reads ``stdin``, at most ``select.PIPE_BUF`` bytes, and then the end of its input.

        Raises:
            StartupError: the log cannot be written, or no process can be made.
        """
        who = (user.uid, user.gid, int(user.override)) if user else (-1, -1, 0)
        wrapper = [
            sys.executable,
            "-I",
            "-S",
            os.fspath(EXEC_SCRIPT),
            os.getpid(),
            int(death_signal),
            *who,
            "--",
            *argv,
        ]
        try:
            log = _open_log(log_path)
        except OSError as error:
            raise StartupError(f"Cannot write {log_path}: {error.strerror}.") from error
        with contextlib.ExitStack() as closing:
            closing.callback(os.close, log)
            try:
                given = _pipe_with(stdin)
                closing.callback(os.close, given)
                log_start = os.fstat(log).st_size
                process = await asyncio.create_subprocess_exec(
                    *map(str, wrapper),
                    cwd=cwd,
                    env=env,
                    stdin=given,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                raise StartupError(f"Cannot run {argv[0]}: {error.strerror}.") from error
        return cls(name, process, log_path, log_start)

    def log_tail(self) -> str:
        """The last ``LOG_TAIL_BYTES`` at most that this run wrote."""
        try:
            with self._log_path.open("rb") as log:
                log.seek(max(self._log_start, self._log_path.stat().st_size - LOG_TAIL_BYTES))
                return log.read().decode(errors="replace")
        except OSError:
            return ""

    async def wait(self) -> ServerFailure:
        """Wait, without limit, until it ends by itself; cancel to give up."""
        code = await self._process.wait()
        return ServerFailure(
            server=self.name, exit_code=code, log_tail=self.log_tail(), log_path=os.fspath(self._log_path)
        )

    async def wait_success(self, seconds: float) -> None:
        """Wait for a program that does one thing and ends.

        Raises:
            StartupError: it failed, or took more than ``seconds``; it is not running any more.
        """
        try:
            async with asyncio.timeout(seconds):
                code = await self._process.wait()
        except TimeoutError as error:
            raise StartupError(f"{self.name} took more than {seconds:g} s; see {self._log_path}.") from error
        finally:
            await self.stop([])
        if code != 0:
            raise self._failed("failed", code)

    async def wait_ready(self, is_ready: Callable[[], Awaitable[bool]], seconds: float) -> None:
        """Ask ``is_ready`` until it says yes.

        Raises:
            StartupError: it ended instead, or was not ready within ``seconds``; the caller still has to stop it.
        """
        deadline = time.monotonic() + seconds
        while True:
            if self._process.returncode is not None:
                raise self._failed("did not start", self._process.returncode)
            if await is_ready():
                return
            if time.monotonic() > deadline:
                raise StartupError(f"{self.name} was not ready within {seconds:g} s; see {self._log_path}.")
            await asyncio.sleep(POLL_SECONDS)

    def _failed(self, how: str, code: int) -> StartupError:
        reason = reason_in_log(self.log_tail())
        return StartupError(f"{self.name} {how} ({describe_exit(code)}): {reason} [{self._log_path}]")

    async def stop(self, steps: Iterable[tuple[signal.Signals, float]]) -> None:
        """Send each signal and wait its seconds until it has ended; after the last one SIGKILL to its whole group."""
        for number, seconds in steps:
            if await self._ended(number, seconds):
                return
        await self._ended(signal.SIGKILL, KILL_SECONDS)

    async def _ended(self, number: signal.Signals, seconds: float) -> bool:
        if self._process.returncode is None:
            # It may end between the look and the signal.
            with contextlib.suppress(ProcessLookupError):
                if number is signal.SIGKILL:
                    os.killpg(self.pid, number)
                else:
                    self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._process.wait()
        return self._process.returncode is not None
