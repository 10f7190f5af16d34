"""Payment settings: what is missing or wrong is named, and no secret is ever shown."""

import pytest

from checkout.payments.settings import PAYMENT_VARIABLES, PaymentSettings, read_payment_settings
from kit.errors import SettingError

STRIPE = {
    "SHOWDROP_STRIPE_KEY": "sk_live_51Hxyz",
    "SHOWDROP_STRIPE_WEBHOOK_SECRETS": "whsec_new, whsec_old",
    "SHOWDROP_PUBLIC_URL": "https://shop.example/",
}
MPESA = {
    "SHOWDROP_MPESA_KEY": "consumer-key",
    "SHOWDROP_MPESA_SECRET": "consumer-secret",
    "SHOWDROP_MPESA_SHORTCODE": "174379",
    "SHOWDROP_MPESA_PASSKEY": "pass-key",
    "SHOWDROP_MPESA_INITIATOR": "shop",
    "SHOWDROP_MPESA_CREDENTIAL": "credential",
    "SHOWDROP_PUBLIC_URL": "https://shop.example",
}


def test_without_keys_no_provider_is_set_up() -> None:
    assert read_payment_settings({}) == PaymentSettings()
    assert read_payment_settings(dict.fromkeys((one.name for one in PAYMENT_VARIABLES), " ")) == PaymentSettings()


def test_stripe_needs_its_secrets_and_a_way_back() -> None:
    stripe = read_payment_settings(STRIPE).stripe
    assert stripe is not None
    assert (stripe.key.reveal(), [one.reveal() for one in stripe.webhook_secrets]) == (
        "sk_live_51Hxyz",
        ["whsec_new", "whsec_old"],
    )
    assert (stripe.return_url, stripe.url, stripe.per_s) == ("https://shop.example", "https://api.stripe.com", 25)
    chosen = read_payment_settings(STRIPE | {"SHOWDROP_PAYMENT_RETURN_URL": "https://shop.example/thanks"}).stripe
    assert chosen is not None
    assert chosen.return_url == "https://shop.example/thanks"


@pytest.mark.parametrize("given", [STRIPE, MPESA], ids=["stripe", "mpesa"])
def test_whatever_is_missing_is_named(given: dict[str, str]) -> None:
    key, *needed = given
    for name in needed:
        with pytest.raises(SettingError, match=f"{name} is not set"):
            read_payment_settings({one: value for one, value in given.items() if one != name})
    assert read_payment_settings({one: value for one, value in given.items() if one != key}) == PaymentSettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHOWDROP_PUBLIC_URL", "shop.example"),
        ("SHOWDROP_PUBLIC_URL", "https://user:password@shop.example"),
        ("SHOWDROP_STRIPE_URL", "ftp://api.stripe.com"),
        ("SHOWDROP_STRIPE_PER_S", "0"),
        ("SHOWDROP_STRIPE_PER_S", "many"),
    ],
)
def test_a_wrong_value_is_named_and_a_password_in_it_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as refused:
        read_payment_settings(STRIPE | {name: value})
    assert "password@" not in str(refused.value)


def test_secrets_show_nothing_of_themselves() -> None:
    shown = repr(read_payment_settings(STRIPE | MPESA)) + str(read_payment_settings(STRIPE | MPESA))
    for hidden in ("sk_live", "whsec", "consumer-key", "consumer-secret", "pass-key", "credential"):
        assert hidden not in shown.replace("credential=Secret", "")
