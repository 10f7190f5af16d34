"""The floor of a claim: it answers each claim with its own id, as long as a gateway's yes, and does nothing else."""

import socket
from collections.abc import Iterator

import pytest

from inventory.hold_ids import new_hold_id
from kit.clock import now_ms
from kit.ids import new_id, new_ulid
from live import wire
from live.frames import JSON, frame_of
from loadtests.bench.answer_floor import OFFER_ID, AnswerFloor
from loadtests.bench.claim_frames import ClaimIds, around_id, payloads
from loadtests.bench.cores import ANYWHERE

PATIENCE_S = 10.0
GATEWAYS_YES = frame_of(
    wire.encode_json(
        wire.ClaimAccepted(
            claim_id=new_ulid(), hold_id=new_hold_id(7), offer_id=new_id("offer"), quantity=1, expires_at_ms=now_ms()
        )
    ),
    JSON,
)


@pytest.fixture
def floor() -> Iterator[AnswerFloor]:
    floor = AnswerFloor(ANYWHERE)
    floor.start()
    yield floor
    floor.stop()


def connect(floor: AnswerFloor) -> socket.socket:
    return socket.create_connection(("127.0.0.1", floor.port), timeout=PATIENCE_S)


def ask(sock: socket.socket, claim_id: bytes) -> wire.ClaimAccepted:
    before, after = around_id(OFFER_ID)
    sock.sendall(before + claim_id + after)
    data = sock.recv(65_536)
    assert len(data) == len(GATEWAYS_YES)
    [(start, stop)], rest = payloads(data, 0, len(data))
    assert rest == len(data), "one whole frame"
    answer = wire.decode_server(data[start:stop])
    assert isinstance(answer, wire.ClaimAccepted)
    return answer


def test_each_claim_is_answered_with_its_own_id(floor: AnswerFloor) -> None:
    ids = ClaimIds()
    with connect(floor) as one, connect(floor) as other:
        for sock in (one, other, one):
            claim_id = ids.next()
            assert ask(sock, claim_id).claim_id == claim_id.decode()


def test_who_leaves_does_not_end_it_for_the_others(floor: AnswerFloor) -> None:
    claim_id = ClaimIds().next()
    with connect(floor) as stays:
        with connect(floor) as leaves:
            ask(leaves, claim_id)
        assert ask(stays, claim_id).claim_id == claim_id.decode()
