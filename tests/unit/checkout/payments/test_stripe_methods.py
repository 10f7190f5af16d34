"""Our methods as Stripe's parameters, and its next actions as ours."""

import pytest

from checkout.payments.provider import PaymentAction, PaymentRequest
from checkout.payments.stripe_methods import (
    METHODS,
    action_of,
    check_method,
    intent_parameters,
    plain_parameters,
    refusal_of,
)
from kit.errors import InvalidError
from kit.money import Money
from tests.fakes.stripe.account import next_action

BUYER: dict[str, object] = {
    "name": "Ana Souza",
    "email": "ana@example.com",
    "tax_id": "000.000.000-00",
    "address": {"line1": "Rua 1", "city": "Recife", "state": "PE", "postal_code": "50000-000", "country": "BR"},
}


def a_request(method: str, currency: str = "EUR", shipping: dict[str, object] | None = None) -> PaymentRequest:
    return PaymentRequest(
        order_id="order_1",
        amount=Money(1_999, currency),
        method=method,
        idempotency_key="authorise:order_1",
        shipping=shipping,
    )


def parameters(request: PaymentRequest) -> dict[str, object]:
    return intent_parameters(request, 1_999, return_url="https://shop.example/back")


@pytest.mark.parametrize("method", ["card:pm_1Nabc", "card:pm_card_visa", "card:ctoken_1Nabc", "alipay", "ideal"])
def test_good_methods_pass(method: str) -> None:
    check_method(method, "EUR")


@pytest.mark.parametrize(("method", "currency"), [("upi", "INR"), ("boleto", "BRL"), ("ideal", "EUR")])
def test_a_method_of_one_currency_is_refused_at_checkout_for_any_other(method: str, currency: str) -> None:
    check_method(method, currency)
    with pytest.raises(InvalidError, match=f"{method} pays in {currency} only") as refused:
        check_method(method, "USD")
    assert (refused.value.code, refused.value.details["field"]) == ("currency_not_supported", "payment_method")


@pytest.mark.parametrize(
    "method",
    [
        "card",
        "card:",
        "card:tok_1",
        "card:pm_",
        "card:pm_a b",
        "card:pm_é",
        "card:pm_a&x=1",
        "card:pm_1\n",
        "card:pm_" + "a" * 128,
        "alipay:x",
        "boleto:",
    ],
)
def test_a_malformed_detail_is_refused(method: str) -> None:
    with pytest.raises(InvalidError) as refused:
        check_method(method, "BRL")
    assert refused.value.details["field"] == "payment_method"


@pytest.mark.parametrize(
    ("token", "named"), [("pm_card_visa", "payment_method"), ("ctoken_visa", "confirmation_token")]
)
def test_a_card_reserves(token: str, named: str) -> None:
    asked = parameters(a_request(f"card:{token}"))
    assert asked["capture_method"] == "manual"
    assert asked[named] == token
    assert "payment_method_data" not in asked
    assert asked["metadata"] == {"order_id": "order_1", "idempotency_key": "authorise:order_1"}
    assert (asked["amount"], asked["currency"], asked["confirm"]) == (1_999, "eur", True)


@pytest.mark.parametrize("kind", sorted(METHODS - {"card"}))
def test_the_others_are_charged_once_the_buyer_acted(kind: str) -> None:
    asked = parameters(a_request(kind, shipping=BUYER))
    assert "capture_method" not in asked
    assert asked["payment_method_types"] == [kind]
    data = asked["payment_method_data"]
    assert isinstance(data, dict)
    assert data["type"] == kind
    assert ("billing_details" in data) == (kind == "boleto")
    assert asked["return_url"] == "https://shop.example/back"


def test_the_plain_profile_sends_only_what_every_server_knows() -> None:
    assert set(plain_parameters(a_request("card:pm_1"), 1_999)) == {
        "amount",
        "currency",
        "payment_method_types",
        "payment_method",
        "capture_method",
        "confirm",
        "metadata",
    }


@pytest.mark.parametrize(("kind", "currency"), [("upi", "INR"), ("boleto", "BRL"), ("ideal", "EUR")])
def test_a_method_of_one_currency_refuses_others(kind: str, currency: str) -> None:
    assert refusal_of(a_request(kind, currency, BUYER)) is None
    assert refusal_of(a_request(kind, "USD", BUYER)) == "currency_not_supported"
    assert refusal_of(a_request("alipay", "USD")) is None


@pytest.mark.parametrize("missing", ["name", "email", "tax_id", "address"])
def test_a_boleto_without_its_buyer_is_refused_before_stripe_is_asked(missing: str) -> None:
    partly = {name: value for name, value in BUYER.items() if name != missing}
    assert refusal_of(a_request("boleto", "BRL", partly)) == "missing_billing_details"
    assert refusal_of(a_request("boleto", "BRL", BUYER | {missing: 7})) == "missing_billing_details"
    assert refusal_of(a_request("boleto", "BRL")) == "missing_billing_details"


@pytest.mark.parametrize("field", ["line1", "city", "state", "postal_code", "country"])
def test_a_boleto_needs_the_whole_address(field: str) -> None:
    address = BUYER["address"]
    assert isinstance(address, dict)
    shipping = BUYER | {"address": address | {field: " "}}
    assert refusal_of(a_request("boleto", "BRL", shipping)) == "missing_billing_details"


PAGE = "https://hooks.stripe.example"


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("card", PaymentAction(kind="redirect", url=f"{PAGE}/card/pi_1")),
        ("ideal", PaymentAction(kind="redirect", url=f"{PAGE}/ideal/pi_1")),
        ("alipay", PaymentAction(kind="redirect", url=f"{PAGE}/alipay/pi_1")),
        ("wechat_pay", PaymentAction(kind="qr_code", data="weixin://pay", url=f"{PAGE}/wechat_pay/pi_1")),
        ("upi", PaymentAction(kind="redirect", url=f"{PAGE}/upi/pi_1", expires_at_ms=1_900_000_000_000)),
        (
            "boleto",
            PaymentAction(kind="voucher", data="01010101", url=f"{PAGE}/boleto/pi_1", expires_at_ms=1_900_000_000_000),
        ),
    ],
)
def test_each_next_action_tells_the_buyer_what_to_do(kind: str, action: PaymentAction) -> None:
    assert action_of(next_action(kind, "pi_1")) == action


@pytest.mark.parametrize(
    "told",
    [
        {"type": "use_stripe_sdk", "use_stripe_sdk": {}},
        {"type": "redirect_to_url", "redirect_to_url": {"url": "javascript:alert(1)"}},
        {"type": "redirect_to_url", "redirect_to_url": {"url": None}},
        {"type": "redirect_to_url", "redirect_to_url": "x"},
        {"type": "boleto_display_details", "boleto_display_details": {"expires_at": "soon"}},
        {},
    ],
)
def test_what_is_not_known_or_leads_elsewhere_is_not_passed_on(told: dict[str, object]) -> None:
    assert action_of(told) is None
