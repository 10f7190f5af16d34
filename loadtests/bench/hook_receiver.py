"""A merchant's server for webhooks, in a process of its own: it writes down what comes, and when."""

import multiprocessing
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

import msgspec

from loadtests.bench.limits import REPORT_TIMEOUT_S, STOP_TIMEOUT_S
from loadtests.errors import LoadError

_fork = multiprocessing.get_context("fork")

Arrival = tuple[int, dict[str, int]]
"""When a call had come, by the monotonic clock in nanoseconds, and the quantities in it, by SKU."""


class _Level(msgspec.Struct):
    sku: str
    quantity: int


class _Data(msgspec.Struct):
    levels: list[_Level]


class _Body(msgspec.Struct):
    data: _Data


class HookReceiver:
    """Listens on loopback until ``stop``.

    Attributes:
        url: of the webhook.
    """

    def __init__(self) -> None:
        self._pipe, theirs = _fork.Pipe()
        self._process = _fork.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        self.url = f"http://127.0.0.1:{self._heard()}/hook"

    def report(self) -> list[Arrival]:
        """Return what has come since this was asked last, in order.

        Raises:
            LoadError: the process has died.
        """
        self._pipe.send(None)
        arrivals: list[Arrival] = self._heard()
        return arrivals

    def stop(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(STOP_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _heard(self) -> Any:  # noqa: ANN401 - what the process sends: its port first, then arrivals
        try:
            if self._pipe.poll(REPORT_TIMEOUT_S):
                return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise LoadError("the receiver of webhooks has ended") from error
        raise LoadError("the receiver of webhooks does not report")


def _serve(pipe: Connection) -> None:
    taken: list[tuple[int, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append((time.monotonic_ns(), body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    pipe.send(server.server_address[1])
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        now, taken[:] = list(taken), []
        pipe.send([(at_ns, _levels(body)) for at_ns, body in now])


def _levels(body: bytes) -> dict[str, int]:
    return {one.sku: one.quantity for one in msgspec.json.decode(body, type=_Body).data.levels}
