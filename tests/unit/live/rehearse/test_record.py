import pytest

from kit.money import Money
from live import wire
from live.rehearse.record import ClaimRecord, ViewerRecord, missing_events


def welcome(seq: int, *, recovered: bool) -> wire.Welcome:
    return wire.Welcome(
        session_id="s", epoch="e", seq=seq, server_time_ms=0, heartbeat_ms=15_000, recovered=recovered, holds=[]
    )


def seen(*messages: wire.ServerMessage) -> ViewerRecord:
    record = ViewerRecord(subject="buyer")
    for message in messages:
        record.add(message, 0.0)
    return record


def event(seq: int) -> wire.ShowPaused:
    return wire.ShowPaused(seq=seq, at_ms=0)


@pytest.mark.parametrize(
    ("messages", "missing"),
    [
        ([welcome(3, recovered=False), event(4), event(5)], 0),
        ([welcome(5, recovered=False)], 0),
        ([welcome(3, recovered=False), event(5)], 1),
        ([welcome(3, recovered=False), event(4)], 1),
        ([welcome(3, recovered=False), event(4), event(4), event(5)], 1),
        ([welcome(3, recovered=False), welcome(5, recovered=True), event(4), event(5)], 0),
        ([welcome(2, recovered=False), welcome(5, recovered=False)], 0),
        ([welcome(2, recovered=False), event(3), welcome(4, recovered=False), event(5)], 0),
        ([], 5),
    ],
)
def test_only_events_that_no_snapshot_made_up_for_are_missing(messages: list[wire.ServerMessage], missing: int) -> None:
    assert missing_events(seen(*messages), 5) == missing


def test_every_answer_to_a_claim_is_kept_and_the_first_one_is_timed() -> None:
    record = ViewerRecord(subject="buyer", claims={"c": ClaimRecord(quantity=1, sent_ms=100.0)})
    record.add(wire.ClaimRefused(claim_id="c", offer_id="o", reason="sold_out", temporary=True), 130.0)
    record.add(wire.ClaimAccepted(claim_id="c", hold_id="hold_1", offer_id="o", quantity=1, expires_at_ms=1), 150.0)
    assert record.claims["c"].answers == ["?sold_out", "hold_1"]
    assert record.claims["c"].answered_ms == 130.0
    assert record.holds == {"hold_1": 1}


def test_orders_and_ends_of_holds_are_kept_by_hold() -> None:
    record = seen(
        wire.HoldExpired(hold_id="hold_1", offer_id="o"),
        wire.HoldReleased(hold_id="hold_1", offer_id="o"),
        wire.OrderSubmitted(order_id="order_1", hold_id="hold_2", amount=Money(1, "EUR")),
        wire.OrderAction(
            order_id="order_1",
            hold_id="hold_2",
            amount=Money(1, "EUR"),
            action=wire.Action(kind="redirect", url="https://bank.example/pi_1"),
        ),
        wire.OrderConfirmed(order_id="order_1", hold_id="hold_2", amount=Money(1, "EUR")),
    )
    assert record.hold_ends == {"hold_1": {"expired", "released"}}
    assert record.order_news == {"order_1": ["submitted", "action", "confirmed"]}
    assert record.order_of == {"hold_2": {"order_1"}}
