"""Webhooks out for tests: real Postgres, real receivers on loopback, and news put into the outbox by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from checkout.order import Order
from checkout.stage import RowLoop
from checkout.webhooks.deliveries_pg import HookDeliveries
from checkout.webhooks.delivery_log_pg import HookLog
from checkout.webhooks.endpoint import DeliveryView, EventChoice
from checkout.webhooks.endpoints_pg import HookEndpoints, NewEndpoint
from checkout.webhooks.fan_out_pg import HookFanOut
from checkout.webhooks.limits import TIMEOUT_S
from checkout.webhooks.sender_http import HookCaller, HookSender
from checkout.webhooks.signing import EndpointSecrets
from kit.address_lookup import Addresses, Lookup
from kit.ids import new_id
from tests.integration.checkout.checkout_shop import SECRET, Shop
from tests.serving import serving_hooks


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call that a receiver got."""

    headers: dict[str, str]
    body: bytes

    @property
    def message_id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """A merchant's server: keeps what it gets, and answers what it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.calls: list[Call] = []
        self.answers: list[Response] = []  # used up first
        self.gate = asyncio.Event()  # closed: calls wait before they are answered
        self.gate.set()

    async def take(self, request: Request) -> Response:
        self.calls.append(Call(headers=dict(request.headers), body=await request.body()))
        await self.gate.wait()
        return self.answers.pop(0) if self.answers else Response(status_code=204)

    async def has(self, count: int) -> None:
        """Wait until it got that many calls."""
        async with asyncio.timeout(10):
            while len(self.calls) < count:
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving_hooks(receiver.take) as url:
        receiver.url = url
        yield receiver
        receiver.gate.set()


class House:
    """Endpoints, the way to them, and a sender that runs when told."""

    def __init__(self, shop: Shop, *, allow_private: bool = True, lookup: Lookup | None = None) -> None:
        self.shop = shop
        self.postgres = shop.postgres
        self.secrets = EndpointSecrets(SECRET)
        self.addresses = Addresses(allow_private=allow_private, lookup=lookup)
        self.endpoints = HookEndpoints(shop.postgres, self.secrets, self.addresses)
        self.log = HookLog(shop.postgres)
        self.fan_out = HookFanOut(shop.postgres)

    async def subscribe(self, url: str, events: Sequence[EventChoice] = ("*",)) -> NewEndpoint:
        return await self.endpoints.create(new_id("whe"), url=url, events=events)

    async def order(self) -> Order:
        """Write an order; what its making told is left out."""
        (order,) = await self.shop.submitted(await self.shop.pool(5))
        await self.shop.execute("DELETE FROM outbox WHERE order_id = $1", order.order_id)
        return order

    async def news(self, count: int = 1, *, kind: str = "order.confirmed", done: bool = True) -> list[str]:
        """Put news of one order into the outbox, and return their keys."""
        order = await self.order()
        keys = [f"{order.order_id}:{kind}:{number}" for number in range(count)]
        await self.shop.execute(
            "INSERT INTO outbox (event_key, show_id, buyer_id, kind, order_id, hold_id, amount, currency, done,"
            " refunded, state, hooked)"
            " SELECT event_key, $2, $3, $4, $5, $6, $7, $8, $9, 0, 'confirmed', false"
            " FROM unnest($1::text[]) AS event_key",
            keys,
            order.show_id,
            order.buyer_id,
            kind,
            order.order_id,
            order.hold_id,
            order.amount.amount,
            order.amount.currency,
            done,
        )
        return keys

    async def queued(self, count: int = 1, *, kind: str = "order.confirmed") -> None:
        """Put news into the outbox and from there into the queues."""
        await self.news(count, kind=kind)
        while await self.fan_out.round():
            pass

    @contextlib.asynccontextmanager
    async def sender(
        self,
        deliveries: HookDeliveries | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        on_room: Callable[[], None] = lambda: None,
    ) -> AsyncIterator[HookSender]:
        caller = HookCaller(self.addresses, self.secrets, timeout_s=timeout_s)
        sender = HookSender(deliveries or HookDeliveries(self.postgres), caller, on_room=on_room)
        yield sender
        await sender.close()

    async def send(self, *, timeout_s: float = TIMEOUT_S) -> int:
        """Send until nothing is due, and return how many calls that were."""
        sent = 0
        async with self.sender(timeout_s=timeout_s) as sender:
            loop = RowLoop("webhooks", sender.take, sender.handle, in_flight=64)
            while (done := await loop.round()) > 0:
                sent += done
        return sent

    async def hurry(self) -> None:
        """Let every pause and lease end."""
        await self.shop.execute("UPDATE webhook_deliveries SET due_at_ms = 0 WHERE state = 'pending'")

    async def deliveries(self, made: NewEndpoint) -> list[DeliveryView]:
        items, _ = await self.log.page(made.endpoint.endpoint_id, state=None, limit=1_000, after=None)
        return items

    async def only(self, made: NewEndpoint) -> DeliveryView:
        (one,) = await self.deliveries(made)
        return one
