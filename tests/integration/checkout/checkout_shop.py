"""A small shop for checkout's tests: real Postgres, the real test bank, and a hold book that takes notes."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from checkout.authorise import Authoriser
from checkout.capture import Capturer
from checkout.give_back import GiveBack, RefundPayer
from checkout.judge import Judge, first_come
from checkout.news import OutboxEvent
from checkout.order import NewOrder, Order, SaleTerms
from checkout.order_rows_pg import OrderRows
from checkout.orders_pg import Orders
from checkout.outbox_pg import OutboxRelay
from checkout.payments.bank_pg import PROVIDER, TestBank
from checkout.payments.provider import Providers
from checkout.refunds_pg import RefundRows
from checkout.resolve import Resolver
from checkout.resolve_pg import ResolutionRows
from checkout.settle import Settler
from checkout.settle_pg import Settlement
from checkout.stage import RowLoop
from checkout.workers import CheckoutWorker
from inventory import stock_pg
from inventory.hold_ids import new_hold_id
from inventory.holds import Hold, HoldAsked, OrderEnd
from inventory.stock import allocate, receive
from inventory.stock_pg import record_movements
from kit.errors import UnavailableError
from kit.ids import new_id, new_ulid
from kit.money import Money
from kit.postgres import Postgres
from kit.sql import Queries
from kit.traces import NO_TRACES, Traces
from tests.integration.checkout.fuse import Fuse, FusedBank, FusedPostgres

SECRET = "a secret of at least thirty-two characters"
_ledger = Queries(Path(stock_pg.__file__).parent / "sql" / "stock.sql")


class HoldRecorder:
    """The hold book as checkout sees it: it answers ``submit`` from a table and writes down every ``resolve``."""

    def __init__(self) -> None:
        self.holds: dict[str, Hold] = {}
        self.resolved: list[tuple[str, str]] = []
        self.fuse = Fuse()

    def put(self, pool_id: str, buyer_id: str, *, quantity: int = 1) -> Hold:
        hold = Hold(
            hold_id=new_hold_id(1),
            pool_id=pool_id,
            buyer_id=buyer_id,
            claim_id=new_ulid(),
            quantity=quantity,
            expires_at_ms=0,
            status="submitted",
        )
        self.holds[hold.hold_id] = hold
        return hold

    async def submit(self, pool_id: str, hold_id: str, buyer_id: str) -> Hold | None:
        hold = self.holds.get(hold_id)
        return hold if hold is not None and (hold.pool_id, hold.buyer_id) == (pool_id, buyer_id) else None

    async def submit_many(self, asked: Sequence[HoldAsked]) -> list[Hold | UnavailableError | None]:
        return [await self.submit(one.pool_id, one.hold_id, one.buyer_id) for one in asked]

    async def resolve(self, pool_id: str, ends: Sequence[OrderEnd]) -> None:
        assert pool_id
        self.fuse.step()
        self.resolved.extend((one.hold_id, one.outcome) for one in ends)
        self.fuse.step()


class Worker:
    """One worker's stages, run round by round."""

    def __init__(self, shop: "Shop", *, fuse: Fuse | None = None, judge: Judge = first_come, limit: int = 500) -> None:
        self.fuse = fuse or Fuse()
        postgres = FusedPostgres(shop.postgres, self.fuse)
        self.bank = FusedBank(shop.bank, self.fuse)
        providers = Providers([self.bank])
        rows, refund_rows = OrderRows(postgres), RefundRows(postgres)
        authoriser, capturer = Authoriser(rows, providers), Capturer(rows, providers)
        give_back = GiveBack(rows, refund_rows, providers, rebook=shop.rebook(rows))
        payer = RefundPayer(refund_rows, providers)
        relay = OutboxRelay(postgres)
        shop.holds.fuse = self.fuse
        self.authorise = RowLoop("authorise", authoriser.take, authoriser.handle, in_flight=500).round
        self.settle = Settler(Settlement(postgres), judge=judge, limit=limit).round
        self.capture = RowLoop("capture", capturer.take, capturer.handle, in_flight=500).round
        self.give_back = RowLoop("give_back", give_back.take, give_back.handle, in_flight=5).round
        self.refund = RowLoop("refund", payer.take, payer.handle, in_flight=5).round
        self.resolve = Resolver(ResolutionRows(postgres), shop.holds).round

        async def tell(events: list[OutboxEvent]) -> None:
            self.fuse.step()
            shop.told.extend(events)

        async def relay_round() -> int:
            return await relay.relay(tell)

        self.relay = relay_round

    async def run(self) -> None:
        """Run every stage until nothing is due."""
        while (
            await self.authorise()
            + await self.settle()
            + await self.capture()
            + await self.give_back()
            + await self.refund()
            + await self.resolve()
            + await self.relay()
        ):
            pass


class Shop:
    """Everything a checkout test needs."""

    def __init__(self, postgres: Postgres, database_url: str) -> None:
        self.postgres = postgres
        self.database_url = database_url
        self.bank = TestBank(postgres, SECRET)
        self.providers = Providers([self.bank])
        self.orders = Orders(postgres)
        self.holds = HoldRecorder()
        self.told: list[OutboxEvent] = []

    def whole_worker(self, *, registry: CollectorRegistry | None = None, traces: Traces = NO_TRACES) -> CheckoutWorker:
        """Return a worker as it runs in production; the caller starts and stops it."""

        async def deliver(events: list[OutboxEvent]) -> None:
            self.told.extend(events)

        return CheckoutWorker(
            postgres=self.postgres,
            database_url=self.database_url,
            holds=self.holds,
            providers=self.providers,
            deliver=deliver,
            registry=registry,
            traces=traces,
        )

    def rebook(self, rows: OrderRows) -> Callable[[Order], Awaitable[bool]] | None:
        """Return what gives late orders their units after all: nothing, for there is no hold book to ask."""
        del rows
        return None

    async def pool(self, allocated: int, *, price: int = 1_000, show_id: str = "show_1") -> SaleTerms:
        """Put a new SKU on sale in a pool of ``allocated`` units."""
        sku, pool_id = new_id("sku"), new_id("offer")
        async with self.postgres.transaction() as connection:
            await connection.execute(
                "INSERT INTO products (product_id, product_key, title) VALUES ($1, $1, 'Mug')", f"prod_{sku}"
            )
            await connection.execute(
                "INSERT INTO variants (sku, product_id, price_amount, price_currency) VALUES ($1, $2, $3, 'EUR')",
                sku,
                f"prod_{sku}",
                price,
            )
            await connection.execute("INSERT INTO stock (sku) VALUES ($1)", sku)
            await record_movements(connection, [receive(sku, allocated + 5, key=f"receive:{sku}", reason="test")])
            await connection.execute(
                "INSERT INTO pools (pool_id, sku, allocated) VALUES ($1, $2, $3)", pool_id, sku, allocated
            )
            await record_movements(connection, [allocate(sku, allocated, pool_id=pool_id)])
        return SaleTerms(pool_id=pool_id, show_id=show_id, sku=sku, unit_price=Money(price, "EUR"))

    async def submitted(
        self, terms: SaleTerms, method: str = "pm_test_ok", *, count: int = 1, quantity: int = 1
    ) -> list[Order]:
        """Write ``count`` orders of different buyers."""
        return await self.orders.insert_many(
            [
                NewOrder(
                    order_id=new_id("order"),
                    hold_id=new_hold_id(1),
                    buyer_id=new_id("buyer"),
                    quantity=quantity,
                    terms=terms,
                    payment_method=method,
                    provider=PROVIDER,
                )
                for _ in range(count)
            ]
        )

    async def captured(self, terms: SaleTerms, *, quantity: int = 1, method: str = "pm_test_ok") -> Order:
        """Write one order and bring it to ``captured``."""
        (order,) = await self.submitted(terms, method, quantity=quantity)
        await Worker(self).run()
        order = await self.orders.get(order.order_id)
        assert order.state == "captured"
        return order

    async def state(self, order: Order) -> str:
        return (await self.orders.get(order.order_id)).state

    async def states(self, terms: SaleTerms) -> dict[str, int]:
        statement = "SELECT state, count(*) AS n FROM orders WHERE pool_id = $1 GROUP BY state"
        async with self.postgres.connection() as connection:
            return {row["state"]: row["n"] for row in await connection.fetch(statement, terms.pool_id)}

    async def fetch(self, statement: str, *arguments: object) -> list[dict[str, object]]:
        async with self.postgres.connection() as connection:
            return [dict(row) for row in await connection.fetch(statement, *arguments)]

    async def value(self, statement: str, *arguments: object) -> object:
        async with self.postgres.connection() as connection:
            return await connection.fetchval(statement, *arguments)

    async def execute(self, statement: str, *arguments: object) -> None:
        async with self.postgres.connection() as connection:
            await connection.execute(statement, *arguments)

    async def hurry(self) -> None:
        """Let every lease and pause end, and every slow payment succeed."""
        await self.execute("UPDATE orders SET due_at_ms = 0, resolve_at_ms = 0 WHERE due_at_ms + resolve_at_ms > 0")
        await self.execute("UPDATE refunds SET due_at_ms = 0")
        await self.execute("UPDATE outbox SET due_at_ms = 0 WHERE NOT done")
        await self.execute("UPDATE test_payments SET settles_at_ms = 0 WHERE state = 'pending'")

    async def finish(self) -> None:
        """Run a fresh worker until everything has come to its end."""
        for _ in range(4):
            await self.hurry()
            await Worker(self).run()
            if await self.fetch(_UNFINISHED) == []:
                return

    async def check_quiet(self, terms: SaleTerms) -> None:
        """Check the invariants that hold when all is quiet."""
        assert await self.fetch(_UNFINISHED) == []
        assert await self.fetch(_WRONG_POOLS, terms.pool_id) == []
        assert await self.fetch(_WRONG_MONEY) == []
        assert await self.fetch(_ledger.ledger_drift) == []
        rows = await self.fetch("SELECT order_id FROM orders WHERE pool_id = $1", terms.pool_id)
        orders = [await self.orders.get(str(row["order_id"])) for row in rows]
        outcome = {order.hold_id: order.hold_outcome for order in orders}
        heard = {(hold_id, end) for hold_id, end in self.holds.resolved if hold_id in outcome}
        assert heard == set(outcome.items())
        confirmed = {event.order_id for event in self.told if event.kind == "order.confirmed"}
        assert {order.order_id for order in orders if order.hold_outcome == "sold"} <= confirmed


_UNFINISHED = """
SELECT order_id, state, authorised, captured, refunded, payment_open FROM orders
WHERE state IN ('submitted', 'authorised', 'confirmed') OR payment_open OR refund_reserved > 0 OR NOT hold_resolved
"""

_WRONG_POOLS = """
SELECT pool_id, sold, allocated FROM pools
WHERE pool_id = $1 AND (sold > allocated
   OR sold <> (SELECT coalesce(sum(quantity), 0) FROM orders
               WHERE orders.pool_id = pools.pool_id AND hold_outcome = 'sold')
   OR sold <> (SELECT coalesce(-sum(on_hand_delta), 0) FROM movements
               WHERE movements.pool_id = pools.pool_id AND kind = 'sale')
   OR (SELECT count(*) FROM orders WHERE orders.pool_id = pools.pool_id AND hold_outcome = 'sold')
   <> (SELECT count(*) FROM outbox JOIN orders USING (order_id)
       WHERE orders.pool_id = pools.pool_id AND kind = 'order.confirmed'))
"""

# One payment per order at most; what the bank took and gave back is what the order says; nothing stays reserved.
_WRONG_MONEY = """
SELECT orders.order_id, orders.state, orders.captured, orders.refunded, bank.state AS bank_state,
       bank.captured AS bank_captured, bank.refunded AS bank_refunded, bank.payments
FROM orders
LEFT JOIN (
    SELECT order_id, count(*) AS payments, max(state) AS state, sum(captured) AS captured, sum(refunded) AS refunded
    FROM test_payments GROUP BY order_id
) AS bank USING (order_id)
WHERE bank.payments > 1
   OR coalesce(bank.captured, 0) <> orders.captured OR coalesce(bank.refunded, 0) <> orders.refunded
   OR coalesce(bank.state, '') IN ('pending', 'authorised')
   OR (orders.state = 'captured' AND orders.captured <> orders.amount)
   OR (orders.state IN ('refunded', 'declined', 'cancelled', 'unfulfillable') AND orders.captured <> orders.refunded)
"""
