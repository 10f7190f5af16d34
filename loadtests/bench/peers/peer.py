"""What all peers share: a process of their own, a connection that publishes, and numbers for the events."""

import socket
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from loadtests.bench.peers.child import Child
from loadtests.bench.peers.limits import PUBLISH_TIMEOUT_S
from loadtests.bench.target import numbered
from loadtests.errors import LoadError
from loadtests.free_ports import free_ports

READ_BYTES = 65_536


class Peer(ABC):
    """A peer: a Target (bench/target.py) that may be absent.

    Args:
        cores: where its processes run; empty leaves it to the system.

    Attributes:
        cores: where it runs.
        key: its short name, as ``--only`` takes it.
        remedy: what to do when it is absent.
        name: its name, with the version once it has started.
        port: where viewers connect, known once it has started.
    """

    key: ClassVar[str]
    remedy: ClassVar[str]

    def __init__(self, cores: frozenset[int] = frozenset()) -> None:
        self.cores = cores
        self.name = self.key
        self.port = 0
        self._control_port = 0
        self._number = 0
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._child: Child | None = None
        self._publisher: socket.socket | None = None

    @abstractmethod
    def present(self) -> bool:
        """Return True when everything it needs is installed."""

    @abstractmethod
    def greeting(self, viewer: int) -> list[bytes]:
        """Return what a viewer writes, in order (see Target)."""

    @abstractmethod
    def greeted(self, received: bytes) -> int:
        """Return how many pieces of the greeting may have been sent by now (see Target)."""

    @abstractmethod
    def _launch(self, folder: Path) -> Child:
        """Start the process; ``self.port`` and ``self._control_port`` are set, ``folder`` is empty."""

    @abstractmethod
    def _introduce(self, publisher: socket.socket) -> str:
        """Greet the server on the new connection and return its name with the version."""

    @abstractmethod
    def _send(self, publisher: socket.socket, events: list[bytes]) -> None:
        """Publish the events at once and wait until the server has taken them."""

    def pids(self) -> list[int]:
        """Return the process whose CPU time counts."""
        return [self._running().pid]

    def publish(self, payload: bytes, count: int = 1) -> None:
        """Make ``count`` events at once (see Target).

        Raises:
            LoadError: it does not run, or does not answer.
        """
        if self._publisher is None:
            raise LoadError(f"{self.key} does not run")
        first = self._number + 1
        self._number += count
        events = [numbered(payload, number) for number in range(first, first + count)]
        try:
            self._send(self._publisher, events)
        except OSError as error:
            raise LoadError(f"{self.name} takes no events: {error}") from error

    def start(self) -> None:
        """Start the server; numbers of events begin at 1.

        Raises:
            LoadError: it does not start.
        """
        self._folder = tempfile.TemporaryDirectory(prefix="showdrop-peer-")
        self.port, self._control_port = free_ports(2)
        self._number = 0
        try:
            self._child = self._launch(Path(self._folder.name))
            self._publisher = self._child.connect(self._control_port)
            self._publisher.settimeout(PUBLISH_TIMEOUT_S)
            self.name = self._introduce(self._publisher)
        except OSError as error:
            self.stop()
            raise LoadError(f"{self.key} does not answer: {error}") from error
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server; harmless when it does not run."""
        if self._publisher is not None:
            self._publisher.close()
        if self._child is not None:
            self._child.stop()
        if self._folder is not None:
            self._folder.cleanup()
        self._publisher = self._child = self._folder = None

    def _running(self) -> Child:
        if self._child is None:
            raise LoadError(f"{self.key} does not run")
        return self._child


def read_line(connection: socket.socket) -> str:
    """Return one line without its end; nothing must follow it yet.

    Raises:
        LoadError: the connection ended first.
    """
    received = b""
    while not received.endswith(b"\n"):
        received += read_some(connection)
    return received.decode().strip()


def read_some(connection: socket.socket) -> bytes:
    """Return what has arrived, at least one byte.

    Raises:
        LoadError: the connection ended.
    """
    received = connection.recv(READ_BYTES)
    if not received:
        raise LoadError("the server closed the connection")
    return received
