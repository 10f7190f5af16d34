from collections.abc import Callable

import pytest
from msgspec.structs import replace

from live.reconcile.facts import BookHold
from live.rehearse.facts import ChannelLevel, Facts, Folded, NewsFacts, Repeat, WatchedChannel
from live.rehearse.invariants import judge, shown
from tests.unit.live.rehearse.facts_of_a_show import facts, order, payment, viewer


def broken(found: Facts) -> set[int]:
    return {verdict.number for verdict in judge(found) if not verdict.held}


def test_a_show_in_which_all_is_well_holds_every_invariant() -> None:
    assert [verdict.number for verdict in judge(facts())] == list(range(1, 12))
    assert broken(facts()) == set()


def lost_unit(found: Facts) -> Facts:
    return replace(found, book=replace(found.book, available=1))


def forgotten_live_hold(found: Facts) -> Facts:
    hold = BookHold(hold_id="hold_3", status="held", buyer_id="buyer_3", quantity=1)
    return replace(found, book=replace(found.book, holds=(*found.book.holds[:2], hold)))


def wrong_buyer_count(found: Facts) -> Facts:
    return replace(found, book=replace(found.book, buyers={**found.book.buyers, "buyer_1": (2, ())}))


def ended_hold_that_waits(found: Facts) -> Facts:
    return replace(found, book=replace(found.book, due=frozenset({"hold_3"})))


def hold_and_order_disagree(found: Facts) -> Facts:
    first = replace(order(1), hold_outcome="released")
    return replace(found, orders=(first, order(2)))


def told_two_ends(found: Facts) -> Facts:
    one = viewer(1)
    one.hold_ends["hold_1"] = {"expired"}
    return replace(found, viewers=(one, viewer(2)))


def two_orders_for_a_hold(found: Facts) -> Facts:
    return replace(found, orders=(order(1), replace(order(2), hold_id="hold_1")))


def order_paid_twice(found: Facts) -> Facts:
    again = replace(payment(1), payment_id="pay_9", captured=0, state="voided")
    return replace(found, payments=(*found.payments, again))


def webhook_applied_twice(found: Facts) -> Facts:
    return replace(found, payment_events=2)


def money_without_an_order(found: Facts) -> Facts:
    stray = replace(payment(3), order_id="order_3")
    return replace(found, payments=(*found.payments, stray))


def order_never_captured(found: Facts) -> Facts:
    return replace(found, payments=(payment(1), payment(2, captured=0, state="voided")))


def bank_gave_back_in_secret(found: Facts) -> Facts:
    return replace(found, payments=(payment(1), payment(2, refunded=1)))


def two_currencies(found: Facts) -> Facts:
    return replace(found, orders=(order(1), replace(order(2), currency="USD")))


def sale_without_a_movement(found: Facts) -> Facts:
    return replace(found, ledger=replace(found.ledger, sale_units=1, sale_movements=1))


def oversold(found: Facts) -> Facts:
    return replace(found, pool=replace(found.pool, allocated=1))


def news_that_nobody_heard(found: Facts) -> Facts:
    line = NewsFacts(kind="order.refunded", order_id="order_1", buyer_id="buyer_1", done=True)
    return replace(found, news=(*found.news, line))


def unsold_unit_that_was_wanted(found: Facts) -> Facts:
    return replace(
        found, pool=replace(found.pool, allocated=3, returned=1), book=replace(found.book, allocated=3, available=1)
    )


def never_quiet(found: Facts) -> Facts:
    return replace(found, not_quiet=("orders under way: 1",))


def missed_event(found: Facts) -> Facts:
    one = viewer(1)
    del one.log[2]
    return replace(found, viewers=(one, viewer(2)))


def state_that_differs(found: Facts) -> Facts:
    return replace(found, folded=(Folded(subject="buyer_1", folded="{}", fresh='{"a":1}'),))


def repeat_with_another_answer(found: Facts) -> Facts:
    return replace(found, repeats=(Repeat(what="opening", first="offer_1", second="offer_2"),))


def one_claim_two_holds(found: Facts) -> Facts:
    one = viewer(1)
    one.claims["claim_1"].answers = ["hold_1", "hold_3"]
    return replace(found, viewers=(one, viewer(2)))


def accepted_then_refused(found: Facts) -> Facts:
    one = viewer(1)
    one.claims["claim_1"].answers = ["hold_1", "!sold_out"]
    return replace(found, viewers=(one, viewer(2)))


def channel_behind(found: Facts) -> Facts:
    level = ChannelLevel(channel_id="chan_1", safety_stock=1, switched_off=False, desired=4, told=3, received=4)
    return replace(found, channels=replace(found.channels, levels=(level,)))


def channel_has_another_number(found: Facts) -> Facts:
    level = ChannelLevel(channel_id="chan_1", safety_stock=1, switched_off=False, desired=4, told=4, received=9)
    return replace(found, channels=replace(found.channels, levels=(level,)))


def with_another(found: Facts, *, told: int, must_converge: bool) -> Facts:
    level = ChannelLevel(channel_id="chan_2", safety_stock=2, switched_off=False, desired=3, told=told, received=None)
    other = WatchedChannel(
        channel_id="chan_2",
        kind="kakao",
        name="Talk Store",
        must_converge=must_converge,
        lags_ms=(),
        calls=None,
        least_calls=0,
    )
    channels = replace(found.channels, levels=(*found.channels.levels, level), watched=(other,))
    return replace(found, channels=channels)


def healthy_channel_left_behind(found: Facts) -> Facts:
    return with_another(found, told=4, must_converge=True)


def forged_call(found: Facts) -> Facts:
    return replace(found, channels=replace(found.channels, bad_signatures=1))


def drifting_ledger(found: Facts) -> Facts:
    return replace(found, ledger=replace(found.ledger, drifting_skus=1))


@pytest.mark.parametrize(
    ("break_it", "number"),
    [
        (lost_unit, 1),
        (forgotten_live_hold, 1),
        (wrong_buyer_count, 1),
        (forgotten_live_hold, 2),
        (ended_hold_that_waits, 2),
        (hold_and_order_disagree, 2),
        (told_two_ends, 2),
        (two_orders_for_a_hold, 3),
        (order_paid_twice, 3),
        (webhook_applied_twice, 3),
        (money_without_an_order, 4),
        (order_never_captured, 4),
        (bank_gave_back_in_secret, 5),
        (two_currencies, 5),
        (sale_without_a_movement, 6),
        (oversold, 6),
        (news_that_nobody_heard, 6),
        (unsold_unit_that_was_wanted, 7),
        (never_quiet, 7),
        (missed_event, 8),
        (state_that_differs, 8),
        (repeat_with_another_answer, 9),
        (one_claim_two_holds, 9),
        (accepted_then_refused, 9),
        (channel_behind, 10),
        (channel_has_another_number, 10),
        (healthy_channel_left_behind, 10),
        (forged_call, 10),
        (drifting_ledger, 11),
    ],
)
def test_a_fact_that_contradicts_an_invariant_breaks_it(break_it: Callable[[Facts], Facts], number: int) -> None:
    assert number in broken(break_it(facts()))


def in_currency(found: Facts, currency: str) -> Facts:
    orders = tuple(replace(one, currency=currency) for one in found.orders)
    return replace(found, orders=orders, payments=tuple(replace(one, currency=currency) for one in found.payments))


@pytest.mark.parametrize(
    ("found", "figures"),
    [
        (facts(), "kept 20.00 EUR = orders net of refunds 20.00 EUR"),
        (in_currency(facts(), "JPY"), "kept 2000 JPY = orders net of refunds 2000 JPY"),
        (in_currency(facts(), "KWD"), "kept 2.000 KWD = orders net of refunds 2.000 KWD"),
        (two_currencies(facts()), "kept 2000 minor units = orders net of refunds 2000 minor units"),
    ],
)
def test_money_is_shown_in_its_currency(found: Facts, figures: str) -> None:
    assert next(verdict.figures for verdict in judge(found) if verdict.number == 5) == figures


def test_money_that_is_not_as_it_should_be_is_shown_in_its_currency_too() -> None:
    stray = [verdict.faults for verdict in judge(money_without_an_order(facts())) if verdict.number == 4]
    assert stray == [("pay_3 kept 10.00 EUR without a confirmed order",)]
    given = replace(facts(), payments=(payment(1), payment(2, refunded=1001)))
    assert next(verdict.faults for verdict in judge(given) if verdict.number == 5) == (
        "pay_2 gave back 10.01 EUR of 10.00 EUR",
        "order_2 and the bank differ: it took 10.00 EUR and gave back 10.01 EUR",
        "the bank kept 9.99 EUR, the orders are 20.00 EUR",
    )


def test_a_channel_that_fails_may_stay_behind_and_one_in_step_is_counted() -> None:
    assert broken(with_another(facts(), told=4, must_converge=False)) == set()
    in_step = with_another(facts(), told=3, must_converge=True)
    assert broken(in_step) == set()
    (figures,) = [verdict.figures for verdict in judge(in_step) if verdict.number == 10]
    assert figures.endswith("1 of the shop's own in step")


def test_units_that_nobody_wanted_may_stay_unsold() -> None:
    found = unsold_unit_that_was_wanted(facts())
    assert broken(replace(found, unmet_buyers=0)) == set()


def test_a_refusal_that_is_followed_by_a_hold_is_no_contradiction() -> None:
    one = viewer(1)
    one.claims["claim_1"].answers = ["?sold_out", "hold_1"]
    assert broken(replace(facts(), viewers=(one, viewer(2)))) == set()


def test_a_viewer_that_came_back_later_need_not_have_heard_old_news() -> None:
    one = viewer(1)
    one.welcomes, one.order_news = 2, {}
    assert broken(replace(facts(), viewers=(one, viewer(2)))) == set()


def test_only_the_first_faults_are_shown() -> None:
    assert shown(("a", "b", "c", "d", "e")) == "a; b; c; and 2 more"


@pytest.mark.parametrize(
    ("kind", "refunded", "is_missed"),
    [
        ("order.captured", 0, False),
        ("order.submitted", 0, False),
        ("order.cancelled", 1000, False),
        ("order.cancelled", 0, True),
        ("order.refunded", 1000, True),
        ("order.action", 0, True),
    ],
)
def test_only_news_for_buyers_has_to_be_heard_by_them(kind: str, refunded: int, is_missed: bool) -> None:
    line = NewsFacts(kind=kind, order_id="order_1", buyer_id="buyer_1", done=True, refunded=refunded)
    assert broken(replace(facts(), news=(*facts().news, line))) == ({6} if is_missed else set())


def test_a_cancelled_order_is_heard_of_as_declined() -> None:
    one = viewer(1)
    one.order_news["order_1"] = ["submitted", "confirmed", "declined"]
    line = NewsFacts(kind="order.cancelled", order_id="order_1", buyer_id="buyer_1", done=True)
    assert broken(replace(facts(), news=(*facts().news, line), viewers=(one, viewer(2)))) == set()
