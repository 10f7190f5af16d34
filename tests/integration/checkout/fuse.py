"""A worker that dies at a given step: a fuse, and a Postgres and a bank that step on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from checkout.payments.bank_pg import TestBank
from checkout.payments.provider import PaymentEvent, PaymentRequest, PaymentResult, WebhookRequest
from kit.money import Money
from kit.postgres import Connection, Postgres


class Fuse:
    """Ends a worker at its n-th step: from then on all it does raises ``CancelledError``."""

    def __init__(self, blows_at: int | None = None) -> None:
        self.steps = 0
        self.blown = False
        self._blows_at = blows_at

    def step(self) -> None:
        self.steps += 1
        if self.steps == self._blows_at:
            self.blown = True
        if self.blown:
            raise asyncio.CancelledError


class FusedPostgres(Postgres):
    """A Postgres whose user can die before, inside and after every transaction."""

    def __init__(self, postgres: Postgres, fuse: Fuse) -> None:
        super().__init__(postgres._pool)
        self._fuse = fuse

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        self._fuse.step()
        async with super().connection() as connection:
            yield connection
        self._fuse.step()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.connection() as connection, connection.transaction():
            yield connection
            self._fuse.step()


class FusedBank:
    """The test bank on the other side of a network: its caller can die before and after every call."""

    name = TestBank.name
    methods = TestBank.methods

    def __init__(self, bank: TestBank, fuse: Fuse) -> None:
        self._bank = bank
        self._fuse = fuse
        self.asked = asyncio.Event()
        self.authorised: list[str] = []
        self.found: list[str] = []

    async def authorise(self, request: PaymentRequest) -> PaymentResult:
        self._fuse.step()
        self.authorised.append(request.order_id)
        self.asked.set()
        result = await self._bank.authorise(request)
        self._fuse.step()
        return result

    async def find(self, idempotency_key: str) -> PaymentResult | None:
        self._fuse.step()
        self.found.append(idempotency_key)
        result = await self._bank.find(idempotency_key)
        self._fuse.step()
        return result

    async def capture(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        self._fuse.step()
        await self._bank.capture(payment_id, amount, idempotency_key)
        self._fuse.step()

    async def void(self, payment_id: str, idempotency_key: str) -> None:
        self._fuse.step()
        await self._bank.void(payment_id, idempotency_key)
        self._fuse.step()

    async def refund(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        self._fuse.step()
        await self._bank.refund(payment_id, amount, idempotency_key)
        self._fuse.step()

    def check_method(self, method: str, unit_price: Money) -> None:
        """Pass on."""
        self._bank.check_method(method, unit_price)

    def parse_webhook(self, request: WebhookRequest) -> PaymentEvent:
        return self._bank.parse_webhook(request)
