"""Reading what is sent to the fake: strictly, so that a parameter that Stripe does not know cannot pass unseen."""

import re
from urllib.parse import parse_qsl

from tests.fakes.stripe.failures import FakeStripeError

_BILLING = "payment_method_data[billing_details]"
_CREATE = {
    "amount",
    "currency",
    "payment_method_types[]",
    "confirm",
    "return_url",
    "metadata[*]",
    "payment_method",
    "confirmation_token",
    "capture_method",
    "payment_method_data[type]",
    "payment_method_data[boleto][tax_id]",
    f"{_BILLING}[name]",
    f"{_BILLING}[email]",
    *(f"{_BILLING}[address][{field}]" for field in ("line1", "line2", "city", "state", "postal_code", "country")),
    "payment_method_options[wechat_pay][client]",
}

PARAMETERS = {
    "create": _CREATE,
    "retrieve": set(),
    "list": {"created[gte]", "limit", "starting_after"},
    "search": {"query", "limit"},
    "capture": {"amount_to_capture"},
    "cancel": set(),
    "refund": {"payment_intent", "amount", "metadata[*]"},
    "refunds": {"payment_intent", "limit"},
}


def read(endpoint: str, encoded: str) -> dict[str, str]:
    """Return the parameters as they are written, ``a[b][c]``; 400 for one that is not known, or given twice."""
    try:
        pairs = parse_qsl(encoded, strict_parsing=True, keep_blank_values=True) if encoded else []
    except ValueError as error:
        raise FakeStripeError(400, "invalid_request_error", message="not a form") from error
    for name, _ in pairs:
        general = re.sub(r"\[\d+\]", "[]", re.sub(r"^metadata\[\w+\]$", "metadata[*]", name))
        if general not in PARAMETERS[endpoint]:
            raise FakeStripeError(400, "invalid_request_error", code="parameter_unknown", param=name)
    if len({name for name, _ in pairs}) != len(pairs):
        raise FakeStripeError(400, "invalid_request_error", message="a parameter comes twice")
    return dict(pairs)


def whole(parameters: dict[str, str], name: str) -> int:
    """Return a positive integer; 400 otherwise."""
    text = parameters.get(name)
    if text is None:
        raise FakeStripeError(400, "invalid_request_error", code="parameter_missing", param=name)
    if not re.fullmatch(r"[0-9]{1,15}", text) or int(text) == 0:
        raise FakeStripeError(400, "invalid_request_error", code="parameter_invalid_integer", param=name)
    return int(text)


def metadata(parameters: dict[str, str]) -> dict[str, str]:
    return {name[len("metadata[") : -1]: value for name, value in parameters.items() if name.startswith("metadata[")}
