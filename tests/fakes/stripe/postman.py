"""Delivers an account's webhooks as they happen: late, some twice, so in any order, and a part of them never."""

import asyncio
import random

import httpx

from tests.fakes.stripe.account import Account
from tests.fakes.stripe.webhooks import signed

LOOK_EVERY_S = 0.02
LATE_MOST_S = 1.5
"""A copy is sent within this long, each by its own dice: that is what makes the disorder."""

TRIES = 20
RETRY_S = 0.5
"""An answer other than 2xx, or none, is followed by another try."""


class Postman:
    """Runs as long as its ``run`` does.

    Args:
        url: the merchant's endpoint.
        secret: the signing secret of that endpoint.
        seed: decides what is lost, sent twice, and how late.
        twice: the part of the events that are sent twice.
        loss: the part of the events that are never sent.

    Attributes:
        events: how many there were.
        lost: events that were never sent.
        duplicates: second copies that were taken.
        delivered: events of which one copy at least was taken.
        refused: answers other than 2xx.
        waiting: copies that are still to be taken.
    """

    def __init__(
        self, account: Account, url: str, secret: str, *, seed: int, twice: float = 0.0, loss: float = 0.0
    ) -> None:
        self._account = account
        self._url = url
        self._secret = secret
        self._dice = random.Random(seed)
        self._twice = twice
        self._loss = loss
        self._taken: set[object] = set()
        self.events = 0
        self.lost = 0
        self.duplicates = 0
        self.refused = 0
        self.waiting = 0

    @property
    def delivered(self) -> int:
        return len(self._taken)

    async def run(self) -> None:
        """Deliver until cancelled."""
        limits = httpx.Limits(max_connections=20)
        timeout = httpx.Timeout(10, pool=None)
        async with (
            httpx.AsyncClient(trust_env=False, limits=limits, timeout=timeout) as client,
            asyncio.TaskGroup() as group,
        ):
            while True:
                due = self._account.events[:]
                del self._account.events[: len(due)]
                for event in due:
                    for late_s in self._copies():
                        self.waiting += 1
                        group.create_task(self._deliver(client, event, late_s))
                await asyncio.sleep(LOOK_EVERY_S)

    def _copies(self) -> list[float]:
        """Return how late each copy of the next event is sent."""
        self.events += 1
        fate, lates = self._dice.random(), [self._dice.random() * LATE_MOST_S for _ in range(2)]
        if fate < self._loss:
            self.lost += 1
            return []
        return lates if fate < self._loss + self._twice else lates[:1]

    async def _deliver(self, client: httpx.AsyncClient, event: dict[str, object], late_s: float) -> None:
        try:
            await asyncio.sleep(late_s)
            for _ in range(TRIES):
                if await self._is_taken(client, event):
                    return
                await asyncio.sleep(RETRY_S)
        finally:
            self.waiting -= 1

    async def _is_taken(self, client: httpx.AsyncClient, event: dict[str, object]) -> bool:
        headers, body = signed(event, self._secret)
        try:
            answer = await client.post(self._url, content=body, headers=headers)
        except httpx.TransportError:
            return False
        if not answer.is_success:
            self.refused += 1
            return False
        self.duplicates += event["id"] in self._taken
        self._taken.add(event["id"])
        return True
