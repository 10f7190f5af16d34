"""The judge of the fault matrix: it sees every kind of loss, and calls nothing a loss that is none."""

from collections.abc import Callable

import msgspec
import pytest

from tests.faults.limits import HOLD_TTL_MS, RECOVERY_MOST_S
from tests.faults.money import OrderFact, PaymentFact
from tests.faults.records import HoldRecord, Notes, Refusal
from tests.faults.verdict import After, Course, Verdict, judge

BEGUN, OVER = 2_000, 3_000
LOST = Course(
    keeps_holds=False,
    may_refuse=True,
    begun_ms=BEGUN,
    over_ms=OVER,
    gone_ms=(2_000,),
    lost_ms=(2_000,),
    back_ms=(2_500,),
)
KEPT = Course(keeps_holds=True, may_refuse=True, begun_ms=BEGUN, over_ms=OVER)


def a_hold(name: str, at_ms: int = 1_000, units: int = 1) -> HoldRecord:
    return HoldRecord(
        hold_id=name,
        buyer_id=f"buyer of {name}",
        units=units,
        asked_ms=at_ms,
        heard_ms=at_ms,
        expires_at_ms=at_ms + HOLD_TTL_MS,
    )


def paid(hold: HoldRecord, *, is_sold: bool = True, kept: int | None = None) -> OrderFact:
    """Let its buyer pay and hear of the end."""
    hold.checkout_sent_ms = hold.heard_ms + 10
    hold.order_id = f"order of {hold.hold_id}"
    hold.order_news = {"order.submitted": 1, "order.confirmed" if is_sold else "order.unfulfillable": 2}
    return OrderFact(
        order_id=hold.order_id,
        hold_id=hold.hold_id,
        buyer_id=hold.buyer_id,
        units=hold.units,
        state="captured" if is_sold else "unfulfillable",
        is_sold=is_sold,
        kept=(100 if is_sold else 0) if kept is None else kept,
    )


def found(orders: list[OrderFact], allocated: int) -> After:
    sold = sum(order.units for order in orders if order.is_sold)
    payments = [
        PaymentFact(order_id=order.order_id, taken=order.kept, given_back=0, reserved=0)
        for order in orders
        if order.kept
    ]
    return After(
        allocated=allocated,
        sold=sold,
        orders=orders,
        payments=payments,
        api_sold=sold,
        stock=(0, 0, sold),
        unrest={},
        reconcile="",
    )


def verdict_of(*holds: HoldRecord, orders: list[OrderFact], allocated: int, course: Course = KEPT) -> Verdict:
    notes = Notes(holds={hold.hold_id: hold for hold in holds}, claims=len(holds))
    return judge(notes, course, found(orders, allocated))


def test_a_sale_in_which_everything_goes_well_holds() -> None:
    first, second, third = a_hold("a"), a_hold("b"), a_hold("c", 1_500)
    first.release_sent_ms = 1_400
    first.ended_ms, first.fate = 1_600, "released"
    verdict = verdict_of(first, second, third, orders=[paid(second), paid(third)], allocated=2)
    assert verdict.holds
    assert (verdict.claims, verdict.forgotten) == (3, 0)


def test_more_confirmed_units_than_there_are_is_oversold() -> None:
    first, second = a_hold("a", units=2), a_hold("b", 9_000, units=2)
    orders = [paid(first), paid(second)]
    assert verdict_of(first, second, orders=orders, allocated=4).oversold == 0
    assert verdict_of(first, second, orders=orders, allocated=3).oversold >= 1


def test_two_live_holds_of_one_unit_are_oversold_though_nobody_pays() -> None:
    first, second = a_hold("a"), a_hold("b", 1_500)
    for hold in (first, second):
        hold.ended_ms, hold.fate = hold.expires_at_ms + 5, "expired"
    assert verdict_of(first, second, orders=[], allocated=1).oversold == 1
    assert verdict_of(first, second, orders=[], allocated=2).oversold == 0


def test_a_unit_taken_in_the_moment_that_it_is_given_back_is_not_oversold() -> None:
    first, second = a_hold("a"), a_hold("b", 1_400)
    first.release_sent_ms, first.ended_ms, first.fate = 1_400, 1_700, "released"
    assert verdict_of(first, second, orders=[paid(second)], allocated=1).oversold == 0


def test_a_unit_taken_after_a_deadline_is_not_oversold_though_the_late_answer_was_given_back_later() -> None:
    late, second = a_hold("late"), a_hold("second", at_ms=1_000 + HOLD_TTL_MS)
    late.heard_ms, late.release_sent_ms = second.heard_ms - 1, second.heard_ms + 400
    assert verdict_of(late, second, orders=[paid(second)], allocated=1).oversold == 0
    early = a_hold("early", at_ms=second.heard_ms - 100)
    early.release_sent_ms = late.release_sent_ms
    assert verdict_of(early, second, orders=[paid(second)], allocated=1).oversold == 1


def test_a_hold_that_an_older_memory_gave_away_again_before_the_rebuild_is_oversold() -> None:
    first, second = a_hold("a"), a_hold("b", 2_600)
    second.ended_ms, second.fate = 3_200, "released"
    course = msgspec.structs.replace(LOST, rebuilt_ms=(3_000,))
    verdict = verdict_of(first, second, orders=[paid(first)], allocated=1, course=course)
    assert (verdict.oversold, verdict.forgotten, verdict.gap_holds, verdict.gap_ms) == (1, 1, 1, 500)
    assert any("accepted by a book that had lost its memory" in fault for fault in verdict.faults)


def test_a_hold_that_went_with_the_memory_is_forgotten_and_its_unit_may_be_sold_again() -> None:
    first, second = a_hold("a"), a_hold("b", 3_100)
    first.missing_ms = 3_300
    course = msgspec.structs.replace(LOST, rebuilt_ms=(3_000,))
    verdict = verdict_of(first, second, orders=[paid(second)], allocated=1, course=course)
    assert verdict.holds
    assert verdict.forgotten == 1


def test_a_hold_whose_answer_came_after_the_loss_went_with_the_memory_all_the_same() -> None:
    first, second = a_hold("a", 1_900), a_hold("b", 3_100)
    first.heard_ms, first.release_sent_ms = 2_600, 3_300
    first.refused, first.refused_ms = "unknown_hold", 3_400
    course = msgspec.structs.replace(LOST, rebuilt_ms=(3_000,))
    assert verdict_of(first, second, orders=[paid(second)], allocated=1, course=course).holds
    first.expires_at_ms = first.heard_ms + HOLD_TTL_MS
    verdict = verdict_of(first, second, orders=[paid(second)], allocated=1, course=course)
    assert (verdict.oversold, verdict.gap_holds) == (1, 1)


def test_a_hold_that_was_found_after_the_memory_was_lost_is_still_promised() -> None:
    first, second = a_hold("a"), a_hold("b", 3_100)
    course = msgspec.structs.replace(LOST, rebuilt_ms=(3_000,))
    first.found_ms = 3_050
    assert verdict_of(first, second, orders=[paid(second)], allocated=1, course=course).oversold == 1
    first.found_ms = None  # nobody knows: it may have gone with the memory
    assert verdict_of(first, second, orders=[paid(second)], allocated=1, course=course).oversold == 0


@pytest.mark.parametrize(
    "vanish",
    [
        lambda hold: setattr(hold, "missing_ms", 3_000),
        lambda hold: hold.__dict__.update(ended_ms=3_000, fate="released"),
        lambda hold: hold.__dict__.update(ended_ms=3_000, fate="expired"),
        lambda hold: hold.__dict__.update(checkout_sent_ms=2_900, refused="unknown_hold", refused_ms=3_000),
    ],
    ids=["missing from the welcome", "given back by nobody", "expired too early", "unknown at the checkout"],
)
def test_a_hold_that_vanishes_is_lost_where_nothing_may_be_forgotten(vanish: Callable[[HoldRecord], None]) -> None:
    first, second = a_hold("a"), a_hold("b", 8_000)
    vanish(first)
    verdict = verdict_of(first, second, orders=[paid(second)], allocated=1)
    assert (verdict.lost, verdict.holds) == (1, False)


def test_a_checkout_that_arrives_after_the_deadline_has_lost_nothing() -> None:
    first, second = a_hold("a"), a_hold("b", 8_000)
    first.checkout_sent_ms, first.refused, first.refused_ms = 1_100, "hold_expired", first.expires_at_ms + 900
    assert verdict_of(first, second, orders=[paid(second)], allocated=1).holds


def test_an_order_that_its_buyer_knows_and_postgres_does_not_is_lost() -> None:
    first, second = a_hold("a"), a_hold("b")
    orders = [paid(first), paid(second)]
    assert verdict_of(first, second, orders=orders, allocated=2).lost == 0
    assert verdict_of(first, second, orders=orders[1:], allocated=2).lost == 1


def test_an_order_that_was_said_to_be_confirmed_and_is_not_is_lost() -> None:
    hold = a_hold("a")
    order = msgspec.structs.replace(paid(hold), is_sold=False, state="unfulfillable", kept=0)
    assert verdict_of(hold, orders=[order], allocated=1).lost == 1


def test_money_without_units_is_lost_until_it_is_given_back() -> None:
    hold = a_hold("a")
    order = paid(hold, is_sold=False, kept=100)
    assert verdict_of(hold, orders=[order], allocated=1).lost == 1
    assert verdict_of(hold, orders=[msgspec.structs.replace(order, kept=0)], allocated=1).lost == 0


def test_a_buyer_whose_hold_postgres_refuses_is_seen_where_nothing_may_be_forgotten() -> None:
    first, second = a_hold("a"), a_hold("b", 8_000)
    orders = [paid(first, is_sold=False), paid(second)]
    assert verdict_of(first, second, orders=orders, allocated=1).faults == ["1 buyers with a hold were turned away"]
    forgetful = verdict_of(first, second, orders=orders, allocated=1, course=LOST)
    assert (forgetful.holds, forgetful.turned_away) == (True, 1)


def test_a_unit_left_over_is_undersold() -> None:
    hold = a_hold("a")
    assert verdict_of(hold, orders=[paid(hold)], allocated=3).undersold == 2


def refused(*refusals: Refusal, course: Course = KEPT) -> list[str]:
    hold = a_hold("a")
    notes = Notes(holds={"a": hold}, refusals=list(refusals))
    return list(judge(notes, course, found([paid(hold)], 1)).faults)


def test_recovering_is_answered_only_while_the_fault_lasts() -> None:
    assert refused(Refusal(BEGUN + 100, "recovering"), Refusal(OVER + 500, "recovering")) == []
    assert "before the fault" in refused(Refusal(BEGUN - 1, "recovering"))[0]
    assert "after the fault" in refused(Refusal(OVER + int(RECOVERY_MOST_S * 1000) + 1, "recovering"))[0]
    never = msgspec.structs.replace(KEPT, may_refuse=False)
    assert "without a reason" in refused(Refusal(BEGUN + 100, "recovering"), course=never)[0]


def test_a_claim_is_not_told_that_an_open_offer_has_ended() -> None:
    assert refused(Refusal(BEGUN, "sold_out"), Refusal(BEGUN, "buyer_limit")) == []
    assert refused(Refusal(BEGUN, "ended")) == ["1 claims were refused as ended"]


def test_a_deadline_that_is_not_the_time_to_live_away_is_seen() -> None:
    hold = a_hold("a")
    order = paid(hold)
    hold.expires_at_ms += 600_000
    assert "deadline" in verdict_of(hold, orders=[order], allocated=1).faults[0]


def test_a_server_time_that_puts_countdowns_off_is_seen() -> None:
    hold = a_hold("a")
    notes = Notes(holds={"a": hold}, clock_off_ms=600_000)
    assert "600000 ms off" in judge(notes, KEPT, found([paid(hold)], 1)).faults[0]


def test_a_claim_that_waits_too_long_and_a_request_without_an_answer_are_seen() -> None:
    hold = a_hold("a")
    notes = Notes(holds={"a": hold}, slowest_answer_ms=4_900, unanswered_ms=[OVER + 100, OVER + 5_000])
    course = msgspec.structs.replace(KEPT, answers_within_ms=2_500)
    slow, unanswered = judge(notes, course, found([paid(hold)], 1)).faults
    assert "4900 ms" in slow
    assert unanswered.startswith("1 requests")


@pytest.mark.parametrize(
    "wrong",
    [
        {"unrest": {"orders under way": 1}},
        {"reconcile": "a drift"},
        {"api_sold": 0},
        {"stock": (0, 0, 0)},
        {"stock": None},
        {"ended_roles": ["the worker"]},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_what_is_not_as_it_should_be_at_the_end_is_seen(wrong: dict[str, object]) -> None:
    hold = a_hold("a")
    after = found([paid(hold)], 1)
    assert judge(Notes(holds={"a": hold}), KEPT, after).holds
    assert not judge(Notes(holds={"a": hold}), KEPT, msgspec.structs.replace(after, **wrong)).holds


def test_a_buyer_who_got_more_than_the_limit_is_seen() -> None:
    holds = [a_hold(name) for name in "abc"]
    orders = [msgspec.structs.replace(paid(hold), buyer_id="one buyer") for hold in holds]
    assert verdict_of(*holds, orders=orders, allocated=3).faults == ["1 buyers bought more than 2"]


def test_a_buyer_who_gave_up_and_a_client_that_ended_are_seen() -> None:
    hold = a_hold("a")
    notes = Notes(holds={"a": hold}, clients_ended=["4500"])
    notes.gave_up["paying"] += 1
    assert len(judge(notes, KEPT, found([paid(hold)], 1)).faults) == 2


@pytest.mark.parametrize(("strikes", "holds"), [(None, True), (3, True), (0, False)])
def test_a_fault_that_broke_nothing_shows_nothing(strikes: int | None, holds: bool) -> None:
    hold = a_hold("a")
    course = msgspec.structs.replace(KEPT, strikes=strikes)
    assert verdict_of(hold, orders=[paid(hold)], allocated=1, course=course).holds == holds


def test_a_fault_that_could_not_be_tried_does_not_hold() -> None:
    assert not Verdict(untried="no disk").holds
