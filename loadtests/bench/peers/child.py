"""A peer's server process: started on one core, its output in a file, stopped with everything it started."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from loadtests.bench.cores import running_on
from loadtests.bench.peers.limits import READY_POLL_S, READY_TIMEOUT_S, STOP_TIMEOUT_S
from loadtests.errors import LoadError

HOST: Final = "127.0.0.1"
_STAT_PARENT: Final = 1  # the parent's id in /proc/PID/stat, counted after the name in brackets


class Child:
    """A running process; it is started by the constructor.

    Args:
        command: the program and its arguments.
        log: where its output goes.
        environ: variables added to ours.
        cores: where it runs; empty leaves it to the system.

    Raises:
        LoadError: it cannot be started, or there are no such cores.
    """

    def __init__(
        self,
        command: list[str],
        *,
        log: Path,
        environ: Mapping[str, str] | None = None,
        cores: frozenset[int] = frozenset(),
    ) -> None:
        self._log = log
        try:
            # A process inherits its cores; set from outside later they would miss the threads it has by then.
            with log.open("wb") as output, running_on(cores):
                # A group of its own: Ctrl-C reaches us, and we stop it in order.
                self._process = subprocess.Popen(  # noqa: S603 - the commands of the peers, written by us
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=dict(os.environ) | dict(environ or {}),
                    start_new_session=True,
                )
        except OSError as error:
            raise LoadError(f"{command[0]} does not start: {error}") from error

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def children(self) -> list[int]:
        """Return the ids of the processes that it started."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it ended while we looked
                after_name = stat.read_text().rpartition(")")[2].split()
                if int(after_name[_STAT_PARENT]) == self.pid:
                    found.append(int(stat.parent.name))
        return found

    def connect(self, port: int) -> socket.socket:
        """Return a connection to one of its ports as soon as it listens.

        Raises:
            LoadError: it ended, or it does not listen in time.
        """
        gives_up_at = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < gives_up_at:
            if self._process.poll() is not None:
                raise LoadError(f"the server ended with {self._process.returncode}: {self._last_line()}")
            with contextlib.suppress(ConnectionRefusedError):
                connection = socket.create_connection((HOST, port), timeout=READY_TIMEOUT_S)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return connection
            time.sleep(READY_POLL_S)
        raise LoadError(f"the server does not listen after {READY_TIMEOUT_S:.0f} s: {self._last_line()}")

    def stop(self) -> None:
        """End it and all processes of its group."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_TIMEOUT_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
