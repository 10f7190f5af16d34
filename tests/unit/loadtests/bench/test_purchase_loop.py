"""The crowd that buys, against a server that answers as it likes."""

import time
from collections.abc import Iterator
from multiprocessing.connection import Connection

import pytest

from kit.money import Money
from live import wire
from live.frames import JSON, frame_of
from loadtests.bench.board import Board, Count
from loadtests.bench.claim_frames import around_id
from loadtests.bench.purchase_frames import checkout_of
from loadtests.bench.purchase_loop import PurchaseLoop
from loadtests.bench.purchase_round import PurchasePlan, PurchaseReport
from tests.unit.loadtests.bench.puppet import PATIENCE_S, Puppet, crowd_of_two

OFFER = "offer_1"
HOLD = "hold_" + "1" * 26
PRICE = Money(900, "EUR")


@pytest.fixture
def puppet() -> Iterator[Puppet]:
    puppet = Puppet()
    yield puppet
    puppet.stop()


@pytest.fixture
def crowd(puppet: Puppet) -> Iterator[tuple[Connection, Board]]:
    with crowd_of_two(puppet, PurchaseLoop) as crowd:
        yield crowd


def frame(message: wire.ServerMessage) -> bytes:
    return frame_of(wire.encode_json(message), JSON)


def accepted(claim: bytes) -> bytes:
    before, after = around_id(OFFER)
    claim_id = claim.removeprefix(before).removesuffix(after).decode()
    return frame(wire.ClaimAccepted(claim_id=claim_id, hold_id=HOLD, offer_id=OFFER, quantity=1, expires_at_ms=17))


SUBMITTED = frame(wire.OrderSubmitted(order_id="order_1", hold_id=HOLD, amount=PRICE))
CONFIRMED = frame(wire.OrderConfirmed(order_id="order_1", hold_id=HOLD, amount=PRICE))


def report_of(owner: Connection) -> PurchaseReport:
    assert owner.poll(PATIENCE_S), "no report"
    report = owner.recv()
    assert isinstance(report, PurchaseReport)
    return report


def test_a_hold_is_paid_and_the_confirmation_ends_the_round(puppet: Puppet, crowd: tuple[Connection, Board]) -> None:
    owner, board = crowd
    viewers = puppet.enter()
    owner.send(PurchasePlan(offers=[OFFER], each=1, in_flight=1))
    buyer = viewers[b"0"]
    buyer.sendall(accepted(buyer.recv(1024)))
    assert buyer.recv(1024) == checkout_of(HOLD.encode())
    for at in range(len(SUBMITTED)):
        buyer.sendall(SUBMITTED[at : at + 1])
    buyer.sendall(CONFIRMED)
    report = report_of(owner)
    assert report.bought == {HOLD: "order_1"}
    assert (report.failed, report.unfinished, report.strange) == ({}, 0, 0)
    assert board.count(Count.DOUBLES) == 0
    for sock in viewers.values():
        sock.close()


def test_news_that_comes_twice_counts_also_after_the_round(puppet: Puppet, crowd: tuple[Connection, Board]) -> None:
    owner, board = crowd
    viewers = puppet.enter()
    owner.send(PurchasePlan(offers=[OFFER], each=1, in_flight=1))
    buyer = viewers[b"0"]
    buyer.sendall(accepted(buyer.recv(1024)))
    buyer.recv(1024)
    buyer.sendall(SUBMITTED + CONFIRMED)
    report_of(owner)
    buyer.sendall(SUBMITTED + CONFIRMED)
    gives_up_at = time.monotonic() + PATIENCE_S
    while board.count(Count.DOUBLES) < 2:
        assert time.monotonic() < gives_up_at
        time.sleep(0.01)
    for sock in viewers.values():
        sock.close()


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (wire.OrderDeclined(order_id="order_1", hold_id=HOLD, amount=PRICE), "order.declined"),
        (wire.HoldExpired(hold_id=HOLD, offer_id=OFFER), "hold.expired"),
        (wire.Error(code="overloaded", message="later", temporary=True), "overloaded"),
    ],
)
def test_another_end_is_told_by_its_name(
    puppet: Puppet, crowd: tuple[Connection, Board], message: wire.ServerMessage, why: str
) -> None:
    owner, _ = crowd
    viewers = puppet.enter()
    owner.send(PurchasePlan(offers=[OFFER], each=1, in_flight=1))
    buyer = viewers[b"0"]
    buyer.sendall(accepted(buyer.recv(1024)))
    buyer.recv(1024)
    buyer.sendall(frame(message))
    assert report_of(owner).failed == {why: 1}
    for sock in viewers.values():
        sock.close()
