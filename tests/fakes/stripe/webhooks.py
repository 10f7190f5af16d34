"""Webhooks of the fake: signed as Stripe signs, late, twice, out of order or never, as a seed has it."""

import hashlib
import hmac
import random
import time

import httpx
import msgspec

from tests.fakes.stripe.account import Account


def signed(event: object, secret: str, *, at_s: int | None = None) -> tuple[dict[str, str], bytes]:
    """Return the headers and the body of an event."""
    body = msgspec.json.encode(event)
    at_s = int(time.time()) if at_s is None else at_s
    header = f"t={at_s},v1={digest(secret, body, at_s)}"
    return {"Stripe-Signature": header, "Content-Type": "application/json"}, body


def digest(secret: str, body: bytes, at_s: int) -> str:
    return hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()


class Deliveries:
    """Posts an account's events.

    Args:
        copies: how often each event is sent.
        loss: the part of the events that is never sent.
    """

    def __init__(
        self, account: Account, url: str, secret: str, *, seed: int = 0, copies: int = 1, loss: float = 0.0
    ) -> None:
        self._account = account
        self._url = url
        self._secret = secret
        self._random = random.Random(seed)
        self._copies = copies
        self._loss = loss

    async def deliver(self) -> list[int]:
        """Send what has happened since the last time, in any order, and return the answers' statuses."""
        events = [one for one in self._account.events if self._random.random() >= self._loss] * self._copies
        self._account.events.clear()
        self._random.shuffle(events)
        statuses: list[int] = []
        async with httpx.AsyncClient(trust_env=False) as client:
            for event in events:
                headers, body = signed(event, self._secret)
                statuses.append((await client.post(self._url, content=body, headers=headers)).status_code)
        return statuses
