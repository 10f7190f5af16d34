"""A whole deployment of the load test's own: Redis and Postgres, and every role as a process of its own."""

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Final

from loadtests.bench.process_figures import programs
from loadtests.data_dir import secret_of, stores_of
from loadtests.free_ports import free_ports
from loadtests.names import API, GATEWAY, POSTGRES, REDIS, WORKER
from loadtests.role_http import Role
from loadtests.server_http import without_settings

_STORES: Final = {"redis-server": REDIS, "postgres": POSTGRES}


class Deployment:
    """``showdrop servers``, ``api``, ``worker`` and ``gateway`` on free ports; a context manager.

    Args:
        folder: an empty directory; the data and the logs go there.

    Attributes:
        url: of the API.
        ws_url: of the gateway.
        environ: what a command needs to know of it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        http_port, ws_port, worker_port = free_ports(3)
        self.url = f"http://127.0.0.1:{http_port}"
        self.ws_url = f"ws://127.0.0.1:{ws_port}"
        self.environ = without_settings() | {
            "SHOWDROP_HTTP_PORT": str(http_port),
            "SHOWDROP_WS_PORT": str(ws_port),
            "SHOWDROP_WORKER_PORT": str(worker_port),
            "SHOWDROP_DATA_DIR": str(folder / "data"),
            "SHOWDROP_TEST_BANK": "on",
        }
        self._stack = contextlib.ExitStack()
        self._servers = self._role("servers")
        self._roles = {
            API: self._role(API, port=http_port),
            WORKER: self._role(WORKER, port=worker_port),
            GATEWAY: self._role(GATEWAY, port=ws_port),
        }

    def __enter__(self) -> "Deployment":
        try:
            for role in (self._servers, *self._roles.values()):
                self._stack.enter_context(role)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def secret(self) -> str:
        """What signs tokens."""
        return secret_of(self.folder / "data")

    @property
    def stores(self) -> tuple[str, str]:
        """Where Redis and Postgres are."""
        return stores_of(self.folder / "data")

    def pids(self) -> dict[str, list[int]]:
        """Return the processes by role."""
        found = {name: role.pids() for name, role in self._roles.items()} | {REDIS: [], POSTGRES: []}
        for pid, program in programs(self._servers.pids()).items():
            if program in _STORES:
                found[_STORES[program]].append(pid)
        return found

    def ended(self) -> list[str]:
        """Return which commands have ended by themselves, and how: a line each."""
        return [how for role in (self._servers, *self._roles.values()) if (how := role.ended())]

    def _role(self, *arguments: str, port: int | None = None) -> Role:
        ready_urls = [] if port is None else [f"http://127.0.0.1:{port}/readyz"]
        log = self.folder / f"{arguments[0]}.log"
        return Role(arguments, environ=self.environ, log=log, ready_urls=ready_urls)
