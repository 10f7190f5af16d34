"""Peers whose server is a script of ours beside this file: it listens for viewers and on a control port (batch.py)."""

import socket

from loadtests.bench.client_frames import upgrade_request
from loadtests.bench.peers.batch import TAKEN, encode_batch
from loadtests.bench.peers.peer import Peer, read_line, read_some


class ScriptPeer(Peer):
    """A server of ours on another's library; a viewer is in when it got the ``welcome``."""

    welcome = b"welcome"

    def greeting(self, viewer: int) -> list[bytes]:
        """Return the upgrade request; viewers do not differ."""
        del viewer
        return [upgrade_request("/", self.port)]

    def greeted(self, received: bytes) -> int:
        """Return 2 when the server has welcomed the viewer, before it 1."""
        return 2 if self.welcome in received else 1

    def _introduce(self, publisher: socket.socket) -> str:
        return read_line(publisher)

    def _send(self, publisher: socket.socket, events: list[bytes]) -> None:
        publisher.sendall(encode_batch(events))
        answer = b""
        while answer != TAKEN:
            answer += read_some(publisher)
