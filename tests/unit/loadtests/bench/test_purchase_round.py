"""A round of purchases: who buys when, how long it took, and that nothing that went wrong is overlooked."""

import msgspec
import pytest

from live import wire
from loadtests.bench.claim_frames import ClaimIds, around_id
from loadtests.bench.purchase_frames import checkout_of
from loadtests.bench.purchase_round import STEPS, PurchasePlan, PurchaseRound

OFFERS = ["offer_1", "offer_2"]
PLAN = PurchasePlan(offers=OFFERS, each=2, in_flight=2)
HOLDS = [b"hold_%026d" % number for number in range(4)]
MS = 1_000_000


def new_round(viewers: int = 4, **how: object) -> PurchaseRound:
    return PurchaseRound(msgspec.structs.replace(PLAN, **how), viewers, ClaimIds(), 0)


def ask(under_way: PurchaseRound, offer_id: str, now_ns: int = 0) -> tuple[int, bytes]:
    due = under_way.next(now_ns)
    assert due is not None
    before, after = around_id(offer_id)
    return due[0], due[1].removeprefix(before).removesuffix(after)


def test_who_has_a_hold_pays_for_it() -> None:
    under_way = new_round()
    viewer, claim_id = ask(under_way, "offer_1")
    frame = under_way.held(viewer, claim_id, HOLDS[0], 0)
    assert frame is not None
    assert frame[:2] == bytes((0x81, 0x80 | len(frame) - 6))
    sent = wire.client_decoder(binary=False)(frame[6:])
    assert sent == wire.Checkout(hold_id=HOLDS[0].decode(), payment_method="pm_test_ok")


def test_a_hold_id_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="no hold id"):
        checkout_of(b"hold_1")


def test_a_confirmed_order_makes_the_next_claim_and_the_round_ends() -> None:
    under_way = new_round(in_flight=1)
    for number, offer_id in enumerate([offer for offer in OFFERS for _ in range(2)]):
        assert not under_way.is_over
        viewer, claim_id = ask(under_way, offer_id, number * 10 * MS)
        assert under_way.next(number * 10 * MS) is None
        assert under_way.held(viewer, claim_id, HOLDS[number], (number * 10 + 1) * MS)
        under_way.submitted(viewer, HOLDS[number], (number * 10 + 3) * MS)
        under_way.confirmed(viewer, HOLDS[number], b"order_%d" % number, (number * 10 + 6) * MS)
    assert under_way.is_over
    report = under_way.report()
    assert report.bought == {hold_id.decode(): f"order_{number}" for number, hold_id in enumerate(HOLDS)}
    assert report.took_s == pytest.approx(0.036)
    assert [report.times[step].p50_ms for step in STEPS] == pytest.approx([1, 2, 3, 6])
    assert (report.unfinished, report.strange, report.failed) == (0, 0, {})


def test_order_submitted_may_come_after_order_confirmed() -> None:
    under_way = new_round()
    viewer, claim_id = ask(under_way, "offer_1")
    under_way.held(viewer, claim_id, HOLDS[0], MS)
    under_way.confirmed(viewer, HOLDS[0], b"order_1", 4 * MS)
    under_way.submitted(viewer, HOLDS[0], 5 * MS)
    report = under_way.report()
    assert report.strange == 0
    assert [report.times[step].most_ms for step in STEPS] == pytest.approx([1, 3, 0, 4])


def test_spread_claims_wait_for_their_time_and_their_wait_counts_from_it() -> None:
    under_way = new_round(over_s=0.004, in_flight=4)
    assert under_way.next(0) is not None
    assert under_way.next(0) is None
    viewer, claim_id = ask(under_way, "offer_1", 3 * MS)  # it was due 2 ms before
    under_way.held(viewer, claim_id, HOLDS[0], 4 * MS)
    under_way.confirmed(viewer, HOLDS[0], b"order_1", 5 * MS)
    assert under_way.report().times[STEPS[-1]].most_ms == pytest.approx(4.0)


def test_a_purchase_that_fails_is_told_by_its_reason_and_the_viewer_goes_on() -> None:
    under_way = new_round(viewers=1)
    viewer, _ = ask(under_way, "offer_1")
    under_way.failed(viewer, b"sold_out", 0)
    viewer, claim_id = ask(under_way, "offer_1")
    under_way.held(viewer, claim_id, HOLDS[0], 0)
    under_way.failed(viewer, b"order.declined", 0)
    report = under_way.report()
    assert report.failed == {"sold_out": 1, "order.declined": 1}
    assert report.unfinished == 2


def test_news_that_nobody_or_somebody_else_waits_for_are_told() -> None:
    under_way = new_round()
    viewer, claim_id = ask(under_way, "offer_1")
    assert under_way.held(viewer + 1, claim_id, HOLDS[0], 0) is None
    assert under_way.held(viewer, b"another", HOLDS[0], 0) is None
    assert under_way.held(viewer, claim_id, HOLDS[0], 0) is not None
    assert under_way.held(viewer, claim_id, HOLDS[1], 0) is None
    under_way.submitted(viewer, HOLDS[1], 0)
    under_way.confirmed(viewer, HOLDS[1], b"order_1", 0)
    under_way.failed(viewer + 1, b"internal", 0)
    report = under_way.report()
    assert (report.strange, report.bought, report.unfinished) == (6, {}, 4)


def test_a_round_is_late_after_its_time() -> None:
    under_way = new_round(timeout_s=1.0)
    assert not under_way.is_late(1000 * MS)
    assert under_way.is_late(1001 * MS)
