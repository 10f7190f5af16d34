"""A real channel for the rehearsal: a webhook receiver on loopback that checks every signature."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import msgspec
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from live.rehearse.limits import RECEIVER_BODY_MAX_BYTES


class _Level(msgspec.Struct):
    sku: str
    quantity: int
    version: int


class _Data(msgspec.Struct):
    levels: list[_Level]


class _Call(msgspec.Struct):
    type: str
    data: _Data


class ChannelReceiver:
    """Takes levels as a sales channel would: of each SKU, the one with the highest version counts.

    It runs in threads of its own, so that the viewers' event loop is not disturbed. Use it as a context manager.

    Attributes:
        calls: calls with a good signature.
        bad_signatures: calls without one.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.bad_signatures = 0
        self._levels: dict[str, _Level] = {}
        self._webhook: Webhook | None = None
        self._lock = threading.Lock()
        receiver = self

        class Handler(_Handler):
            owner = receiver

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/levels"

    def know_secret(self, secret: str) -> None:
        """Begin to accept calls; before, they are answered 503 and come again."""
        self._webhook = Webhook(secret)

    def level(self, sku: str) -> int | None:
        """Return what the channel shows for a SKU now."""
        with self._lock:
            level = self._levels.get(sku)
        return None if level is None else level.quantity

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """Judge one call and return the HTTP status of the answer."""
        if self._webhook is None:
            return 503
        try:
            self._webhook.verify(body, headers, json_parse=False)
            call = msgspec.json.decode(body, type=_Call)
        except (WebhookVerificationError, ValueError):
            # ValueError: the library splits headers before it judges them.
            self.bad_signatures += 1
            return 401
        with self._lock:
            self.calls += 1
            for level in call.data.levels:
                known = self._levels.get(level.sku)
                if known is None or known.version < level.version:
                    self._levels[level.sku] = level
        return 204

    def __enter__(self) -> "ChannelReceiver":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


class _Handler(BaseHTTPRequestHandler):
    owner: ClassVar[ChannelReceiver]
    timeout = 10

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        if not 0 < length <= RECEIVER_BODY_MAX_BYTES:
            status = 413
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = self.owner.take(headers, self.rfile.read(length))
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the progress bar has the screen."""
