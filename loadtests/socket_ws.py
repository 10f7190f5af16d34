"""A WebSocket of a locust user: a socket, which gevent lets wait, and the websockets library's own protocol."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.uri import parse_uri

DIAL_TIMEOUT_S = 10.0
"""For the connection and the upgrade."""

RECEIVE_BYTES = 64 * 1024
"""Most bytes of one read."""


class NotUpgradedError(Exception):
    """The gateway answered with another status; the message says which.

    Args:
        why: which.
        retry_after_s: after which it wants to see the viewer again; None when it does not say.
    """

    def __init__(self, why: str, retry_after_s: float | None = None) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s


class Socket:
    """One connection; made open.

    Args:
        url: of the gateway, with the show's path.

    Raises:
        NotUpgradedError: the gateway does not take it.
        OSError: there is no connection.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        port = parts.port or (443 if parts.scheme == "wss" else 80)
        self._protocol = ClientProtocol(parse_uri(url))
        self._socket = socket.create_connection((parts.hostname, port), timeout=DIAL_TIMEOUT_S)
        try:
            if parts.scheme == "wss":
                # Made anew each time: locust has changed the module that it comes from, and nobody is in a hurry here.
                context = ssl.create_default_context()
                self._socket = context.wrap_socket(self._socket, server_hostname=parts.hostname)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._upgrade()
            self._socket.settimeout(None)
        except BaseException:
            self._socket.close()
            raise

    def _upgrade(self) -> None:
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        while self._protocol.state is State.CONNECTING:
            self._feed()
            for event in self._protocol.events_received():
                if isinstance(event, Response) and event.status_code != 101:
                    after = event.headers.get("Retry-After", "")
                    raise NotUpgradedError(f"HTTP {event.status_code}", float(after) if after.isdigit() else None)
            if self._protocol.handshake_exc is not None:
                raise NotUpgradedError(str(self._protocol.handshake_exc))

    def messages(self) -> Iterator[list[bytes]]:
        """Yield what each read brought, until the connection ends; lists may be empty."""
        while self._protocol.state is State.OPEN:
            found = [
                bytes(event.data)
                for event in self._protocol.events_received()
                if isinstance(event, Frame) and event.opcode is Opcode.TEXT
            ]
            yield found
            try:
                self._feed()
                self._flush()
            except OSError:
                return

    def send(self, payload: bytes) -> None:
        """Send one text message; nothing when the connection is over, which the reader notices."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_text(payload)
            self._flush()

    def cut(self) -> None:
        """End it without a word; whoever reads notices."""
        with contextlib.suppress(OSError):  # it was over
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let it go."""
        self._socket.close()

    def _feed(self) -> None:
        data = self._socket.recv(RECEIVE_BYTES)
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._socket.sendall(data)
