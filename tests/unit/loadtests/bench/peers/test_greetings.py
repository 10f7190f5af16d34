"""When a viewer of each peer may write its next piece, and when it is in, by answers as the real servers send them."""

import itertools

import pytest

from loadtests.bench.peers.nats import Nats, NatsWebSocket
from loadtests.bench.peers.nchan import Nchan
from loadtests.bench.peers.node import SocketIo, Ws
from loadtests.bench.peers.peer import Peer
from loadtests.bench.peers.python_server import StarletteUvicorn, Websockets

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
INFO = b'INFO {"server_id":"N","version":"2.9.10"} \r\n'
OPENED = UPGRADED + b'\x81\x7e\x00\x8f0{"sid":"a","upgrades":[]}'

STEPS: list[tuple[Peer, list[bytes]]] = [
    (Nchan(), [b"", UPGRADED]),
    (Nats(), [b"", INFO + b"PONG\r\n"]),
    (NatsWebSocket(), [b"", UPGRADED + b"\x82\x7e" + INFO, UPGRADED + b"\x82\x7e" + INFO + b"\x82\x06PONG\r\n"]),
    (Ws(), [b"", UPGRADED + b"\x81\x07welcome"]),
    (SocketIo(), [b"", OPENED, OPENED + b'\x81\x2140{"sid":"b"}']),
    (Websockets(), [b"", UPGRADED + b"\x81\x07welcome"]),
    (StarletteUvicorn(), [b"", UPGRADED + b"\x81\x07welcome"]),
]


@pytest.mark.parametrize(("peer", "answers"), STEPS, ids=lambda value: getattr(value, "key", ""))
def test_each_answer_lets_the_viewer_go_one_step_on_until_it_is_in(peer: Peer, answers: list[bytes]) -> None:
    steps = [peer.greeted(received) for received in answers]
    assert steps == list(range(1, len(peer.greeting(0)) + 2))


@pytest.mark.parametrize(("peer", "answers"), STEPS, ids=lambda value: getattr(value, "key", ""))
def test_half_an_answer_lets_nobody_on(peer: Peer, answers: list[bytes]) -> None:
    for step, (before, after) in enumerate(itertools.pairwise(answers), start=1):
        half = after[: (len(before) + len(after)) // 2]
        assert peer.greeted(half) == step


@pytest.mark.parametrize("peer", [peer for peer, _ in STEPS], ids=lambda peer: str(peer.key))
def test_a_refusal_lets_nobody_on(peer: Peer) -> None:
    assert peer.greeted(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n") == 1
