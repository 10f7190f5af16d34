"""Calling a payment provider under a time limit, so that every failure to answer looks the same."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from checkout.limits import PROVIDER_TIMEOUT_MS
from checkout.payments.provider import PaymentNotAskedError, PaymentUnknownError
from kit.errors import UnavailableError

Answer = TypeVar("Answer")


async def call(request: Awaitable[Answer]) -> Answer:
    """Return the provider's answer.

    Raises:
        PaymentNotAskedError: nothing was sent.
        PaymentUnknownError: it did not answer, or not within ``PROVIDER_TIMEOUT_MS``; the money may have moved.
    """
    try:
        async with asyncio.timeout(PROVIDER_TIMEOUT_MS / 1000):
            return await request
    except PaymentUnknownError:
        raise
    except (UnavailableError, TimeoutError) as error:
        if isinstance(error, UnavailableError) and error.code == PaymentNotAskedError.default_code:
            raise PaymentNotAskedError(error.message) from error
        raise PaymentUnknownError("the payment provider does not answer") from error
