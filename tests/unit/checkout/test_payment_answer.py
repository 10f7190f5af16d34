"""What a provider's answer does, for every state it may meet."""

import pytest

from checkout.authorise import answer_rule, not_asked
from checkout.limits import NOT_ASKED_WAIT_MS, PAYMENT_DEADLINE_MS, PENDING_POLL_MS
from checkout.order import WITHOUT_UNITS, OrderState
from checkout.payment_answer import absorb, absorb_event, hear
from checkout.payments.provider import Authorised, Charged, Declined, PaymentAction, PaymentResult, Pending
from kit.money import Money
from tests.unit.checkout.an_order import an_order

EUR_10 = Money(1_000, "EUR")
ANSWERS: list[PaymentResult] = [
    Authorised("pay_1", EUR_10),
    Charged("pay_1", EUR_10),
    Declined("pay_1", "card_declined"),
    Pending("pay_1"),
]
PAID: list[OrderState] = ["authorised", "confirmed", "captured", "refunded"]


def test_money_for_a_submitted_order() -> None:
    change = absorb(an_order(), Authorised("pay_1", EUR_10))
    assert change is not None
    after = change.order
    assert (after.state, after.authorised, after.captured, after.payment_open) == ("authorised", 1_000, 0, False)

    change = absorb(an_order(), Charged("pay_1", EUR_10))
    assert change is not None
    after = change.order
    assert (after.state, after.authorised, after.captured) == ("authorised", 1_000, 1_000)


def test_a_decline_ends_the_order_and_tells_its_buyer() -> None:
    change = absorb(an_order(), Declined(None, "card_declined"))
    assert change is not None
    assert (change.order.state, change.order.reason) == ("declined", "card_declined")
    assert (change.order.hold_outcome, change.order.payment_open) == ("released", False)
    assert [event.kind for event in change.events] == ["order.declined"]


def test_pending_waits_longer_each_time_and_keeps_the_payment_open() -> None:
    first = absorb(an_order(payment_open=False), Pending("pay_1"))
    later = absorb(an_order(attempts=3), Pending("pay_1"))
    assert first is not None
    assert later is not None
    assert (first.wait_ms, first.order.payment_open, first.order.payment_id) == (PENDING_POLL_MS, True, "pay_1")
    assert later.wait_ms == 4 * PENDING_POLL_MS


@pytest.mark.parametrize("money", [Money(999, "EUR"), Money(1_001, "EUR"), Money(1_000, "USD")])
def test_money_of_another_amount_or_currency_does_not_pay_the_order(money: Money) -> None:
    change = absorb(an_order(), Charged("pay_1", money))
    assert change is not None
    assert (change.order.state, change.order.reason) == ("declined", "amount_mismatch")
    # It was taken all the same, so it is written down and given back.
    assert change.order.captured == money.amount


@pytest.mark.parametrize("state", PAID)
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_order_that_is_paid_hears_nothing_new(state: OrderState, answer: PaymentResult) -> None:
    order = an_order(state=state, payment_id="pay_1", authorised=1_000, payment_open=False)
    assert absorb(order, answer) is None
    assert absorb_event(order, answer) is None


@pytest.mark.parametrize("state", sorted(WITHOUT_UNITS))
def test_money_that_comes_after_the_end_is_written_down_and_revives_nothing(state: OrderState) -> None:
    change = absorb(an_order(state=state), Authorised("pay_1", EUR_10))
    assert change is not None
    assert (change.order.state, change.order.authorised, change.order.payment_open) == (state, 1_000, False)


@pytest.mark.parametrize("state", sorted(WITHOUT_UNITS))
def test_an_event_after_the_end_only_raises_a_question(state: OrderState) -> None:
    voided = an_order(state=state, payment_id="pay_1", payment_open=False)
    change = absorb_event(voided, Authorised("pay_1", EUR_10))
    assert change is not None
    assert (change.order.state, change.order.authorised, change.order.payment_open) == (state, 0, True)
    assert absorb_event(change.order, Authorised("pay_1", EUR_10)) is None


def test_an_answer_about_another_payment_is_not_this_orders() -> None:
    order = an_order(payment_id="pay_1")
    for answer in (Authorised("pay_2", EUR_10), Charged("pay_2", EUR_10), Declined("pay_2", "x"), Pending("pay_2")):
        assert absorb(order, answer) is None
        assert absorb_event(order, answer) is None


@pytest.mark.parametrize("answer", [None, Pending("pay_1")])
def test_only_a_payment_without_an_outcome_is_given_up_after_its_deadline(answer: PaymentResult | None) -> None:
    young, old = an_order(), an_order(read_at_ms=PAYMENT_DEADLINE_MS + 1)
    waits = answer_rule(answer)(young)
    ends = answer_rule(answer)(old)
    assert waits is not None
    assert ends is not None
    assert waits.order.state == "submitted"
    assert waits.wait_ms
    assert (ends.order.state, ends.order.reason, ends.order.payment_open) == ("declined", "payment_timeout", True)
    in_time = answer_rule(Authorised("pay_1", EUR_10))(old)
    assert in_time is not None
    assert in_time.order.state == "authorised"


def test_the_buyer_is_told_what_to_do_once_and_again_when_it_changes() -> None:
    there = PaymentAction(kind="redirect", url="https://pay.example/1")
    first = absorb(an_order(payment_open=False), Pending("pay_1", there))
    assert first is not None
    assert [(event.kind, event.action) for event in first.events] == [("order.action", there)]
    for same in (Pending("pay_1", there), Pending("pay_1")):
        again = absorb(first.order, same)
        assert again is not None
        assert (again.order.next_action, again.events) == (there, ())
    elsewhere = PaymentAction(kind="redirect", url="https://pay.example/2")
    changed = absorb(first.order, Pending("pay_1", elsewhere))
    assert changed is not None
    assert [event.action for event in changed.events] == [elsewhere]
    assert changed.events[0].event_key != first.events[0].event_key
    paid = absorb(changed.order, Charged("pay_1", EUR_10))
    assert paid is not None
    assert paid.order.next_action is None


def test_a_rumour_only_lets_the_provider_be_asked() -> None:
    asked = hear(an_order(payment_id="pay_1"))
    assert asked is not None
    assert (asked.order, asked.wait_ms) == (an_order(payment_id="pay_1"), 0)
    # The first answer is still on its way: a second question would be one too many.
    assert hear(an_order(payment_id=None)) is None
    for state in WITHOUT_UNITS:
        late = hear(an_order(state=state, payment_open=False))
        assert late is not None
        assert (late.order.payment_open, late.order.state, late.order.captured) == (True, state, 0)
        assert hear(an_order(state=state, payment_open=True)) is None


@pytest.mark.parametrize("state", PAID)
def test_a_rumour_about_a_paid_order_is_no_news(state: OrderState) -> None:
    assert hear(an_order(state=state, payment_id="pay_1")) is None


def test_an_order_for_which_nobody_was_asked_was_not_tried_and_is_given_up_in_time_all_the_same() -> None:
    untried = not_asked(an_order(attempts=1))
    assert untried is not None
    assert (untried.order.state, untried.order.attempts, untried.wait_ms) == ("submitted", 0, NOT_ASKED_WAIT_MS)
    late = not_asked(an_order(attempts=1, read_at_ms=PAYMENT_DEADLINE_MS + 1))
    assert late is not None
    assert (late.order.state, late.order.reason) == ("declined", "payment_timeout")
    assert not_asked(an_order(state="cancelled")) is None
