"""The crowd that claims, against a server that answers as it likes."""

import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import pytest

from live import wire
from live.frames import JSON, frame_of
from loadtests.bench.board import Count
from loadtests.bench.claim_frames import around_id
from loadtests.bench.claim_loop import ClaimLoop
from loadtests.bench.claim_round import ClaimOrder, ClaimReport
from tests.unit.loadtests.bench.puppet import PATIENCE_S, Puppet, crowd_of_two

OFFER = "offer_1"
STOCK = frame_of(wire.encode_json(wire.OfferStock(offer_id=OFFER, available=7, held=1, sold=0)), JSON)


@pytest.fixture
def puppet() -> Iterator[Puppet]:
    puppet = Puppet()
    yield puppet
    puppet.stop()


@pytest.fixture
def owner(puppet: Puppet) -> Iterator[Connection]:
    with crowd_of_two(puppet, ClaimLoop) as (owner, _):
        yield owner


def accepted(claim_id: str, hold_id: str) -> bytes:
    answer = wire.ClaimAccepted(claim_id=claim_id, hold_id=hold_id, offer_id=OFFER, quantity=1, expires_at_ms=17)
    return frame_of(wire.encode_json(answer), JSON)


def refused(claim_id: str) -> bytes:
    answer = wire.ClaimRefused(claim_id=claim_id, offer_id=OFFER, reason="sold_out", temporary=True)
    return frame_of(wire.encode_json(answer), JSON)


def claims(sock: socket.socket, count: int) -> list[str]:
    """Read claims; return their ids."""
    before, after = around_id(OFFER)
    data = b""
    while data.count(after) < count:
        data += sock.recv(65_536)
    return [part.removesuffix(after).decode() for part in data.split(before)[1:]]


def report_of(owner: Connection) -> ClaimReport:
    assert owner.poll(PATIENCE_S), "no report"
    report = owner.recv()
    assert isinstance(report, ClaimReport)
    return report


def test_answers_among_counts_and_in_pieces_are_read(puppet: Puppet, owner: Connection) -> None:
    viewers = puppet.enter(early=STOCK[:9])  # the rest of it comes later
    owner.send(ClaimOrder(offers=[OFFER], each=3, in_flight=2))
    [one] = claims(viewers[b"0"], 1)
    [two] = claims(viewers[b"1"], 1)
    viewers[b"0"].sendall(STOCK[9:] + STOCK + accepted(one, "hold_1") + STOCK)
    [three] = claims(viewers[b"0"], 1)
    answer = STOCK[9:] + refused(two)
    for at in range(len(answer)):
        viewers[b"1"].sendall(answer[at : at + 1])
    viewers[b"0"].sendall(accepted(three, "hold_2"))
    report = report_of(owner)
    assert (report.accepted, report.holds, report.refused) == (2, 2, {"sold_out": 1})
    assert (report.unanswered, report.strange) == (0, 0)
    for sock in viewers.values():
        sock.close()


def test_a_claim_whose_viewer_is_cut_stays_unanswered_and_is_told(puppet: Puppet, owner: Connection) -> None:
    viewers = puppet.enter()
    owner.send(ClaimOrder(offers=[OFFER], each=2, in_flight=2, timeout_s=0.5))
    [one] = claims(viewers[b"0"], 1)
    claims(viewers[b"1"], 1)
    viewers[b"1"].close()
    viewers[b"0"].sendall(refused(one))
    report = report_of(owner)
    assert (report.answered, report.unanswered) == (1, 1)
    viewers[b"0"].close()


def test_watchers_note_counts_and_deadlines(puppet: Puppet, owner: Connection) -> None:
    viewers = puppet.enter()
    owner.send(ClaimOrder(offers=[OFFER], each=1, in_flight=1, watchers=1, until_available=7))
    [one] = claims(viewers[b"0"], 1)
    viewers[b"0"].sendall(accepted(one, "hold_1"))
    viewers[b"1"].sendall(STOCK)
    report = report_of(owner)
    assert report.expires_at_ms == [17]
    assert [[one.available for one in seen] for seen in report.seen] == [[7]]
    for sock in viewers.values():
        sock.close()


def test_every_stock_count_of_every_viewer_is_counted_also_between_rounds(puppet: Puppet) -> None:
    with crowd_of_two(puppet, ClaimLoop) as (owner, board):
        viewers = puppet.enter()
        viewers[b"0"].sendall(STOCK + STOCK[:5])
        viewers[b"1"].sendall(STOCK)
        wait_until(lambda: board.count(Count.STOCK_COUNTS) == 2)
        owner.send(ClaimOrder(offers=[OFFER], each=1, in_flight=1))
        [one] = claims(viewers[b"0"], 1)
        viewers[b"0"].sendall(STOCK[5:] + refused(one))
        report_of(owner)
        wait_until(lambda: board.count(Count.STOCK_COUNTS) == 3)
        for sock in viewers.values():
            sock.close()


def wait_until(is_so: Callable[[], bool]) -> None:
    gives_up_at = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < gives_up_at
        time.sleep(0.005)
