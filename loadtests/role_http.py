"""One command of the program as a process of the load test's own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

import click
import httpx

from loadtests.bench.process_figures import with_children
from loadtests.errors import LoadError
from loadtests.limits import HTTP_TIMEOUT_S, READY_TIMEOUT_S, STOP_TIMEOUT_S

POLL_S: Final = 0.1


class Role:
    """``showdrop …`` as a child; a context manager that waits until it is ready, and ends it in order.

    Args:
        arguments: the role and its flags.
        environ: the child's own.
        log: file that its output is appended to.
        ready_urls: answer with success when it is ready. Without any, it is ready when its output says so.
        program: the command.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        environ: Mapping[str, str],
        log: Path,
        ready_urls: Sequence[str] = (),
        program: Sequence[str] | None = None,
    ) -> None:
        self.name = arguments[0]
        self._command = [*(program or [showdrop()]), *arguments]
        self._environ = dict(environ)
        self._log = log
        self._ready_urls = ready_urls
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Role":
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The child; it has to have been started."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it, and do not wait."""
        with self._log.open("ab") as log:
            # A group of its own: Ctrl-C reaches us, and we stop it in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environ,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        """Wait until it is ready.

        Raises:
            LoadError: it ended, or was not in time.
        """
        gives_up_s = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < gives_up_s:
            if how := self.ended():
                raise LoadError(how)
            if self._is_ready():
                return
            time.sleep(POLL_S)
        raise LoadError(f"showdrop {self.name} was not ready within {READY_TIMEOUT_S:.0f} s: {self.last_line()}")

    def ended(self) -> str | None:
        """Return how it ended, in one line; None while it runs, and before it was started."""
        if self._process is None or self._process.poll() is None:
            return None
        return f"showdrop {self.name} ended with {self._process.returncode}: {self.last_line()}"

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int | None:
        """Tell it to end, kill it and say so when it does not, and return its exit code; None when it never started."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            click.echo(f"showdrop {self.name} did not end within {timeout_s:g} s and was killed", err=True)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            return self._process.wait()

    def pids(self) -> list[int]:
        """Return its processes."""
        return [] if self._process is None else with_children(self._process.pid)

    def last_line(self) -> str:
        """Return the last line of its log."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def _is_ready(self) -> bool:
        if not self._ready_urls:
            return " ready" in self._log.read_text(errors="replace")
        return all(_answers(url) for url in self._ready_urls)


def showdrop() -> str:
    """Return the path of the command."""
    return str(Path(sys.executable).with_name("showdrop"))


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=HTTP_TIMEOUT_S, trust_env=False).is_success
    except httpx.TransportError:
        return False
