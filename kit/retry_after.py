"""The ``Retry-After`` header of HTTP (RFC 9110, 10.2.3), as whoever was asked to wait reads it. Pure."""

from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

_MOST_DIGITS: Final = 9
"""Digits of the seconds that are read: 30 years. Callers have a limit of their own."""


def retry_after_ms(header: str, now_ms: int) -> int | None:
    """Return the wait that a header's value asks for, given in seconds or as a date; None when it is neither.

    Args:
        header: as received; empty when there is none.
        now_ms: what a date is compared with; one that has passed asks for no wait.
    """
    text = header.strip()
    if text.isascii() and text.isdigit():
        return int(text[:_MOST_DIGITS]) * 1000
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # A date in GMT is read as one without a zone when the sender wrote "-0000".
    until = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(0, round(until.timestamp() * 1000) - now_ms)
