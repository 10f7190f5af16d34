"""The system under test: ``showdrop dev`` for Redis, Postgres, API and worker, and gateways of its own beside it."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from loadtests.bench.cores import Cores, running_on
from loadtests.bench.host_http import Host
from loadtests.catalogue import catalogue
from loadtests.data_dir import secret_of, stores_of
from loadtests.free_ports import free_ports
from loadtests.role_http import Role
from loadtests.server_http import Server, without_settings

SKU = "LOAD-001"


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
        self.host = host
        self.url = server.url
        self.token = token
        self.redis_url, self.database_url = stores_of(data)
        self.secret = secret_of(data)
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
    """``showdrop gateway`` as a process of its own, beside the stand.

    Attributes:
        port: where it listens for viewers.

    Raises:
        LoadError: it is not ready in time; the message is the last line that it said.
    """

    def __init__(self, folder: Path, processes: int, cores: frozenset[int]) -> None:
        http_port, self.port = free_ports(2)
        self._role = Role(
            ["gateway", "--ws-port", str(self.port), "--processes", str(processes)],
            environ=without_settings()
            | {"SHOWDROP_DATA_DIR": str(folder / "data"), "SHOWDROP_HTTP_PORT": str(http_port)},
            log=folder / f"gateway-{self.port}.log",
            ready_urls=[f"http://127.0.0.1:{self.port}/readyz"],
        )
        with running_on(cores):
            self._role.start()
        try:
            self._role.wait_ready()
        except BaseException:
            self.stop()
            raise

    def pids(self) -> list[int]:
        """Return its processes."""
        return self._role.pids()

    def stop(self) -> None:
        """End it; viewers who are still there get its goodbye."""
        self._role.stop()


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
