"""What the answers of Daraja, the API of M-Pesa, mean. Pure. What it wants to hear is in ``mpesa_terms``.

Safaricom publishes no specification that could be checked against. What stands here agrees with many independent
implementations: result codes come as numbers or as text, an error comes as ``errorCode`` with a three-part number,
``Value`` may be missing, and a list with one entry may come as that entry alone.
"""

import re
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from checkout.limits import MPESA_CALLBACK_MAX_BYTES
from checkout.payments.mpesa_terms import CENTS
from kit.errors import InvalidError

_ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_RECEIPT = re.compile(r"[A-Z0-9]{6,20}")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")

REASONS: Final = {
    "1": "insufficient_funds",
    "17": "provider_busy",
    "26": "provider_busy",
    "1001": "payer_busy",
    "1019": "expired",
    "1025": "push_failed",
    "1032": "cancelled_by_payer",
    "1037": "no_response",
    "2001": "wrong_pin",
    "9999": "push_failed",
}
"""Short codes for results that mean that no money moved; one that is not listed is ``payment_failed``."""

STILL_PROCESSING: Final = "4999"
_INTERNAL: Final = "500.001.1001"  # one number for many things; only its text tells which
_TOO_FAST: Final = frozenset({"500.003.02", "500.003.03"})
_BAD_TOKEN: Final = "404.001.03"  # noqa: S105 - the name of an error


class PushResult(msgspec.Struct, frozen=True, kw_only=True):
    """What ``stkpushquery`` says. ``unknown`` is no answer to the question, whatever the HTTP status."""

    state: Literal["paid", "failed", "processing", "unknown"]
    reason: str = ""


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """What Daraja says at once to something that it is to do.

    Attributes:
        state: ``accepted``; ``refused``, nothing will happen; ``not_sent``, nothing happened and it may be repeated;
            ``unknown``, it may have been accepted.
        reference: Daraja's id when it was accepted: ``CheckoutRequestID`` or ``OriginatorConversationID``.
        reason: a short code when it was refused.
    """

    state: Literal["accepted", "refused", "not_sent", "unknown"]
    reference: str = ""
    reason: str = ""


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """What a callback claims about a push. A claim is not a fact: anybody who knows the URL can post it.

    Attributes:
        amount: in cents; None when it is not told.
        receipt: M-Pesa's number of the transaction; only with code ``0``.
    """

    checkout_request_id: str
    code: str
    amount: int | None = None
    receipt: str | None = None


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted to a ``ResultURL``: the outcome of a reversal, or of a question about a transaction.

    Attributes:
        conversation_id: ``OriginatorConversationID``, as the request's answer named it.
        transaction_id: M-Pesa's number of what was done.
        receipt: of the transaction that was asked about.
        amount: in cents.
        is_completed: the transaction that was asked about is done.
        debit_party: who paid, ``254712345678 - Ana``.
        credit_party: who was paid.
    """

    conversation_id: str
    code: str
    transaction_id: str = ""
    receipt: str = ""
    amount: int | None = None
    is_completed: bool = False
    debit_party: str = ""
    credit_party: str = ""


def read_push_result(answer: dict[str, Any], checkout_request_id: str) -> PushResult:
    """Return what an answer of ``stkpushquery`` says about this push."""
    if "errorCode" in answer:
        being_processed = answer["errorCode"] == _INTERNAL and "being processed" in _message(answer)
        return PushResult(state="processing" if being_processed else "unknown")
    code = _code(answer.get("ResultCode"))
    if answer.get("CheckoutRequestID") != checkout_request_id or not code:
        return PushResult(state="unknown")
    if code == STILL_PROCESSING:
        return PushResult(state="processing")
    return PushResult(state="paid") if code == "0" else PushResult(state="failed", reason=reason_of(code))


def read_acceptance(status: int, answer: dict[str, Any], id_field: str) -> Acceptance:
    """Return what an answer says about a push, a reversal or a question that was asked.

    Args:
        status: of HTTP.
        answer: the body; empty when it was not a JSON object.
        id_field: where Daraja's id stands.
    """
    error = answer.get("errorCode")
    if is_bad_token(status, answer) or status == 429 or error in _TOO_FAST:
        return Acceptance(state="not_sent")
    if status == 200 and "ResponseCode" in answer:
        if _code(answer["ResponseCode"]) != "0":
            return Acceptance(state="refused", reason="refused_by_provider")
        reference = answer.get(id_field)
        is_id = isinstance(reference, str) and _ID.fullmatch(reference) is not None
        return Acceptance(state="accepted", reference=str(reference)) if is_id else Acceptance(state="unknown")
    if error == _INTERNAL and "lock subscriber" in _message(answer):
        return Acceptance(state="refused", reason="payer_busy")
    if 400 <= status < 500:
        # Without an error of Daraja's it is a gateway in front of it that turned us away.
        return Acceptance(state="refused", reason="refused_by_provider") if error else Acceptance(state="not_sent")
    return Acceptance(state="unknown")


def is_bad_token(status: int, answer: dict[str, Any]) -> bool:
    """Tell whether Daraja turned a request away for its access token, before it looked at anything else."""
    return status == 401 or answer.get("errorCode") == _BAD_TOKEN


def reason_of(code: str) -> str:
    """Return the short code of a result that means that no money moved."""
    return REASONS.get(code, "payment_failed")


def read_body(body: bytes) -> dict[str, Any]:
    """Return a posted body.

    Raises:
        InvalidError: it is too long, no JSON object, or holds a zero byte.
    """
    if len(body) > MPESA_CALLBACK_MAX_BYTES:
        raise InvalidError(f"the callback is longer than {MPESA_CALLBACK_MAX_BYTES} bytes", field="body")
    if b"\\u0000" in body or b"\0" in body:
        raise InvalidError("the callback holds a zero byte, which cannot be stored", field="body")
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidError("the callback is not a JSON object", field="body") from error


class _Item(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="Name")
    value: str | int | float | None = msgspec.field(name="Value", default=None)


class _Metadata(msgspec.Struct, frozen=True):
    items: list[_Item] | _Item = msgspec.field(name="Item", default_factory=list)


class _StkCallback(msgspec.Struct, frozen=True):
    checkout_request_id: str = msgspec.field(name="CheckoutRequestID")
    code: int | str = msgspec.field(name="ResultCode")
    metadata: _Metadata | None = msgspec.field(name="CallbackMetadata", default=None)


class _StkBody(msgspec.Struct, frozen=True):
    callback: _StkCallback = msgspec.field(name="stkCallback")


class _StkEnvelope(msgspec.Struct, frozen=True):
    body: _StkBody = msgspec.field(name="Body")


class _Parameter(msgspec.Struct, frozen=True):
    key: str = msgspec.field(name="Key")
    value: str | int | float | None = msgspec.field(name="Value", default=None)


class _Parameters(msgspec.Struct, frozen=True):
    parameters: list[_Parameter] | _Parameter = msgspec.field(name="ResultParameter", default_factory=list)


class _Result(msgspec.Struct, frozen=True):
    code: int | str = msgspec.field(name="ResultCode")
    conversation_id: str = msgspec.field(name="OriginatorConversationID")
    transaction_id: str = msgspec.field(name="TransactionID", default="")
    parameters: _Parameters | None = msgspec.field(name="ResultParameters", default=None)


class _ResultEnvelope(msgspec.Struct, frozen=True):
    result: _Result = msgspec.field(name="Result")


def read_callback(body: dict[str, Any]) -> Callback:
    """Return what a posted body claims about a push.

    Raises:
        InvalidError: it does not have the shape of one.
    """
    try:
        posted = msgspec.convert(body, _StkEnvelope).body.callback
    except msgspec.ValidationError as error:
        raise InvalidError(f"the callback cannot be read: {error}", field="body") from error
    if _ID.fullmatch(posted.checkout_request_id) is None:
        raise InvalidError("the callback's CheckoutRequestID is malformed", field="body")
    found = posted.metadata.items if posted.metadata is not None else []
    items = {item.name: item.value for item in (found if isinstance(found, list) else [found])}
    receipt = items.get("MpesaReceiptNumber")
    is_receipt = isinstance(receipt, str) and _RECEIPT.fullmatch(receipt) is not None
    return Callback(
        checkout_request_id=posted.checkout_request_id,
        code=_code(posted.code),
        amount=_cents(items.get("Amount")),
        receipt=str(receipt) if is_receipt else None,
    )


def read_result(body: dict[str, Any]) -> Result:
    """Return what a posted body claims about a reversal or a transaction.

    Raises:
        InvalidError: it does not have the shape of one.
    """
    try:
        posted = msgspec.convert(body, _ResultEnvelope).result
    except msgspec.ValidationError as error:
        raise InvalidError(f"the result cannot be read: {error}", field="body") from error
    if _ID.fullmatch(posted.conversation_id) is None:
        raise InvalidError("the result's OriginatorConversationID is malformed", field="body")
    found = posted.parameters.parameters if posted.parameters is not None else []
    values = {one.key: one.value for one in (found if isinstance(found, list) else [found])}
    return Result(
        conversation_id=posted.conversation_id,
        code=_code(posted.code),
        transaction_id=posted.transaction_id if _RECEIPT.fullmatch(posted.transaction_id) else "",
        receipt=str(values.get("ReceiptNo") or ""),
        amount=_cents(values.get("Amount")),
        is_completed=str(values.get("TransactionStatus") or "").lower() == "completed",
        debit_party=str(values.get("DebitPartyName") or ""),
        credit_party=str(values.get("CreditPartyName") or ""),
    )


def proves_payment(result: Result, *, receipt: str, phone: str) -> bool:
    """Tell whether a transaction that was asked about is a finished payment by this number."""
    return (
        result.code == "0" and result.is_completed and result.receipt == receipt and _names(result.debit_party, phone)
    )


def proves_return(result: Result, *, receipt: str | None, phone: str, amount: int) -> bool:
    """Tell whether a transaction that was asked about brought ``amount`` cents back to this number."""
    right = result.code == "0" and result.is_completed and result.amount == amount
    return right and receipt in {None, result.receipt} and _names(result.credit_party, phone)


def _names(party: str, phone: str) -> bool:
    """Tell whether a party is this number; Safaricom may hide some of its digits behind asterisks."""
    shown = party.partition(" ")[0]
    return len(shown) == len(phone) and all(one in {other, "*"} for one, other in zip(shown, phone, strict=True))


def _code(value: object) -> str:
    return str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""


def _message(answer: dict[str, Any]) -> str:
    return str(answer.get("errorMessage", "")).lower()


def _cents(value: str | float | None) -> int | None:
    """Return an amount in cents, exactly, or None."""
    # No exponents: they make a short text a very long number.
    if value is None or _NUMBER.fullmatch(str(value)) is None:
        return None
    cents = Decimal(str(value)) * CENTS
    return int(cents) if cents == cents.to_integral_value() else None
