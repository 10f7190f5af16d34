"""A shop that takes money by Stripe: every stage of the worker over the fake, and its webhooks."""

from checkout.apply_event import WebhookInbox
from checkout.authorise import Authoriser
from checkout.capture import Capturer
from checkout.give_back import GiveBack, RefundPayer
from checkout.judge import first_come
from checkout.order import NewOrder, Order, SaleTerms
from checkout.order_rows_pg import OrderRows
from checkout.payment_events_pg import PaymentEvents
from checkout.payments.provider import Providers, WebhookRequest
from checkout.payments.stripe_http import StripeProvider
from checkout.refunds_pg import RefundRows
from checkout.settle import Settler
from checkout.settle_pg import Settlement
from checkout.stage import RowLoop
from inventory.hold_ids import new_hold_id
from kit.ids import new_id
from tests.fakes.stripe.server import FakeStripe
from tests.fakes.stripe.webhooks import signed
from tests.integration.checkout.checkout_shop import Shop
from tests.integration.checkout.stripe_till import BRAZILIAN, WEBHOOK_SECRET


class StripeShop:
    """The stages that ask for money, run round by round, as in ``checkout_shop.Worker``."""

    def __init__(self, shop: Shop, till: StripeProvider, fake: FakeStripe) -> None:
        self.shop = shop
        self.fake = fake
        providers = Providers([till])
        rows, refund_rows = OrderRows(shop.postgres), RefundRows(shop.postgres)
        authoriser, capturer = Authoriser(rows, providers), Capturer(rows, providers)
        give_back, payer = GiveBack(rows, refund_rows, providers), RefundPayer(refund_rows, providers)
        self.inbox = WebhookInbox(PaymentEvents(shop.postgres), providers)
        self._stages = [
            RowLoop("authorise", authoriser.take, authoriser.handle, in_flight=50).round,
            Settler(Settlement(shop.postgres), judge=first_come, limit=500).round,
            RowLoop("capture", capturer.take, capturer.handle, in_flight=50).round,
            RowLoop("give_back", give_back.take, give_back.handle, in_flight=5).round,
            RowLoop("refund", payer.take, payer.handle, in_flight=5).round,
        ]

    async def order(self, terms: SaleTerms, method: str) -> Order:
        """Write one order."""
        (order,) = await self.shop.orders.insert_many(
            [
                NewOrder(
                    order_id=new_id("order"),
                    hold_id=new_hold_id(1),
                    buyer_id=new_id("buyer"),
                    quantity=1,
                    terms=terms,
                    payment_method=method,
                    provider="stripe",
                    shipping=BRAZILIAN,
                )
            ]
        )
        return order

    async def run(self) -> None:
        """Run every stage until nothing is due."""
        while sum([await stage() for stage in self._stages]):
            pass

    async def finish(self) -> None:
        """Let every pause end and run, some times over."""
        for _ in range(5):
            await self.shop.hurry()
            await self.run()

    async def deliver(self) -> list[bool]:
        """Hand all events to the inbox, newest first and each twice; tells which were news."""
        events = list(reversed(self.fake.account.events)) * 2
        self.fake.account.events.clear()
        news: list[bool] = []
        for event in events:
            headers, body = signed(event, WEBHOOK_SECRET)
            news.append(await self.inbox.receive("stripe", WebhookRequest(headers=headers, body=body)))
        return news

    async def check_money(self) -> None:
        """Check that every payment at Stripe is what its order says, and that no order has two that count."""
        rows = await self.shop.fetch("SELECT order_id, state, captured, refunded FROM orders")
        for row in rows:
            payments = [
                one for one in self.fake.account.payments.values() if one.metadata["order_id"] == row["order_id"]
            ]
            assert len(payments) <= 1, row
            assert sum(one.received for one in payments) == row["captured"], row
            assert sum(one.refunded for one in payments) == row["refunded"], row
            assert sum(one.capturable for one in payments) == 0, row
