"""The payment providers of a deployment, as its settings have them."""

import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from checkout.payments.bank_pg import TestBank
from checkout.payments.mpesa_http import MpesaProvider
from checkout.payments.provider import PaymentProvider, Providers
from checkout.payments.settings import MpesaSettings, StripeSettings, provider_names, read_payment_settings
from kit.postgres import Postgres

if TYPE_CHECKING:
    from checkout.payments.stripe_http import StripeProvider


def open_providers(postgres: Postgres, secret: str, bank: TestBank | None, opened: AsyncExitStack) -> Providers:
    """Build every provider that is set up; each closes with ``opened``.

    Raises:
        SettingError: a provider's settings are wrong or not whole.
    """
    settings = read_payment_settings(os.environ)
    providers: list[PaymentProvider] = [] if bank is None else [bank]
    if settings.stripe is not None:
        stripe = _stripe(settings.stripe)
        opened.push_async_callback(stripe.close)
        providers.append(stripe)
    if settings.mpesa is not None:
        mpesa = _mpesa(postgres, secret, settings.mpesa)
        opened.push_async_callback(mpesa.close)
        providers.append(mpesa)
    return Providers(providers)


def payments_line(*, test_bank: bool) -> str:
    """Return the line that says who takes payments, for the start of a role. Raises as ``open_providers``."""
    names = provider_names(read_payment_settings(os.environ), test_bank=test_bank)
    return f"payments: {', '.join(names) or 'none'}"


def _stripe(settings: StripeSettings) -> "StripeProvider":
    # Its library takes a third of a second to load: who does not use it does not wait for it.
    from checkout.payments.stripe_http import StripeProvider  # noqa: PLC0415 - see above

    return StripeProvider(
        api_key=settings.key.reveal(),
        webhook_secrets=[one.reveal() for one in settings.webhook_secrets],
        return_url=settings.return_url,
        api_url=settings.url,
        per_s=settings.per_s,
    )


def _mpesa(postgres: Postgres, secret: str, settings: MpesaSettings) -> MpesaProvider:
    return MpesaProvider(
        postgres,
        secret=secret,
        consumer_key=settings.key.reveal(),
        consumer_secret=settings.secret.reveal(),
        shortcode=settings.shortcode,
        passkey=settings.passkey.reveal(),
        callback_base_url=settings.public_url,
        initiator=settings.initiator,
        security_credential=settings.credential.reveal(),
        api_url=settings.url,
    )
