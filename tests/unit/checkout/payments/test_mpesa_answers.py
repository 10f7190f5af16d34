"""What Daraja's answers mean."""

from typing import Any

import pytest

from checkout.limits import MPESA_CALLBACK_MAX_BYTES
from checkout.payments.mpesa_answers import (
    Acceptance,
    Callback,
    PushResult,
    proves_payment,
    proves_return,
    read_acceptance,
    read_body,
    read_callback,
    read_push_result,
    read_result,
    reason_of,
)
from kit.errors import InvalidError
from tests.fakes.daraja import bodies
from tests.fakes.daraja.ledger import Prompt, Transaction

PHONE = "254712345678"
PUSH_ID = "ws_CO_1"
PROMPT = Prompt(checkout_request_id=PUSH_ID, phone=PHONE, shillings=10, callback_url="", receipt="TJ00000001")
PAID = Transaction(receipt="TJ00000001", shillings=10, debit_party=f"{PHONE} - Ana", credit_party="174379 - Showdrop")


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    ("code", "result"),
    [
        (0, PushResult(state="paid")),
        (1, PushResult(state="failed", reason="insufficient_funds")),
        (1032, PushResult(state="failed", reason="cancelled_by_payer")),
        (31_337, PushResult(state="failed", reason="payment_failed")),
        (4999, PushResult(state="processing")),
    ],
)
def test_a_result_code_counts_as_number_and_as_text(code: int, result: PushResult, as_text: bool) -> None:
    answer = {"ResponseCode": "0", "CheckoutRequestID": PUSH_ID, "ResultCode": str(code) if as_text else code}
    assert read_push_result(answer, PUSH_ID) == result


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"CheckoutRequestID": PUSH_ID},
        {"CheckoutRequestID": "ws_CO_2", "ResultCode": 0},
        {"ResultCode": 0},
        {"CheckoutRequestID": PUSH_ID, "ResultCode": None},
        {"CheckoutRequestID": PUSH_ID, "ResultCode": False},
        {"CheckoutRequestID": PUSH_ID, "ResultCode": 0, "errorCode": "500.001.1001"},
        {"errorCode": "500.001.1001", "errorMessage": "System internal error"},
        {"errorCode": "404.001.04", "errorMessage": "The transaction is being processed"},
    ],
)
def test_an_answer_that_does_not_answer_is_unknown(answer: dict[str, Any]) -> None:
    assert read_push_result(answer, PUSH_ID).state == "unknown"


def test_an_error_that_says_being_processed_is_no_error() -> None:
    answer = {"errorCode": "500.001.1001", "errorMessage": "The transaction is being processed"}
    assert read_push_result(answer, PUSH_ID).state == "processing"


@pytest.mark.parametrize(
    ("status", "answer", "state"),
    [
        (200, {"ResponseCode": "0", "CheckoutRequestID": PUSH_ID}, "accepted"),
        (200, {"ResponseCode": 0, "CheckoutRequestID": PUSH_ID}, "accepted"),
        (200, {"ResponseCode": "1", "CheckoutRequestID": PUSH_ID}, "refused"),
        (200, {"ResponseCode": "0"}, "unknown"),
        (200, {"ResponseCode": "0", "CheckoutRequestID": "x" * 65}, "unknown"),
        (200, {"ResponseCode": "0", "CheckoutRequestID": 7}, "unknown"),
        (200, {}, "unknown"),
        (400, {"errorCode": "400.002.02"}, "refused"),
        (401, {}, "not_sent"),
        (404, {"errorCode": "404.001.03"}, "not_sent"),
        (403, {}, "not_sent"),
        (429, {}, "not_sent"),
        (500, {"errorCode": "500.003.02"}, "not_sent"),
        (500, {"errorCode": "500.001.1001", "errorMessage": "Unable to lock subscriber"}, "refused"),
        (500, {"errorCode": "500.001.1001", "errorMessage": "System internal error"}, "unknown"),
        (500, {}, "unknown"),
        (502, {}, "unknown"),
        (503, {}, "unknown"),
    ],
)
def test_what_a_request_left_behind(status: int, answer: dict[str, Any], state: str) -> None:
    assert read_acceptance(status, answer, "CheckoutRequestID").state == state


def test_an_accepted_request_has_its_id() -> None:
    answer = {"ResponseCode": "0", "CheckoutRequestID": PUSH_ID}
    assert read_acceptance(200, answer, "CheckoutRequestID") == Acceptance(state="accepted", reference=PUSH_ID)


def test_a_code_that_nobody_listed_has_a_reason_too() -> None:
    assert reason_of("8006") == "payment_failed"


@pytest.mark.parametrize(("shillings", "cents"), [(10, 1_000), (10.0, 1_000), (10.5, 1_050), (10.555, None)])
def test_a_callback_claims_an_amount_and_a_receipt(shillings: float, cents: int | None) -> None:
    claimed = read_callback(bodies.callback(PROMPT, code=0, shillings=shillings))
    assert claimed == Callback(checkout_request_id=PUSH_ID, code="0", amount=cents, receipt="TJ00000001")


@pytest.mark.parametrize("value", ["1e400", "1e999999999", "-1", "NaN", "Infinity", "ten", "9" * 40, "", None])
def test_a_strange_amount_is_no_amount(value: str | None) -> None:
    metadata = {"Item": [{"Name": "Amount", "Value": value}]}
    posted = {"CheckoutRequestID": PUSH_ID, "ResultCode": 0, "CallbackMetadata": metadata}
    assert read_callback({"Body": {"stkCallback": posted}}).amount is None


def test_a_failure_has_no_metadata() -> None:
    assert read_callback(bodies.callback(PROMPT, code="1032")) == Callback(checkout_request_id=PUSH_ID, code="1032")


def test_a_list_of_one_may_come_as_the_one() -> None:
    posted = bodies.status("conversation-1", PAID)
    parameter = {"Key": "ReceiptNo", "Value": "TJ00000001"}
    alone = {"Result": {**_result(posted), "ResultParameters": {"ResultParameter": parameter}}}
    assert read_result(alone).receipt == "TJ00000001"


@pytest.mark.parametrize("body", [{}, {"Body": 1}, {"Body": {"stkCallback": {"ResultCode": 0}}}, {"Result": {}}])
def test_another_shape_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidError):
        read_callback(body)
    with pytest.raises(InvalidError):
        read_result(body)


@pytest.mark.parametrize("payment_id", ["", "x" * 65, "a b", "ws\n", "é"])
def test_a_malformed_id_is_refused(payment_id: str) -> None:
    with pytest.raises(InvalidError):
        read_callback({"Body": {"stkCallback": {"CheckoutRequestID": payment_id, "ResultCode": 0}}})


@pytest.mark.parametrize("body", [b"", b"null", b"[1]", b"{", b"\xff\xfe", b'{"a":"\\u0000"}', b"{\0}", b"[" * 9_999])
def test_a_body_that_cannot_be_kept_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidError):
        read_body(body)


def test_a_body_over_the_limit_is_refused_unread() -> None:
    fits = b'{"a":"' + b"x" * (MPESA_CALLBACK_MAX_BYTES - 8) + b'"}'
    assert len(fits) == MPESA_CALLBACK_MAX_BYTES
    assert read_body(fits)
    with pytest.raises(InvalidError):
        read_body(fits + b" ")


def test_a_finished_transaction_by_this_number_proves_a_payment() -> None:
    result = read_result(bodies.status("conversation-1", PAID))
    assert result.amount == 1_000
    assert proves_payment(result, receipt="TJ00000001", phone=PHONE)
    assert not proves_payment(result, receipt="TJ00000002", phone=PHONE)
    assert not proves_payment(result, receipt="TJ00000001", phone="254712345679")
    assert not proves_payment(read_result(bodies.status("conversation-1", None)), receipt="TJ00000001", phone=PHONE)


@pytest.mark.parametrize(
    ("party", "fits"),
    [
        ("2547****5678 - Ana", True),
        ("2547****5679 - Ana", False),
        ("254712345678", True),
        ("", False),
        ("Ana", False),
        ("25471234567812 - Ana", False),
    ],
)
def test_hidden_digits_fit_and_shown_ones_have_to(party: str, fits: bool) -> None:
    paid = Transaction(receipt="TJ00000001", shillings=10, debit_party=party, credit_party="174379")
    result = read_result(bodies.status("conversation-1", paid))
    assert proves_payment(result, receipt="TJ00000001", phone=PHONE) is fits


def test_a_transaction_to_this_number_of_that_amount_proves_a_return() -> None:
    back = Transaction(receipt="TJ00000009", shillings=4, debit_party="174379", credit_party=f"{PHONE} - Ana")
    result = read_result(bodies.status("conversation-1", back))
    assert proves_return(result, receipt="TJ00000009", phone=PHONE, amount=400)
    assert proves_return(result, receipt=None, phone=PHONE, amount=400)
    assert not proves_return(result, receipt="TJ00000008", phone=PHONE, amount=400)
    assert not proves_return(result, receipt=None, phone=PHONE, amount=500)
    assert not proves_return(result, receipt=None, phone="254712345679", amount=400)


def _result(body: dict[str, object]) -> dict[str, object]:
    inner = body["Result"]
    assert isinstance(inner, dict)
    return inner
