"""What M-Pesa takes, and how Daraja wants to be told. Pure."""

import base64
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from checkout.limits import MPESA_MOST_SHILLINGS
from kit.errors import InvalidError
from kit.money import Money

CURRENCY: Final = "KES"
CENTS: Final = 100
EAST_AFRICA: Final = timezone(timedelta(hours=3), "EAT")
"""Daraja's clock. Kenya has no summer time."""

_PHONE = re.compile(r"(?:\+?254|0)([71][0-9]{8})")


def phone_number(text: str) -> str:
    """Return a Kenyan mobile number as twelve digits, ``2547…`` or ``2541…``.

    Args:
        text: those digits, also with ``+`` in front, or ``0`` in place of ``254``.

    Raises:
        InvalidError: field ``payment_method``.
    """
    match = _PHONE.fullmatch(text)
    if match is None:
        raise InvalidError(
            "write the number that pays behind the colon, with its country: mpesa:254712345678", field="payment_method"
        )
    return f"254{match[1]}"


def shillings_of(amount: Money) -> int | None:
    """Return an amount in whole shillings; None for what M-Pesa does not take."""
    shillings, cents = divmod(amount.amount, CENTS)
    if amount.currency != CURRENCY or cents or not 0 < shillings <= MPESA_MOST_SHILLINGS:
        return None
    return shillings


def check_price(price: Money) -> None:
    """Refuse a price that M-Pesa does not take.

    Raises:
        InvalidError: ``currency_not_supported``, field ``payment_method``.
    """
    if shillings_of(price) is None:
        raise InvalidError(
            f"M-Pesa takes whole Kenyan shillings up to {MPESA_MOST_SHILLINGS:,}, and a unit costs"
            f" {price.amount} {price.currency} in minor units; pay with another method",
            field="payment_method",
            code="currency_not_supported",
        )


def timestamp(now_ms: int) -> str:
    """Return a time as Daraja writes it: ``20261101123000``, East Africa Time."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(EAST_AFRICA).strftime("%Y%m%d%H%M%S")


def password(shortcode: str, passkey: str, at: str) -> str:
    """Return the password of a push or of a question about one, asked at the timestamp ``at``."""
    return base64.b64encode(f"{shortcode}{passkey}{at}".encode()).decode()
