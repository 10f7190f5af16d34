"""A shop that takes M-Pesa: real Postgres, the fake Daraja, and a door that Safaricom's callbacks come through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from checkout.apply_event import WebhookInbox
from checkout.authorise import Authoriser, authorise_key
from checkout.capture import Capturer
from checkout.give_back import GiveBack, RefundPayer
from checkout.order import NewOrder, Order, SaleTerms
from checkout.order_rows_pg import OrderRows
from checkout.payment_events_pg import PaymentEvents
from checkout.payments.mpesa_http import MpesaProvider
from checkout.payments.provider import PaymentRequest, Providers, WebhookRequest
from checkout.refunds_pg import RefundRows
from checkout.settle import Settler
from checkout.settle_pg import Settlement
from checkout.stage import RowLoop
from inventory.hold_ids import new_hold_id
from kit.errors import RequestError
from kit.ids import new_id
from kit.money import Money
from kit.postgres import Postgres
from tests.fakes.daraja.fake_daraja import PUSH, FakeDaraja
from tests.integration.checkout.checkout_shop import SECRET, Shop
from tests.serving import serving

PHONE = "254712345678"
PRICE = Money(100_000, "KES")
MINUTE_MS = 60_000
DAY_MS = 86_400_000


class MpesaShop(Shop):
    """The shop, its provider, and the phone network behind it."""

    def __init__(self, postgres: Postgres, database_url: str, daraja: FakeDaraja, door: "Door") -> None:
        super().__init__(postgres, database_url)
        self.daraja = daraja
        self.mpesa = self.provider(door.url)
        self.providers = Providers([self.mpesa])
        self.inbox = WebhookInbox(PaymentEvents(postgres), self.providers)

    def provider(self, callback_base_url: str) -> MpesaProvider:
        """Return a provider as another process would have it."""
        return MpesaProvider(
            self.postgres,
            secret=SECRET,
            consumer_key=self.daraja.consumer_key,
            consumer_secret=self.daraja.consumer_secret,
            shortcode=self.daraja.shortcode,
            passkey=self.daraja.passkey,
            callback_base_url=callback_base_url,
            api_url=self.daraja.url,
            initiator=self.daraja.initiator,
            security_credential=self.daraja.security_credential,
            per_s=1_000,
        )

    async def kes_pool(self, allocated: int) -> SaleTerms:
        return msgspec.structs.replace(await self.pool(allocated), unit_price=PRICE)

    async def order(self, terms: SaleTerms) -> Order:
        """Write an order that is to be paid by phone."""
        new = NewOrder(
            order_id=new_id("order"),
            hold_id=new_hold_id(1),
            buyer_id=new_id("buyer"),
            quantity=1,
            terms=terms,
            payment_method=f"mpesa:{PHONE}",
            provider=self.mpesa.name,
        )
        (order,) = await self.orders.insert_many([new])
        return order

    async def run(self) -> None:
        """Run every stage until nothing is due; whoever was asked to wait is due again first."""
        await self.hurry()
        rows, refund_rows = OrderRows(self.postgres), RefundRows(self.postgres)
        authoriser, capturer = Authoriser(rows, self.providers), Capturer(rows, self.providers)
        give_back, payer = GiveBack(rows, refund_rows, self.providers), RefundPayer(refund_rows, self.providers)
        stages = [
            RowLoop("authorise", authoriser.take, authoriser.handle, in_flight=50).round,
            Settler(Settlement(self.postgres), limit=50).round,
            RowLoop("capture", capturer.take, capturer.handle, in_flight=50).round,
            RowLoop("give_back", give_back.take, give_back.handle, in_flight=5).round,
            RowLoop("refund", payer.take, payer.handle, in_flight=5).round,
        ]
        while sum([await stage() for stage in stages]):
            pass

    async def age(self, ms: int) -> None:
        """Let time go by for everything that was asked of Daraja and heard from it."""
        for statement in (
            "UPDATE mpesa_requests SET asked_at_ms = asked_at_ms - $1",
            "UPDATE mpesa_checks SET asked_at_ms = asked_at_ms - $1",
            "UPDATE mpesa_reversals SET asked_at_ms = asked_at_ms - $1",
            "UPDATE payment_events SET received_at_ms = received_at_ms - $1",
        ):
            await self.execute(statement, ms)

    async def check_money(self) -> None:
        """What orders took and did not give back is what buyers paid and did not get back."""
        kept = await self.value("SELECT coalesce(sum(captured - refunded), 0)::bigint FROM orders")
        assert kept == self.daraja.ledger.kept * 100


def request_of(order: Order) -> PaymentRequest:
    return PaymentRequest(
        order_id=order.order_id,
        amount=order.amount,
        method=order.payment_method,
        idempotency_key=authorise_key(order.order_id),
    )


class Door:
    """What Safaricom posts to; it leads into ``inbox`` once that is set."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.inbox: WebhookInbox | None = None


@asynccontextmanager
async def mpesa_shop(postgres: Postgres, database_url: str) -> AsyncIterator[MpesaShop]:
    """Open the shop, the fake and the door."""
    door = Door("")
    daraja = FakeDaraja()

    async def receive(request: Request) -> Response:
        assert door.inbox is not None
        posted = WebhookRequest(
            headers=dict(request.headers), body=await request.body(), token=request.query_params.get("token", "")
        )
        try:
            fresh = await door.inbox.receive(request.path_params["provider"], posted)
        except RequestError as error:
            return JSONResponse({"error": error.code}, error.status)
        return JSONResponse({"fresh": fresh})

    app = Starlette(routes=[Route("/v1/webhooks/payments/{provider}", receive, methods=["POST"])])
    async with serving(app) as door.url, serving(daraja.app) as daraja.url:
        shop = MpesaShop(postgres, database_url, daraja, door)
        door.inbox = shop.inbox
        try:
            yield shop
        finally:
            await asyncio.gather(shop.mpesa.close(), shop.bank.close())


async def pushed(shop: MpesaShop) -> Order:
    """An order whose buyer has the prompt on the phone."""
    order = await shop.order(await shop.kes_pool(1))
    await shop.run()
    assert await shop.state(order) == "submitted"
    return order


async def lost(shop: MpesaShop) -> Order:
    """An order whose prompt is on the phone, but Daraja's answer never came."""
    shop.daraja.fail_next(PUSH, "lose")
    order = await pushed(shop)
    assert await shop.value("SELECT checkout_request_id FROM mpesa_requests") is None
    await shop.age(MINUTE_MS)
    return order
