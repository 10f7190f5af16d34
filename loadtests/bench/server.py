"""The system under test: ``showdrop dev`` for Redis, Postgres, API and worker, and gateways of its own beside it."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from loadtests.bench.cores import Cores, running_on
from loadtests.bench.host_http import Host
from loadtests.bench.limits import READY_TIMEOUT_S, STOP_TIMEOUT_S
from loadtests.bench.process_figures import with_children
from loadtests.bench.ready_http import is_ready
from loadtests.errors import LoadError
from loadtests.load import catalogue
from loadtests.server_http import Server

SKU = "LOAD-001"


class _Urls(msgspec.Struct):
    redis_url: str
    database_url: str


class _Running(msgspec.Struct):
    """What ``servers.json`` says."""

    urls: _Urls


class Stand:
    """A running ``showdrop dev`` with an empty shop; made by ``open_stand``.

    Attributes:
        host: makes shows.
        url: of the API.
        token: of its host.
        redis_url: where the logs are.
        database_url: where the orders are.
        secret: signs tokens.
    """

    def __init__(self, folder: Path, server: Server, token: str, host: Host) -> None:
        data = folder / "data"
        urls = msgspec.json.decode((data / "servers.json").read_bytes(), type=_Running).urls
        self.host = host
        self.url = server.url
        self.token = token
        self.redis_url = urls.redis_url
        self.database_url = urls.database_url
        self.secret = (data / "secret").read_text().strip()
        self._folder = folder
        self._server = server
        self._has_catalogue = False

    def stock(self) -> str:
        """Import a small catalogue, once, and return a SKU of it."""
        if not self._has_catalogue:
            self._server.import_catalogue(catalogue(1))
            self._has_catalogue = True
        return SKU

    def stock_many(self, products: int) -> list[str]:
        """Import a catalogue of so many products with one SKU each; return the SKUs."""
        self._server.import_catalogue(catalogue(products))
        self._has_catalogue = True
        return [f"LOAD-{number:03}" for number in range(1, products + 1)]

    def more_stock(self, units: int) -> None:
        """Put ``units`` more units of ``SKU`` on the shelf."""
        self.host.add_stock(self.stock(), units)

    def gateway(self, processes: int, cores: frozenset[int]) -> "Gateway":
        """Start a gateway of ``processes`` processes and return when it accepts viewers.

        Raises:
            LoadError: it does not; the message is the last line that it said.
        """
        return Gateway(self._folder, processes, cores)


class Gateway:
    """``showdrop gateway`` as a process of its own.

    Attributes:
        port: where it listens for viewers.
    """

    def __init__(self, folder: Path, processes: int, cores: frozenset[int]) -> None:
        http_port, self.port = _free_ports(2)
        self._log = folder / f"gateway-{self.port}.log"
        command = [str(Path(sys.executable).with_name("showdrop")), "gateway", "--ws-port", str(self.port)]
        if processes > 1:
            command += ["--processes", str(processes)]
        inherited = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
        with self._log.open("wb") as log, running_on(cores):
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=inherited | {"SHOWDROP_DATA_DIR": str(folder / "data"), "SHOWDROP_HTTP_PORT": str(http_port)},
                start_new_session=True,
            )
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise

    def pids(self) -> list[int]:
        """Return its processes."""
        return with_children(self._process.pid)

    def stop(self) -> None:
        """End it; viewers who are still there get its goodbye."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()

    def _wait_ready(self) -> None:
        gives_up_at = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < gives_up_at:
            if self._process.poll() is not None:
                raise LoadError(f"the gateway ended with {self._process.returncode}: {self._last_line()}")
            if is_ready(f"http://127.0.0.1:{self.port}/readyz"):
                return
            time.sleep(0.1)
        raise LoadError(f"the gateway was not ready within {READY_TIMEOUT_S:.0f} s: {self._last_line()}")

    def _last_line(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


@contextlib.contextmanager
def open_stand(cores: Cores) -> Iterator[Stand]:
    """Run ``showdrop dev`` in a temporary directory, beside the server's core.

    Raises:
        LoadError: it does not start; the message is one line.
    """
    with tempfile.TemporaryDirectory(prefix="showdrop-bench-") as name, contextlib.ExitStack() as stack:
        with running_on(cores.rest):
            server = stack.enter_context(Server(Path(name)))
        token = server.run("token", "--role", "host", "--subject", "bench", capture=True).strip()
        host = Host(server.url, token)
        stack.callback(host.close)
        yield Stand(Path(name), server, token, host)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
