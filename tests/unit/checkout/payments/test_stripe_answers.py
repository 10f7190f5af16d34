"""What a PaymentIntent and an event of Stripe's mean."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.payments.provider import Authorised, Charged, Declined, PaymentAction, PaymentResult, Pending
from checkout.payments.stripe_answers import declined_body, read_event, read_intent, result_of
from kit.errors import InvalidError
from kit.money import Money

INTENT: dict[str, object] = {
    "id": "pi_1",
    "object": "payment_intent",
    "status": "requires_capture",
    "amount": 2_000,
    "amount_capturable": 2_000,
    "amount_received": 0,
    "currency": "eur",
    "metadata": {"order_id": "order_1", "idempotency_key": "authorise:order_1"},
    "next_action": None,
    "last_payment_error": None,
}
TO_PAGE = {"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank.example/"}}


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({}, Authorised("pi_1", Money(2_000, "EUR"))),
        ({"amount_capturable": 1_500}, Authorised("pi_1", Money(1_500, "EUR"))),
        ({"status": "succeeded", "amount_received": 1_800}, Charged("pi_1", Money(1_800, "EUR"))),
        ({"status": "canceled"}, Declined("pi_1", "voided")),
        ({"status": "processing"}, Pending("pi_1")),
        ({"status": "requires_confirmation"}, Pending("pi_1")),
        ({"status": "a_state_of_next_year"}, Pending("pi_1")),
        (
            {"status": "requires_action", "next_action": TO_PAGE},
            Pending("pi_1", PaymentAction(kind="redirect", url="https://bank.example/")),
        ),
        ({"status": "requires_payment_method"}, Declined("pi_1", "card_declined")),
        (
            {
                "status": "requires_payment_method",
                "last_payment_error": {"code": "card_declined", "decline_code": "insufficient_funds"},
            },
            Declined("pi_1", "insufficient_funds"),
        ),
    ],
)
def test_each_state_is_a_result(changes: dict[str, object], result: PaymentResult) -> None:
    assert result_of(read_intent(INTENT | changes)) == result


def test_a_server_that_does_not_tell_what_was_taken_means_all() -> None:
    plain = {name: value for name, value in INTENT.items() if not name.startswith("amount_")}
    assert result_of(read_intent(plain)) == Authorised("pi_1", Money(2_000, "EUR"))


def test_an_amount_that_is_none_of_ours_is_an_error_and_no_money() -> None:
    with pytest.raises(InvalidError):
        result_of(read_intent(INTENT | {"currency": "isk", "amount_capturable": 150}))


@pytest.mark.parametrize("changes", [{"id": None}, {"amount": "2000"}, {"amount": 1.5}, {"metadata": {"a": 1}}])
def test_what_is_no_payment_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InvalidError):
        read_intent(INTENT | changes)


@pytest.mark.parametrize(
    ("body", "declined"),
    [
        (
            {"error": {"code": "card_declined", "decline_code": "do_not_honor", "payment_intent": {"id": "pi_1"}}},
            Declined("pi_1", "do_not_honor"),
        ),
        ({"error": {"code": "expired_card"}}, Declined(None, "expired_card")),
        ({"error": {"code": "card_declined", "decline_code": "stolen_card"}}, Declined(None, "card_declined")),
        ({"error": {"decline_code": "<script>"}}, Declined(None, "card_declined")),
        ({"error": {}}, Declined(None, "card_declined")),
        ({}, Declined(None, "card_declined")),
        (None, Declined(None, "card_declined")),
    ],
)
def test_a_decline_tells_a_reason_that_a_buyer_may_read(body: object, declined: Declined) -> None:
    assert declined_body(body) == declined


def an_event(kind: str, about: dict[str, object]) -> bytes:
    return msgspec.json.encode({"id": "evt_1", "object": "event", "type": kind, "data": {"object": about}})


@pytest.mark.parametrize(
    ("kind", "status", "result", "is_rumour"),
    [
        ("payment_intent.succeeded", "succeeded", Charged("pi_1", Money(2_000, "EUR")), False),
        ("payment_intent.canceled", "canceled", Declined("pi_1", "voided"), False),
        ("payment_intent.amount_capturable_updated", "requires_capture", None, True),
        ("payment_intent.payment_failed", "requires_payment_method", None, True),
        ("payment_intent.created", "requires_confirmation", None, False),
        ("payment_intent.requires_action", "requires_action", None, False),
        ("payment_intent.processing", "processing", None, False),
    ],
)
def test_only_the_end_of_a_payment_is_believed(
    kind: str, status: str, result: PaymentResult | None, is_rumour: bool
) -> None:
    event = read_event(an_event(kind, INTENT | {"status": status, "amount_received": 2_000}))
    assert (event.event_id, event.kind, event.payment_id) == ("evt_1", kind, "pi_1")
    assert event.order_id == "order_1"
    assert (event.result, event.is_rumour) == (result, is_rumour)


def test_a_refund_names_its_payment_and_changes_nothing() -> None:
    event = read_event(an_event("refund.created", {"id": "re_1", "payment_intent": "pi_1", "amount": 5}))
    assert (event.payment_id, event.result, event.is_rumour) == ("pi_1", None, False)
    assert read_event(an_event("customer.created", {"id": "cus_1"})).payment_id == ""


def test_a_payment_of_somebody_else_in_the_same_account_is_only_recorded() -> None:
    foreign = INTENT | {"metadata": {}, "currency": "xyz", "status": "succeeded"}
    event = read_event(an_event("payment_intent.succeeded", foreign))
    assert (event.order_id, event.result, event.is_rumour) == (None, None, False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"id":"evt_1","type":"x"}',
        b'{"id":"evt_1","type":"x","data":{"object":3}}',
        b'{"id":"evt_\\u0000","type":"x","data":{"object":{}}}',
        b'{"id":"evt_1","type":"x","data":{"object":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_002,
        an_event("payment_intent.succeeded", {"id": "pi_1", "metadata": {"order_id": "order_1"}}),
    ],
)
def test_an_unreadable_body_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidError):
        read_event(body)


@given(st.binary(max_size=200))
def test_no_body_does_worse_than_being_refused(body: bytes) -> None:
    with pytest.raises(InvalidError):
        read_event(body)
