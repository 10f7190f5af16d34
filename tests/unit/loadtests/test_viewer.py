"""What a viewer does and writes down, without any connection."""

from itertools import pairwise

import msgspec
import pytest

from kit.money import Money
from live import wire
from live.limits import TICK_MS
from loadtests.buyer import Buyer
from loadtests.buyer_plan import plan_of
from loadtests.notes import CLAIM, CONFIRM, EVENT, JOIN, RESUME, Notes
from loadtests.tiers import (
    DROP_SKU,
    PREHEAT_MS,
    SECOND_TAP_MS,
    TAPS_EACH,
    TIERS,
    TRICKLE_HOLD_MS,
    TRICKLE_SKU,
    Scene,
    scene,
)
from loadtests.viewer import Viewer

T0 = 1_790_000_000_000
SCENE = scene("XS", "show")
PAY = Money(amount=900, currency="EUR")


def number_that(lets_go: bool, what: Scene = SCENE) -> int:
    return next(number for number in range(100) if plan_of(number, what).lets_go is lets_go)


class Seen:
    """A viewer with a buyer, and what they send."""

    def __init__(self, *, lets_go: bool = False) -> None:
        self.notes = Notes()
        self.plan = plan_of(number_that(lets_go), SCENE)
        self.viewer = Viewer("one", "token", SCENE, self.notes, Buyer("one", self.plan, self.notes))
        self.viewer.hello(T0)
        self.hear(welcome(seq=3), T0 + 5)

    def hear(self, message: wire.ServerMessages, now_ms: float) -> list[wire.ClientMessages]:
        return [decode(payload) for payload in self.viewer.hear(message, now_ms)]

    def act(self, now_ms: float) -> list[wire.ClientMessages]:
        return [one for one in map(decode, self.viewer.act(now_ms)) if not isinstance(one, wire.React)]

    def scheduled(self, sku: str, seq: int = 4) -> None:
        self.hear(wire.OfferScheduled(seq=seq, offer=offer(sku)), T0 + 10)

    def claimed(self) -> str:
        """Let both taps happen; return the claim's id."""
        self.scheduled(DROP_SKU)
        first, second = self.act(T0 + 60_000)
        assert isinstance(first, wire.Claim)
        assert first == second
        return first.claim_id


def decode(payload: bytes) -> wire.ClientMessages:
    return wire.client_decoder(binary=False)(payload)


def welcome(seq: int, *, recovered: bool = False, epoch: str = "e") -> wire.Welcome:
    return wire.Welcome(
        session_id="s",
        epoch=epoch,
        seq=seq,
        server_time_ms=T0,
        heartbeat_ms=25_000,
        recovered=recovered,
        holds=[],
    )


def offer(sku: str) -> wire.OfferCard:
    return wire.OfferCard(
        offer_id="offer_1",
        sku=sku,
        product_id="prod_1",
        title="A mug",
        price=PAY,
        quantity=2,
        per_buyer_limit=1,
        starts_at_ms=T0 + PREHEAT_MS,
        ends_at_ms=T0 + 3_600_000,
        hold_ttl_ms=5_000,
    )


def accepted(claim_id: str, hold_id: str = "hold_1") -> wire.ClaimAccepted:
    return wire.ClaimAccepted(claim_id=claim_id, hold_id=hold_id, offer_id="offer_1", quantity=1, expires_at_ms=T0)


def refused(claim_id: str, reason: wire.RefusalReason) -> wire.ClaimRefused:
    return wire.ClaimRefused(claim_id=claim_id, offer_id="offer_1", reason=reason, temporary=reason != "ended")


def test_events_in_order_count_and_one_that_was_skipped_is_a_gap() -> None:
    seen = Seen()
    for seq in (4, 5, 5, 8):
        seen.hear(wire.ProductSpotlight(seq=seq, products=[]), T0 + 20)
    record = seen.viewer.record
    assert (record.events, record.repeats, record.gaps, record.last_seq) == (3, 1, 2, 8)


def test_the_delay_of_an_event_counts_from_when_the_server_made_it_but_not_of_what_was_missed() -> None:
    seen = Seen()
    seen.hear(wire.ShowPaused(seq=4, at_ms=T0 + 100), T0 + 130)
    seen.hear(wire.ShowResumed(seq=5, at_ms=T0 - 5_000), T0 + 130)
    assert seen.notes.waits[EVENT].counts == {30: 1}


def test_a_viewer_that_was_cut_says_where_it_was_and_is_timed_until_it_is_back() -> None:
    seen = Seen()
    seen.viewer.lost(T0 + 100)
    away_until_ms = seen.viewer.away_until_ms
    assert away_until_ms is not None
    hello = decode(seen.viewer.hello(away_until_ms + 40))
    assert hello == wire.Hello(token="token", resume=wire.Position(epoch="e", seq=3))
    seen.hear(welcome(seq=3, recovered=True), away_until_ms + 50)
    assert seen.notes.waits[RESUME].counts == {50: 1}
    assert seen.notes.waits[JOIN].count == 1
    assert (seen.viewer.record.lost, seen.viewer.record.snapshots) == (1, 0)


def test_a_snapshot_for_somebody_who_resumed_is_written_down() -> None:
    seen = Seen()
    seen.viewer.lost(T0)
    seen.viewer.hello(T0 + 1_000)
    seen.hear(welcome(seq=9, epoch="another"), T0 + 1_010)
    assert (seen.viewer.record.snapshots, seen.viewer.record.last_seq) == (1, 9)


def test_a_storm_sends_the_viewer_away_at_its_time() -> None:
    seen = Seen()
    seen.hear(wire.ShowStarted(seq=4, at_ms=T0), T0 + 5)
    [storm_s] = SCENE.storms_s
    seen.viewer.act(T0 + storm_s * 1000 - 1)
    assert seen.viewer.away_until_ms is None
    seen.viewer.act(T0 + storm_s * 1000)
    assert seen.viewer.away_until_ms is not None


def test_a_buyer_taps_twice_with_one_claim_and_each_answer_is_timed_from_when_its_tap_was_due() -> None:
    seen = Seen()
    claim_id = seen.claimed()
    due_ms = T0 + PREHEAT_MS + seen.plan.tap_after_ms
    assert seen.hear(accepted(claim_id), due_ms + 250) == [
        wire.Checkout(hold_id="hold_1", payment_method="pm_test_ok"),
    ]
    assert seen.hear(accepted(claim_id), due_ms + 250) == []
    assert sorted(seen.notes.waits[CLAIM].counts) == pytest.approx([250 - SECOND_TAP_MS, 250], abs=1)
    assert seen.viewer.record.claims[claim_id].holds == {"hold_1"}
    assert seen.viewer.record.deadlines == {"hold_1": T0}


def test_each_tap_is_written_down_with_when_it_was_really_sent() -> None:
    seen = Seen()
    seen.scheduled(DROP_SKU)
    first_ms = T0 + PREHEAT_MS + seen.plan.tap_after_ms + 40  # the load client is late
    seen.act(first_ms)
    seen.act(first_ms + 300)
    [claim] = seen.viewer.record.claims.values()
    late_ms = int(seen.plan.tap_after_ms + 40)
    assert claim.sent_after_ms == [late_ms, late_ms + 300]


@pytest.mark.parametrize("buys", [True, False])
def test_stock_counts_are_written_down_as_far_as_they_came_in_a_soak(buys: bool) -> None:
    seen = Seen()
    viewer = seen.viewer if buys else Viewer("two", "token", SCENE, seen.notes)
    if not buys:
        viewer.hello(T0)
        viewer.hear(welcome(seq=3), T0 + 5)
    steps: list[tuple[int, wire.ServerMessages]] = [
        (5, wire.OfferScheduled(seq=4, offer=offer(DROP_SKU))),
        (5, wire.OfferEnded(seq=5, offer=offer(DROP_SKU))),
        (5, wire.OfferScheduled(seq=6, offer=offer(TRICKLE_SKU))),
        (7, wire.OfferOpened(seq=7, offer=offer(TRICKLE_SKU))),
        (11, wire.OfferEnded(seq=8, offer=offer(TRICKLE_SKU))),
        (5, wire.OfferOpened(seq=9, offer=offer(TRICKLE_SKU))),
        (2, wire.OfferVoided(seq=10, offer=offer(TRICKLE_SKU))),
        (5, wire.OfferVoided(seq=11, offer=offer(TRICKLE_SKU))),
    ]
    for frames, event in steps:
        viewer.frames += frames
        viewer.hear(event, T0 + 20)
    assert viewer.record.frames == 7 + 11 + 2


def test_an_order_that_is_told_again_on_a_new_connection_is_fine_and_on_the_same_one_is_not() -> None:
    seen = Seen()
    claim_id = seen.claimed()
    seen.hear(accepted(claim_id), T0 + 60_000)
    confirmed = wire.OrderConfirmed(order_id="order_1", hold_id="hold_1", amount=PAY)
    seen.hear(confirmed, T0 + 60_030)
    seen.viewer.lost(T0 + 61_000)
    seen.viewer.hello(T0 + 62_000)
    seen.hear(welcome(seq=4, recovered=True), T0 + 62_000)
    seen.hear(confirmed, T0 + 62_001)
    assert seen.viewer.record.told_twice == 0
    seen.hear(confirmed, T0 + 62_002)
    assert seen.viewer.record.told_twice == 1
    assert seen.viewer.record.confirmed == {"hold_1": ["order_1"]}
    assert seen.notes.waits[CONFIRM].counts == {30: 1}


def test_who_is_refused_waits_in_line_once_and_pays_for_what_comes_back() -> None:
    seen = Seen()
    claim_id = seen.claimed()
    assert seen.hear(refused(claim_id, "sold_out"), T0 + 60_000) == []
    assert seen.hear(refused(claim_id, "sold_out"), T0 + 60_000) == [wire.WaitlistJoin(offer_id="offer_1")]
    promoted = wire.HoldPromoted(hold_id="hold_9", offer_id="offer_1", quantity=1, expires_at_ms=T0)
    [checkout] = seen.hear(promoted, T0 + 65_000)
    assert checkout == wire.Checkout(hold_id="hold_9", payment_method="pm_test_ok")


def test_who_is_refused_for_another_reason_asks_again_with_the_same_claim() -> None:
    seen = Seen()
    claim_id = seen.claimed()
    for _ in range(2):
        seen.hear(refused(claim_id, "recovering"), T0 + 60_000)
    assert seen.act(T0 + 60_900) == []
    [again] = seen.act(T0 + 62_000)
    assert again == wire.Claim(claim_id=claim_id, offer_id="offer_1", quantity=1)


def test_a_claim_whose_answer_was_lost_on_the_way_is_sent_again_and_owed_one_answer() -> None:
    seen = Seen()
    claim_id = seen.claimed()
    seen.viewer.lost(T0 + 60_000)
    seen.viewer.hello(T0 + 61_000)
    [again] = seen.hear(welcome(seq=4, recovered=True), T0 + 61_010)
    assert again == wire.Claim(claim_id=claim_id, offer_id="offer_1", quantity=1)
    seen.hear(accepted(claim_id), T0 + 61_020)
    claim = seen.viewer.record.claims[claim_id]
    assert (claim.sends, len(claim.answers), len(claim.sent_after_ms)) == (1, 1, 3)


def release_in_soak(seen: Seen) -> None:
    """Let a unit of the soak be accepted right before its end, and given back."""
    seen.scheduled(TRICKLE_SKU)
    [claim] = seen.act(T0 + PREHEAT_MS + 500 + seen.plan.trickles_ms[0])
    assert isinstance(claim, wire.Claim)
    seen.hear(wire.OfferEnded(seq=5, offer=offer(TRICKLE_SKU)), T0 + 10_000)
    assert seen.hear(accepted(claim.claim_id), T0 + 10_001) == []
    assert seen.act(T0 + 13_000) == [wire.Release(hold_id="hold_1")]


def test_what_was_accepted_right_before_the_end_of_the_soak_is_given_back_all_the_same() -> None:
    release_in_soak(Seen())


def test_a_join_a_checkout_and_a_release_are_written_down_until_they_are_answered() -> None:
    seen = Seen()
    claim_id = seen.claimed()
    owed = seen.viewer.record.unanswered
    for _ in range(TAPS_EACH):
        seen.hear(refused(claim_id, "sold_out"), T0 + 60_000)
    assert owed == ["waitlist.join offer_1"]
    seen.hear(wire.WaitlistJoined(offer_id="offer_1", place=1), T0 + 60_001)
    assert owed == []
    seen.hear(wire.HoldPromoted(hold_id="hold_9", offer_id="offer_1", quantity=1, expires_at_ms=T0), T0 + 61_000)
    assert owed == ["checkout hold_9"]
    seen.hear(wire.OrderSubmitted(order_id="order_9", hold_id="hold_9", amount=PAY), T0 + 61_001)
    assert owed == []


@pytest.mark.parametrize(
    "answer",
    [
        wire.HoldReleased(hold_id="hold_1", offer_id="offer_1"),
        wire.HoldExpired(hold_id="hold_1", offer_id="offer_1"),
    ],
)
def test_a_release_is_answered_by_the_end_of_the_hold(answer: wire.HoldReleased | wire.HoldExpired) -> None:
    seen = Seen()
    release_in_soak(seen)
    assert seen.viewer.record.unanswered == ["release hold_1"]
    seen.hear(answer, T0 + 13_001)
    assert seen.viewer.record.unanswered == []


@pytest.mark.parametrize("reason", ["recovering", "ended"])
def test_a_join_may_be_refused(reason: wire.WaitlistRefusalReason) -> None:
    seen = Seen()
    claim_id = seen.claimed()
    for _ in range(TAPS_EACH):
        seen.hear(refused(claim_id, "sold_out"), T0 + 60_000)
    temporary = reason == "recovering"
    seen.hear(wire.WaitlistRefused(offer_id="offer_1", reason=reason, temporary=temporary), T0 + 60_001)
    assert seen.viewer.record.unanswered == []
    assert seen.act(T0 + 63_000) == ([wire.WaitlistJoin(offer_id="offer_1")] if temporary else [])
    assert seen.viewer.record.unanswered == (["waitlist.join offer_1"] if temporary else [])


def test_who_comes_back_is_owed_only_the_answers_to_what_it_asks_again() -> None:
    seen = Seen()
    release_in_soak(seen)
    for live in (True, False):
        seen.viewer.lost(T0 + 13_100)
        seen.viewer.hello(T0 + 14_000)
        card = wire.HoldCard(
            hold_id="hold_1", offer_id="offer_1", claim_id="c", quantity=1, expires_at_ms=T0, state="held", extensions=0
        )
        back = msgspec.structs.replace(welcome(seq=5, recovered=True), holds=[card] if live else [])
        assert seen.hear(back, T0 + 14_010) == ([wire.Release(hold_id="hold_1")] if live else [])
        assert seen.viewer.record.unanswered == (["release hold_1"] if live else [])


@pytest.mark.parametrize("tier", TIERS)
def test_in_the_soak_the_buyers_of_every_tier_change_the_stock_in_each_tick(tier: str) -> None:
    whole = scene(tier, "show")
    plans = [plan_of(number, whole) for number in range(whole.tier.buyers)]
    period_ms = plans[0].trickle_every_ms
    claims = [moment % period_ms for plan in plans for moment in plan.trickles_ms]
    changes = sorted([*claims, *((moment + TRICKLE_HOLD_MS) % period_ms for moment in claims)])
    pauses = [later - sooner for sooner, later in pairwise([*changes, changes[0] + period_ms])]
    assert max(pauses) <= TICK_MS


def test_a_buyer_who_lets_go_does_not_pay() -> None:
    seen = Seen(lets_go=True)
    claim_id = seen.claimed()
    assert seen.hear(accepted(claim_id), T0 + 60_000) == []
    seen.hear(wire.HoldExpired(hold_id="hold_1", offer_id="offer_1"), T0 + 65_000)
    assert seen.viewer.record.expired == ["hold_1"]


def test_in_the_soak_a_unit_is_given_back_after_a_while_and_the_next_one_claimed() -> None:
    seen = Seen()
    seen.scheduled(TRICKLE_SKU)
    due_ms = T0 + PREHEAT_MS + 500 + seen.plan.trickles_ms[0]
    [claim] = seen.act(due_ms)
    assert isinstance(claim, wire.Claim)
    assert seen.hear(accepted(claim.claim_id), due_ms + 3) == []
    said = seen.act(due_ms + 3 + TRICKLE_HOLD_MS)
    assert wire.Release(hold_id="hold_1") in said
    seen.hear(wire.OfferEnded(seq=5, offer=offer(TRICKLE_SKU)), due_ms + 1.5 * TRICKLE_HOLD_MS)
    assert seen.act(due_ms + 60_000) == []


def test_three_in_five_buyers_tap_in_the_first_second_and_a_fifth_lets_go() -> None:
    whole = scene("L", "show")
    plans = [plan_of(number, whole) for number in range(whole.tier.buyers)]
    assert sum(plan.tap_after_ms < 1_000 for plan in plans) == pytest.approx(0.6 * len(plans), rel=0.01)
    last_taps_ms = [plan.tap_after_ms + (TAPS_EACH - 1) * SECOND_TAP_MS for plan in plans]
    in_first_second = TAPS_EACH * sum(last_ms <= 1_000 for last_ms in last_taps_ms)
    assert in_first_second == pytest.approx(whole.tier.first_second_claims, rel=0.01)
    assert sum(plan.lets_go for plan in plans) == pytest.approx(0.2 * len(plans), rel=0.02)
    assert max(plan.tap_after_ms for plan in plans) <= whole.tier.tap_s * 1000


def test_a_record_survives_being_written() -> None:
    seen = Seen()
    seen.hear(accepted(seen.claimed()), T0 + 60_000)
    record = seen.viewer.record
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(record), type=type(record)) == record
