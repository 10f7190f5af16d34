"""``showdrop dev`` of the load test's own, known from outside only: its commands, its ports and its HTTP API."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

import httpx

from loadtests.errors import LoadError
from loadtests.free_ports import free_ports
from loadtests.limits import HTTP_TIMEOUT_S
from loadtests.role_http import Role, showdrop

_SETTINGS: Final = ("SHOWDROP_", "OTEL_", "REDIS_URL", "DATABASE_URL")
"""How the names of variables begin that say how a deployment is set up."""


class Server:
    """``showdrop dev`` on free ports, with a fresh data directory; a context manager.

    Args:
        folder: an empty directory; the data and the server's log go there.

    Attributes:
        url: of the API.
        ws_url: of the gateway.
        environ: what a command needs to know of it.
    """

    def __init__(self, folder: Path) -> None:
        http_port, ws_port = free_ports(2)
        self.url = f"http://127.0.0.1:{http_port}"
        self.ws_url = f"ws://127.0.0.1:{ws_port}"
        self.environ = without_settings() | {
            "SHOWDROP_HTTP_PORT": str(http_port),
            "SHOWDROP_WS_PORT": str(ws_port),
            "SHOWDROP_DATA_DIR": str(folder / "data"),
        }
        ready_urls = [f"{self.url}/readyz", f"http://127.0.0.1:{ws_port}/readyz"]
        self._role = Role(["dev"], environ=self.environ, log=folder / "server.log", ready_urls=ready_urls)

    def __enter__(self) -> "Server":
        self._role.__enter__()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._role.stop()

    def import_catalogue(self, csv: str) -> None:
        """Import a catalogue file over HTTP."""
        token = self.run("token", "--role", "host", "--subject", "load", capture=True).strip()
        response = httpx.post(
            f"{self.url}/v1/catalog/import",
            content=csv.encode(),
            headers={"authorization": f"Bearer {token}", "content-type": "text/csv"},
            timeout=HTTP_TIMEOUT_S,
            trust_env=False,
        )
        if not response.is_success or response.json()["created"] == 0:
            raise LoadError(f"the catalogue was not imported: {response.text[:300]}")

    def run(self, *arguments: str, capture: bool = False) -> str:
        """Run a command beside the server and return its output.

        Raises:
            LoadError: it failed.
        """
        done = subprocess.run(  # noqa: S603 - our own command
            [showdrop(), *arguments],
            env=self.environ,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            check=False,
            timeout=HTTP_TIMEOUT_S,
        )
        if done.returncode != 0:
            raise LoadError(f"showdrop {arguments[0]} ended with {done.returncode}")
        return done.stdout or ""


def without_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return an environment without what it says of another deployment: servers, secret, limits, where money goes."""
    return {name: value for name, value in environ.items() if not name.startswith(_SETTINGS)}
