"""Payment settings: what is missing or wrong is named, and no secret is ever shown."""

import pytest

from checkout.payments.settings import PAYMENT_VARIABLES, PaymentSettings, provider_names, read_payment_settings
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
    with pytest.raises(SettingError, match=f"{needed[0]} is set, but {key} is not"):
        read_payment_settings({one: value for one, value in given.items() if one != key})


def test_addresses_of_our_own_set_up_no_provider() -> None:
    assert read_payment_settings({"SHOWDROP_PUBLIC_URL": "https://shop.example"}) == PaymentSettings()


def test_the_providers_that_take_payments_are_named() -> None:
    assert provider_names(read_payment_settings({}), test_bank=False) == []
    assert provider_names(read_payment_settings(STRIPE), test_bank=True) == ["test", "stripe"]
    assert provider_names(read_payment_settings(STRIPE | MPESA), test_bank=False) == ["stripe", "mpesa"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SHOWDROP_PUBLIC_URL", "shop.example"),
        ("SHOWDROP_PUBLIC_URL", "https://user:password@shop.example"),
        ("SHOWDROP_PUBLIC_URL", "http://shop.example"),
        ("SHOWDROP_PUBLIC_URL", "http://127.0.0.1.shop.example"),
        ("SHOWDROP_PAYMENT_RETURN_URL", "http://shop.example/thanks"),
        ("SHOWDROP_STRIPE_URL", "ftp://api.stripe.com"),
        ("SHOWDROP_STRIPE_URL", "http://api.stripe.com"),
        ("SHOWDROP_STRIPE_URL", "https://api.stripe.com/v1"),
        ("SHOWDROP_STRIPE_KEY", "password@"),
        ("SHOWDROP_STRIPE_KEY", "pk_live_password@"),
        ("SHOWDROP_STRIPE_WEBHOOK_SECRETS", "password@"),
        ("SHOWDROP_STRIPE_WEBHOOK_SECRETS", "whsec_new, password@"),
        ("SHOWDROP_STRIPE_WEBHOOK_SECRETS", ","),
        ("SHOWDROP_MPESA_URL", "http://api.safaricom.co.ke"),
        *[("SHOWDROP_MPESA_SHORTCODE", code) for code in ("password@", "1234", "12345678", "١٧٤٣٧٩")],
        ("SHOWDROP_STRIPE_PER_S", "0"),
        ("SHOWDROP_STRIPE_PER_S", "many"),
    ],
)
def test_a_wrong_value_is_named_and_a_password_in_it_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingError, match=name) as refused:
        read_payment_settings(STRIPE | MPESA | {name: value})
    assert "password@" not in str(refused.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8000", "[::1]:8000"])
def test_an_address_of_this_machine_needs_no_tls(host: str) -> None:
    settings = read_payment_settings(
        STRIPE | MPESA | {"SHOWDROP_PUBLIC_URL": f"http://{host}", "SHOWDROP_STRIPE_URL": f"http://{host}"}
    )
    assert settings.stripe is not None
    assert settings.mpesa is not None
    assert (settings.stripe.url, settings.mpesa.public_url) == (f"http://{host}", f"http://{host}")


def test_a_restricted_key_will_do_and_a_publishable_one_is_told_from_a_secret_one() -> None:
    assert read_payment_settings(STRIPE | {"SHOWDROP_STRIPE_KEY": "rk_test_1"}).stripe is not None
    with pytest.raises(SettingError, match=r"publishable key \(pk_…\); use the secret one"):
        read_payment_settings(STRIPE | {"SHOWDROP_STRIPE_KEY": "pk_test_1"})


def test_secrets_show_nothing_of_themselves() -> None:
    shown = repr(read_payment_settings(STRIPE | MPESA)) + str(read_payment_settings(STRIPE | MPESA))
    for hidden in ("sk_live", "whsec", "consumer-key", "consumer-secret", "pass-key", "credential"):
        assert hidden not in shown.replace("credential=Secret", "")
