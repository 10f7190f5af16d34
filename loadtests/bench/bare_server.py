"""A server without a protocol, in a process of its own: what the floors of the benchmarks have in common."""

import contextlib
import multiprocessing
import os
import socket
from abc import ABC, abstractmethod
from multiprocessing.connection import Connection

from loadtests.bench.cores import Cores
from loadtests.bench.limits import OTHER_FILES, STOP_TIMEOUT_S

_fork = multiprocessing.get_context("fork")


class BareServer(ABC):
    """A process that lets in whoever connects; a target of the benchmarks. What it serves is up to ``_serve``.

    Args:
        name: what messages call it.
        cores: its core is the server's.
    """

    def __init__(self, name: str, cores: Cores) -> None:
        self.name = name
        self.port = 0
        self._cores = cores
        self._pipe, self._theirs = _fork.Pipe()
        self._process: multiprocessing.process.BaseProcess | None = None

    def pids(self) -> list[int]:
        """Return the process."""
        return [] if self._process is None or self._process.pid is None else [self._process.pid]

    def greeting(self, viewer: int) -> list[bytes]:  # noqa: ARG002 - all readers are alike
        """Return nothing: a reader only connects."""
        return []

    def greeted(self, received: bytes) -> int:  # noqa: ARG002 - nothing is ever awaited
        """Let everyone in at once."""
        return 1

    def start(self) -> None:
        """Listen and fork."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = int(listener.getsockname()[1])
        self._process = _fork.Process(target=self._run, args=(listener, self._theirs), daemon=True)
        self._process.start()
        listener.close()

    def stop(self) -> None:
        """End the process."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(STOP_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = None

    def _run(self, listener: socket.socket, owner: Connection) -> None:
        self._pipe.close()  # else we would never hear the owner's end
        if self._cores.server:
            os.sched_setaffinity(0, self._cores.server)
        listener.setblocking(False)
        with contextlib.suppress(KeyboardInterrupt):
            self._serve(listener, owner)

    @abstractmethod
    def _serve(self, listener: socket.socket, owner: Connection) -> None:
        """Serve in the process, until the owner says None or is gone."""


def accept_waiting(listener: socket.socket) -> list[socket.socket]:
    """Return the connections that wait, ``OTHER_FILES`` at the most; they do not block."""
    accepted = []
    for _ in range(OTHER_FILES):
        try:
            sock, _address = listener.accept()
        except BlockingIOError:
            break
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.append(sock)
    return accepted
