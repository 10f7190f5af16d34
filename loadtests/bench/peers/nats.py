"""NATS as a peer: ``nats-server`` with its own protocol over TCP, and with the same inside WebSocket frames.

At its best: one core, no authorisation, no log, no compression, pings an hour apart, one subject that all viewers
subscribe. The server sends each viewer one early ping for its round-trip figure, about two seconds after the connect,
whatever the interval; viewers need not answer it.
"""

import json
import shutil
import socket
from pathlib import Path
from typing import Final

from loadtests.bench.client_frames import after_headers, status_of, text_frame, upgrade_request
from loadtests.bench.peers.child import HOST, Child
from loadtests.bench.peers.limits import NATS_PAYLOAD_BYTES
from loadtests.bench.peers.peer import Peer, read_line, read_some

_SUBJECT: Final = b"show"
_CONNECT: Final = b'CONNECT {"verbose":false,"pedantic":false,"echo":false}\r\n'
_PING: Final = b"PING\r\n"
_PONG: Final = b"PONG\r\n"
_SUBSCRIBE: Final = _CONNECT + b"SUB " + _SUBJECT + b" 1\r\n" + _PING


class Nats(Peer):
    """The native protocol."""

    key = "nats"
    remedy = "install nats-server"

    def present(self) -> bool:
        """Return True when nats-server is on the PATH."""
        return shutil.which("nats-server") is not None

    def greeting(self, viewer: int) -> list[bytes]:
        """Return CONNECT, SUB and PING in one piece; viewers do not differ."""
        del viewer
        return [_SUBSCRIBE]

    def greeted(self, received: bytes) -> int:
        """Return 2 once the PING after the SUB is answered, before it 1."""
        return 2 if _PONG in received else 1

    def _launch(self, folder: Path) -> Child:
        config = folder / "nats.conf"
        config.write_text(self._config())
        # Go makes as many threads run as there are cores: one, also when it is not held to one.
        return Child(
            ["nats-server", "-c", str(config)], log=folder / "server.log", environ={"GOMAXPROCS": "1"}, cores=self.cores
        )

    def _introduce(self, publisher: socket.socket) -> str:
        info = json.loads(read_line(publisher).removeprefix("INFO "))
        publisher.sendall(_CONNECT)
        return f"{self._title()} {info['version']}"

    def _send(self, publisher: socket.socket, events: list[bytes]) -> None:
        publisher.sendall(publish_commands(events) + _PING)
        answer = b""
        while _PONG not in answer:
            answer += read_some(publisher)

    def _title(self) -> str:
        return "NATS"

    def _config(self) -> str:
        self._control_port = self.port
        return base_config(self.port)


class NatsWebSocket(Nats):
    """The WebSocket listener; events are published over TCP."""

    key = "nats-ws"

    def greeting(self, viewer: int) -> list[bytes]:
        """Return the upgrade request, then CONNECT, SUB and PING in one frame."""
        del viewer
        return [upgrade_request("/", self.port), text_frame(_SUBSCRIBE)]

    def greeted(self, received: bytes) -> int:
        """Return 2 after the upgrade and 3 once the PING after the SUB is answered."""
        if status_of(received) != 101 or after_headers(received) is None:
            return 1
        return 3 if _PONG in received else 2

    def _title(self) -> str:
        return "NATS WebSocket"

    def _config(self) -> str:
        return base_config(self._control_port) + (
            f'websocket {{ listen: "{HOST}:{self.port}", no_tls: true, compression: false }}\n'
        )


def base_config(port: int) -> str:
    """Return the configuration of a server with one TCP listener."""
    return f'listen: "{HOST}:{port}"\nmax_payload: {NATS_PAYLOAD_BYTES}\nping_interval: "1h"\n'


def publish_commands(events: list[bytes]) -> bytes:
    """Return one PUB for each event."""
    return b"".join(b"PUB %b %d\r\n%b\r\n" % (_SUBJECT, len(event), event) for event in events)
