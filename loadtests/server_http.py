"""A server of the load test's own, known from outside only: its commands, its ports and its HTTP API."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx

from loadtests.limits import HTTP_TIMEOUT_S, READY_TIMEOUT_S, STOP_TIMEOUT_S


class LoadError(Exception):
    """The load test cannot go on; the message is one line with the remedy."""


class Server:
    """``showdrop dev`` on free ports, with a fresh data directory; a context manager.

    Args:
        folder: an empty directory; the data and the server's log go there.
    """

    def __init__(self, folder: Path) -> None:
        http_port, ws_port = _free_ports(2)
        self.url = f"http://127.0.0.1:{http_port}"
        self.ws_url = f"ws://127.0.0.1:{ws_port}"
        self._ready_urls = [f"{self.url}/readyz", f"http://127.0.0.1:{ws_port}/readyz"]
        self._showdrop = str(Path(sys.executable).with_name("showdrop"))
        self._log = folder / "server.log"
        inherited = {name: value for name, value in os.environ.items() if name not in ("REDIS_URL", "DATABASE_URL")}
        self._environ = inherited | {
            "SHOWDROP_HTTP_PORT": str(http_port),
            "SHOWDROP_WS_PORT": str(ws_port),
            "SHOWDROP_DATA_DIR": str(folder / "data"),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Server":
        with self._log.open("wb") as log:
            # A group of its own: Ctrl-C reaches us, and we stop it in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [self._showdrop, "dev"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environ,
                start_new_session=True,
            )
        try:
            self._wait_ready(self._process)
        except BaseException:
            self._stop(self._process)
            raise
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._stop(self._process)

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
            [self._showdrop, *arguments],
            env=self._environ,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            check=False,
            timeout=HTTP_TIMEOUT_S,
        )
        if done.returncode != 0:
            raise LoadError(f"showdrop {arguments[0]} ended with {done.returncode}")
        return done.stdout or ""

    def rehearse(self, viewers: int, units: int, timeout_s: float) -> int:
        """Run a rehearsal, its output on our screen, and return its exit code.

        Raises:
            LoadError: it did not end in time.
        """
        command = [self._showdrop, "rehearse", "--viewers", str(viewers), "--units", str(units)]
        command += ["--url", self.url, "--ws-url", self.ws_url]
        try:
            return subprocess.run(command, env=self._environ, check=False, timeout=timeout_s).returncode  # noqa: S603 - our own command
        except subprocess.TimeoutExpired as error:
            raise LoadError(f"the rehearsal did not end within {timeout_s:.0f} s") from error

    def _wait_ready(self, process: "subprocess.Popen[bytes]") -> None:
        gives_up_at = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < gives_up_at:
            if process.poll() is not None:
                raise LoadError(f"the server ended with {process.returncode}: {self.last_line()}")
            if all(_is_ready(url) for url in self._ready_urls):
                return
            time.sleep(0.2)
        raise LoadError(f"the server was not ready within {READY_TIMEOUT_S:.0f} s: {self.last_line()}")

    def last_line(self) -> str:
        """Return the last line of the server's log."""
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    @staticmethod
    def _stop(process: "subprocess.Popen[bytes]") -> None:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=HTTP_TIMEOUT_S, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
