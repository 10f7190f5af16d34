"""The floor of a claim: a bare ``recv`` and a bare ``send`` of as many bytes, for one of as many sockets, on one core.

No protocol, no event loop, no hold book: every claim is answered with yes, with its own id in the bytes of an answer.
What is left is the price of two system calls.
"""

import gc
import select
import socket
from multiprocessing.connection import Connection
from typing import Final

from live import wire
from loadtests.bench.bare_server import BareServer, accept_waiting
from loadtests.bench.claim_frames import ID_BYTES, around_id
from loadtests.bench.cores import Cores
from loadtests.bench.server_frames import text_frame

OFFER_ID: Final = "offer_" + "1" * ID_BYTES
"""What has to be claimed from; any offer's id is as long."""

_HOLD_ID: Final = "hold_" + "1" * ID_BYTES
_PLACE: Final = "0" * ID_BYTES
_READ_BYTES: Final = 64 * 1024
_READY_AT_ONCE: Final = 1024


class AnswerFloor(BareServer):
    """A process that accepts readers and answers their claims on ``OFFER_ID``, one at a time from each.

    Args:
        cores: its core is the server's.
    """

    def __init__(self, cores: Cores) -> None:
        super().__init__("the floor that answers", cores)

    def _serve(self, listener: socket.socket, owner: Connection) -> None:
        gc.disable()
        id_at = len(around_id(OFFER_ID)[0])
        id_end = id_at + ID_BYTES
        head, tail = _around_answer()
        socks: dict[int, socket.socket] = {}
        poller = select.epoll()
        poller.register(listener.fileno(), select.EPOLLIN)
        poller.register(owner.fileno(), select.EPOLLIN)
        while True:
            for fd, _mask in poller.poll(maxevents=_READY_AT_ONCE):
                sock = socks.get(fd)
                if sock is None:
                    if fd == owner.fileno():
                        return
                    for new in accept_waiting(listener):
                        socks[new.fileno()] = new
                        poller.register(new.fileno(), select.EPOLLIN)
                    continue
                try:
                    claim = sock.recv(_READ_BYTES)
                    if claim:
                        sock.send(head + claim[id_at:id_end] + tail)
                except OSError:
                    claim = b""
                if not claim:  # the reader has gone
                    socks.pop(fd).close()


def _around_answer() -> tuple[bytes, bytes]:
    """Return what stands before and after the claim's id in a frame as long as a gateway's yes."""
    answer = wire.ClaimAccepted(
        claim_id=_PLACE, hold_id=_HOLD_ID, offer_id=OFFER_ID, quantity=1, expires_at_ms=1_795_000_000_000
    )
    head, _, tail = text_frame(wire.encode_json(answer)).partition(_PLACE.encode())
    return head, tail
