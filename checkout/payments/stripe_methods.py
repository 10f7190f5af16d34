"""Our payment methods as Stripe's, pure: what to ask for, and what the buyer has to do.

=================  ========================================================================================
``card:pm_…``      a PaymentMethod that Stripe's own page parts made; ``card:ctoken_…`` a ConfirmationToken
``alipay``         redirect
``wechat_pay``     QR code
``upi``            Stripe's page with a QR code, or the app on a phone; only INR
``boleto``         voucher, paid within days; only BRL; needs the buyer's name, e-mail, tax id and address
``ideal``          redirect; only EUR
=================  ========================================================================================

Only cards can reserve. All others are charged when the buyer has acted.
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from checkout.limits import BILLING_FIELD_MAX_CHARS, STRIPE_METHOD_MAX_CHARS
from checkout.payments.provider import PaymentAction, PaymentRequest, kind_of, without_detail
from kit.errors import InvalidError

CARD: Final = "card"
METHODS: Final = frozenset({CARD, "alipay", "wechat_pay", "upi", "boleto", "ideal"})

_ONE_CURRENCY: Final = {"upi": "INR", "boleto": "BRL", "ideal": "EUR"}
_CARD_TOKEN = re.compile(r"(?:pm|ctoken)_[A-Za-z0-9_]+")
_TAX_ID = re.compile(r"[0-9A-Za-z./-]{11,18}")
_BILLING: Final = ("name", "email")
_ADDRESS: Final = ("line1", "city", "state", "postal_code", "country")


def check_method(method: str, currency: str) -> None:
    """Check the detail of one of ``METHODS``, and that it is for money of a currency.

    Raises:
        InvalidError: field ``payment_method``; ``currency_not_supported``.
    """
    only = _ONE_CURRENCY.get(kind_of(method))
    if only not in {None, currency}:
        raise InvalidError(
            f"{kind_of(method)} pays in {only} only, and this is sold in {currency}",
            field="payment_method",
            code="currency_not_supported",
        )
    if kind_of(method) != CARD:
        without_detail(method)
        return
    if len(method) > STRIPE_METHOD_MAX_CHARS or not _CARD_TOKEN.fullmatch(method.partition(":")[2]):
        raise InvalidError(
            "a card is given as card:pm_… or card:ctoken_…, made by Stripe's library in the buyer's browser",
            field="payment_method",
        )


def refusal_of(request: PaymentRequest) -> str | None:
    """Return why Stripe need not be asked: a currency that is not the method's, a boleto without its buyer."""
    currency = _ONE_CURRENCY.get(request.kind)
    if currency not in {None, request.amount.currency}:
        return "currency_not_supported"
    if request.kind == "boleto" and _boleto(request.shipping or {}) is None:
        return "missing_billing_details"
    return None


def intent_parameters(request: PaymentRequest, amount: int, *, return_url: str) -> dict[str, object]:
    """Return what makes and confirms a PaymentIntent in one call.

    Args:
        request: with a checked method and without a refusal.
        amount: in Stripe's counting.
        return_url: where the buyer's browser comes back to.
    """
    parameters: dict[str, object] = {
        "amount": amount,
        "currency": request.amount.currency.lower(),
        "payment_method_types": [request.kind],
        "confirm": True,
        "return_url": return_url,
        "metadata": {"order_id": request.order_id, "idempotency_key": request.idempotency_key},
    }
    if request.kind == CARD:
        named = "confirmation_token" if request.detail.startswith("ctoken_") else "payment_method"
        return parameters | {named: request.detail, "capture_method": "manual"}
    data: dict[str, object] = {"type": request.kind}
    if request.kind == "boleto":
        data |= _boleto(request.shipping or {}) or {}
    if request.kind == "wechat_pay":
        parameters["payment_method_options"] = {"wechat_pay": {"client": "web"}}
    return parameters | {"payment_method_data": data}


def plain_parameters(request: PaymentRequest, amount: int) -> dict[str, object]:
    """Return the least that reserves a card's money, for servers that know only a part of Stripe's API."""
    return {
        "amount": amount,
        "currency": request.amount.currency.lower(),
        "payment_method_types": [CARD],
        "payment_method": request.detail,
        "capture_method": "manual",
        "confirm": True,
        "metadata": {"order_id": request.order_id, "idempotency_key": request.idempotency_key},
    }


def _boleto(shipping: Mapping[str, object]) -> dict[str, object] | None:
    """Return a boleto's buyer; None when something is missing or no text."""
    address = shipping.get("address")
    tax_id = _text(shipping, "tax_id")
    if not isinstance(address, dict) or tax_id is None or not _TAX_ID.fullmatch(tax_id):
        return None
    billing: dict[str, object] = {field: _text(shipping, field) for field in _BILLING}
    place = {field: _text(address, field) for field in _ADDRESS}
    if None in billing.values() or None in place.values():
        return None
    if line2 := _text(address, "line2"):
        place["line2"] = line2
    return {"boleto": {"tax_id": tax_id}, "billing_details": billing | {"address": place}}


def _text(fields: Mapping[str, object], name: str) -> str | None:
    value = fields.get(name)
    text = value.strip() if isinstance(value, str) else ""
    return text if 0 < len(text) <= BILLING_FIELD_MAX_CHARS else None


class _Redirect(msgspec.Struct):
    url: str


class _WechatCode(msgspec.Struct):
    data: str
    hosted_instructions_url: str | None = None


class _UpiCode(msgspec.Struct):
    expires_at: int | None = None


class _Upi(msgspec.Struct):
    hosted_instructions_url: str
    qr_code: _UpiCode | None = None


class _Boleto(msgspec.Struct):
    number: str
    expires_at: int | None = None
    hosted_voucher_url: str | None = None


class _NextAction(msgspec.Struct):
    redirect_to_url: _Redirect | None = None
    alipay_handle_redirect: _Redirect | None = None
    wechat_pay_display_qr_code: _WechatCode | None = None
    upi_handle_redirect_or_display_qr_code: _Upi | None = None
    boleto_display_details: _Boleto | None = None


def action_of(next_action: Mapping[str, object]) -> PaymentAction | None:
    """Return what the buyer has to do, as a PaymentIntent's ``next_action`` says it; None for what we do not know.

    UPI's QR code comes only as a picture on a page of Stripe's, so that page is where the buyer is sent.
    """
    try:
        told = msgspec.convert(next_action, _NextAction)
    except msgspec.ValidationError:
        return None
    if redirect := told.redirect_to_url or told.alipay_handle_redirect:
        return _at(PaymentAction(kind="redirect", url=redirect.url))
    if code := told.wechat_pay_display_qr_code:
        return _at(PaymentAction(kind="qr_code", data=code.data, url=code.hosted_instructions_url))
    if upi := told.upi_handle_redirect_or_display_qr_code:
        expires_at = upi.qr_code.expires_at if upi.qr_code else None
        return _at(PaymentAction(kind="redirect", url=upi.hosted_instructions_url, expires_at_ms=_ms(expires_at)))
    if boleto := told.boleto_display_details:
        return _at(
            PaymentAction(
                kind="voucher",
                data=boleto.number,
                url=boleto.hosted_voucher_url,
                expires_at_ms=_ms(boleto.expires_at),
            )
        )
    return None


def _at(action: PaymentAction) -> PaymentAction | None:
    """Keep only what leads to an https page: the buyer's browser follows it."""
    if action.url is None or action.url.startswith("https://"):
        return action
    return None


def _ms(seconds: int | None) -> int | None:
    return None if seconds is None else seconds * 1000
