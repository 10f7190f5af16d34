"""Which payment providers take payments, from the environment; a provider whose key is not set takes none.

What is secret shows nothing of itself in a log or a trace.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from kit.errors import SettingError
from kit.settings import Variable

_STRIPE_URL: Final = "https://api.stripe.com"
_MPESA_URL: Final = "https://api.safaricom.co.ke"
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
        SettingError: something is missing or wrong; the message names its variable, and never repeats a secret.
    """
    env = {name: value.strip() for name, value in environ.items() if value.strip()}
    return PaymentSettings(
        stripe=_stripe(env) if "SHOWDROP_STRIPE_KEY" in env else None,
        mpesa=_mpesa(env) if "SHOWDROP_MPESA_KEY" in env else None,
    )


def _stripe(env: Mapping[str, str]) -> StripeSettings:
    secrets = _needed(env, "SHOWDROP_STRIPE_WEBHOOK_SECRETS", "Stripe")
    back = "SHOWDROP_PAYMENT_RETURN_URL" if "SHOWDROP_PAYMENT_RETURN_URL" in env else "SHOWDROP_PUBLIC_URL"
    return StripeSettings(
        key=Secret(env["SHOWDROP_STRIPE_KEY"]),
        webhook_secrets=tuple(Secret(one.strip()) for one in secrets.split(",") if one.strip()),
        return_url=_url(back, _needed(env, back, "Stripe")),
        url=_url("SHOWDROP_STRIPE_URL", env.get("SHOWDROP_STRIPE_URL", _STRIPE_URL)),
        per_s=_per_s(env, "SHOWDROP_STRIPE_PER_S", 25),
    )


def _mpesa(env: Mapping[str, str]) -> MpesaSettings:
    return MpesaSettings(
        key=Secret(env["SHOWDROP_MPESA_KEY"]),
        secret=Secret(_needed(env, "SHOWDROP_MPESA_SECRET", "M-Pesa")),
        shortcode=_needed(env, "SHOWDROP_MPESA_SHORTCODE", "M-Pesa"),
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


def _url(name: str, text: str) -> str:
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_url = False
    if not is_url:
        raise SettingError(f"{name} is not an address; write it like https://shop.example")
    return text.rstrip("/")


def _per_s(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name, str(default))
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _PER_S_MOST):
        raise SettingError(f"{name}={text!r} is not a number from 1 to {_PER_S_MOST}")
    return int(text)
