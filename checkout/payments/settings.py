"""Which payment providers take payments, from the environment; a provider whose key is not set takes none.

What is secret shows nothing of itself in a log or a trace.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from kit.errors import SettingError
from kit.settings import Variable

_STRIPE_URL: Final = "https://api.stripe.com"
_MPESA_URL: Final = "https://api.safaricom.co.ke"
_SHORTCODE: Final = re.compile(r"[0-9]{5,7}")
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_PER_S_MOST: Final = 10_000
"""Calls a second: past what any provider allows, so a larger number is a slip of the finger."""

PAYMENT_VARIABLES: Final[tuple[Variable, ...]] = (
    Variable("SHOWDROP_PUBLIC_URL", "none", "where the world reaches the API, https://; payment providers call it"),
    Variable("SHOWDROP_PAYMENT_RETURN_URL", "the public URL", "page that buyers come back to from a payment provider"),
    Variable("SHOWDROP_STRIPE_KEY", "none", "secret key of Stripe; with it Stripe takes payments"),
    Variable("SHOWDROP_STRIPE_WEBHOOK_SECRETS", "none", "signing secrets of Stripe's webhook, separated by commas"),
    Variable("SHOWDROP_STRIPE_PER_S", "25", "calls a second to one endpoint of Stripe, as your account allows"),
    Variable("SHOWDROP_STRIPE_URL", _STRIPE_URL, "where Stripe is; for tests"),
    Variable("SHOWDROP_MPESA_KEY", "none", "consumer key of Daraja; with it M-Pesa takes payments"),
    Variable("SHOWDROP_MPESA_SECRET", "none", "consumer secret of Daraja"),
    Variable("SHOWDROP_MPESA_SHORTCODE", "none", "business short code"),
    Variable("SHOWDROP_MPESA_PASSKEY", "none", "passkey of the short code"),
    Variable("SHOWDROP_MPESA_INITIATOR", "none", "name of the initiator of refunds"),
    Variable("SHOWDROP_MPESA_CREDENTIAL", "none", "security credential of the initiator"),
    Variable("SHOWDROP_MPESA_URL", _MPESA_URL, "where Daraja is; https://sandbox.safaricom.co.ke for tests"),
)


SWITCHES: Final = {"test": "SHOWDROP_TEST_BANK", "stripe": "SHOWDROP_STRIPE_KEY", "mpesa": "SHOWDROP_MPESA_KEY"}
"""The variable that sets up each provider, by its name."""


class Secret:
    """A text that shows nothing of itself."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for whoever has to use it."""
        return self._text

    def __repr__(self) -> str:
        """Return the same for all."""
        return "Secret(…)"


class StripeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An account at Stripe."""

    key: Secret
    webhook_secrets: tuple[Secret, ...]
    return_url: str
    url: str
    per_s: int


class MpesaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A business at M-Pesa."""

    key: Secret
    secret: Secret
    shortcode: str
    passkey: Secret
    initiator: str
    credential: Secret
    public_url: str
    url: str


class PaymentSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The providers that are set up."""

    stripe: StripeSettings | None = None
    mpesa: MpesaSettings | None = None


def read_payment_settings(environ: Mapping[str, str]) -> PaymentSettings:
    """Read the providers' settings; empty values count as not set.

    Raises:
        SettingError: something is missing or wrong, or a provider is set up all but its key; the message names the
            variable, and never repeats a secret.
    """
    env = {name: value.strip() for name, value in environ.items() if value.strip()}
    for key in ("SHOWDROP_STRIPE_KEY", "SHOWDROP_MPESA_KEY"):
        _refuse_without(key, env)
    return PaymentSettings(
        stripe=_stripe(env) if "SHOWDROP_STRIPE_KEY" in env else None,
        mpesa=_mpesa(env) if "SHOWDROP_MPESA_KEY" in env else None,
    )


def provider_names(settings: PaymentSettings, *, test_bank: bool) -> list[str]:
    """Return the names of the providers that take payments."""
    is_on = {"test": test_bank, "stripe": settings.stripe is not None, "mpesa": settings.mpesa is not None}
    return [name for name, on in is_on.items() if on]


def _refuse_without(key: str, env: Mapping[str, str]) -> None:
    """Refuse settings of a provider whose key is not there: it was forgotten, or its name is misspelt."""
    prefix = key.removesuffix("KEY")
    others = [one.name for one in PAYMENT_VARIABLES if one.name.startswith(prefix) and one.name in env]
    if others and key not in env:
        raise SettingError(f"{others[0]} is set, but {key} is not; set it, or remove what begins with {prefix}")


def _stripe(env: Mapping[str, str]) -> StripeSettings:
    back = "SHOWDROP_PAYMENT_RETURN_URL" if "SHOWDROP_PAYMENT_RETURN_URL" in env else "SHOWDROP_PUBLIC_URL"
    return StripeSettings(
        key=_stripe_key(env["SHOWDROP_STRIPE_KEY"]),
        webhook_secrets=_webhook_secrets(_needed(env, "SHOWDROP_STRIPE_WEBHOOK_SECRETS", "Stripe")),
        return_url=_url(back, _needed(env, back, "Stripe")),
        url=_base_url("SHOWDROP_STRIPE_URL", env.get("SHOWDROP_STRIPE_URL", _STRIPE_URL)),
        per_s=_per_s(env, "SHOWDROP_STRIPE_PER_S", 25),
    )


def _mpesa(env: Mapping[str, str]) -> MpesaSettings:
    return MpesaSettings(
        key=Secret(env["SHOWDROP_MPESA_KEY"]),
        secret=Secret(_needed(env, "SHOWDROP_MPESA_SECRET", "M-Pesa")),
        shortcode=_shortcode(_needed(env, "SHOWDROP_MPESA_SHORTCODE", "M-Pesa")),
        passkey=Secret(_needed(env, "SHOWDROP_MPESA_PASSKEY", "M-Pesa")),
        initiator=_needed(env, "SHOWDROP_MPESA_INITIATOR", "M-Pesa"),
        credential=Secret(_needed(env, "SHOWDROP_MPESA_CREDENTIAL", "M-Pesa")),
        public_url=_url("SHOWDROP_PUBLIC_URL", _needed(env, "SHOWDROP_PUBLIC_URL", "M-Pesa")),
        url=_url("SHOWDROP_MPESA_URL", env.get("SHOWDROP_MPESA_URL", _MPESA_URL)),
    )


def _needed(env: Mapping[str, str], name: str, provider: str) -> str:
    if name not in env:
        raise SettingError(f"{name} is not set; {provider} needs it")
    return env[name]


def _stripe_key(text: str) -> Secret:
    if text.startswith("pk_"):
        raise SettingError("SHOWDROP_STRIPE_KEY is a publishable key (pk_…); use the secret one (sk_… or rk_…)")
    if not text.startswith(("sk_", "rk_")):
        raise SettingError("SHOWDROP_STRIPE_KEY is no secret key of Stripe; it begins with sk_ or rk_")
    return Secret(text)


def _webhook_secrets(text: str) -> tuple[Secret, ...]:
    secrets = [one.strip() for one in text.split(",") if one.strip()]
    if not secrets or not all(one.startswith("whsec_") for one in secrets):
        raise SettingError(
            "SHOWDROP_STRIPE_WEBHOOK_SECRETS are no signing secrets of Stripe; each begins with whsec_, "
            "with commas between them"
        )
    return tuple(Secret(one) for one in secrets)


def _shortcode(text: str) -> str:
    if _SHORTCODE.fullmatch(text) is None:
        raise SettingError("SHOWDROP_MPESA_SHORTCODE is no business short code; it has 5 to 7 digits")
    return text


def _url(name: str, text: str) -> str:
    try:
        parts = urlsplit(text)
        scheme, host = parts.scheme, "" if "@" in parts.netloc else parts.hostname
    except ValueError:
        scheme, host = "", None
    if scheme not in ("http", "https") or not host:
        raise SettingError(f"{name} is not an address; write it like https://shop.example")
    if scheme == "http" and host not in _THIS_MACHINE:
        raise SettingError(f"{name} must begin with https://; only an address of this machine may be http://")
    return text.rstrip("/")


def _base_url(name: str, text: str) -> str:
    url = _url(name, text)
    if urlsplit(url).path:
        raise SettingError(f"{name} has a path; write it like {_STRIPE_URL}")
    return url


def _per_s(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _PER_S_MOST):
        raise SettingError(f"{name}={text!r} is not a number from 1 to {_PER_S_MOST}")
    return int(text)
