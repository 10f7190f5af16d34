"""The checkout worker: every stage of an order as a loop, wired so that each wakes the next."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from prometheus_client import CollectorRegistry

from checkout.authorise import Authoriser
from checkout.backlog_pg import read_waiting
from checkout.capture import Capturer
from checkout.figures import CheckoutFigures
from checkout.give_back import GiveBack, RefundPayer
from checkout.limits import (
    BACKLOG_EVERY_S,
    CALLS_FINISH_S,
    PAYMENTS_IN_FLIGHT,
    REFUNDS_IN_FLIGHT,
    RELAY_MAX_EVENTS,
    RESOLVE_MAX_ORDERS,
    SETTLE_MAX_ORDERS,
    WEBHOOKS_MAX_BATCH,
)
from checkout.listen_pg import NEW_ORDERS, OrderListener
from checkout.order import Order, log_ids
from checkout.order_rows_pg import OrderRows
from checkout.outbox_pg import OutboxEvent, OutboxRelay
from checkout.payments.provider import Providers
from checkout.rebook import Rebooker
from checkout.refund_rules import Refund
from checkout.refunds_pg import RefundRows
from checkout.resolve import HoldEnds, Resolver
from checkout.resolve_pg import ResolutionRows
from checkout.settle import Settler
from checkout.settle_pg import Settled, Settlement
from checkout.stage import BatchLoop, RowLoop
from kit.metrics import new_registry
from kit.postgres import Postgres
from kit.tasks import Tasks
from kit.traces import NO_TRACES, Traces


class OrderStage(Protocol):
    """A stage that works on orders one by one."""

    async def take(self, limit: int) -> list[Order]:
        """Take due orders, under a lease."""
        ...

    async def handle(self, order: Order) -> None:
        """Work on one."""
        ...


class CheckoutWorker:
    """Takes orders from ``submitted`` to their end. Any number may run against one database.

    Args:
        postgres: at least four connections.
        database_url: for the connection that listens.
        holds: told how holds ended.
        providers: where the money is.
        deliver: brings news to buyers; at least once, so a repeat must do no harm.
        deliver_webhooks: one round of the test bank's webhooks, returning how many arrived; None when another
            process does it.
        rebooker: gives late orders their units where it can; None gives late money back.
        registry: of the role; gets the figures of ``CheckoutFigures``.
        traces: told what was done with each order.
    """

    def __init__(
        self,
        *,
        postgres: Postgres,
        database_url: str,
        holds: HoldEnds,
        providers: Providers,
        deliver: Callable[[list[OutboxEvent]], Awaitable[None]],
        deliver_webhooks: Callable[[], Awaitable[int]] | None = None,
        rebooker: Rebooker | None = None,
        registry: CollectorRegistry | None = None,
        traces: Traces = NO_TRACES,
    ) -> None:
        self._postgres = postgres
        self._figures = figures = CheckoutFigures(registry or new_registry())
        rows, refund_rows = OrderRows(postgres), RefundRows(postgres)
        relay = OutboxRelay(postgres)
        self._authoriser = Authoriser(
            rows, providers, on_change=self._money_known, sizes=figures.sizes["authorise"], traces=traces
        )
        self._capturer = Capturer(rows, providers, sizes=figures.sizes["capture"], traces=traces)
        rebook = None if rebooker is None else rebooker.rebook
        give_back = GiveBack(rows, refund_rows, providers, rebook=rebook, on_rebooked=self._rebooked)
        payer = RefundPayer(refund_rows, providers)
        settler = Settler(
            Settlement(postgres), room=lambda: self._capture.room, on_settled=self._settled, traces=traces
        )
        self._resolver = Resolver(ResolutionRows(postgres), holds, traces=traces)
        self._authorise = self._of_orders("authorise", self._authoriser, in_flight=PAYMENTS_IN_FLIGHT)
        self._settle = BatchLoop(figures.measured("settle", settler.round), full=SETTLE_MAX_ORDERS)
        self._capture = self._of_orders("capture", self._capturer, in_flight=PAYMENTS_IN_FLIGHT)
        self._give_back = self._of_orders("give_back", give_back, in_flight=REFUNDS_IN_FLIGHT)
        self._refund = RowLoop(
            "refund",
            payer.take,
            payer.handle,
            in_flight=REFUNDS_IN_FLIGHT,
            ids_of=_refund_ids,
            on_trouble=partial(figures.troubled, "refund"),
        )
        self._resolve = BatchLoop(figures.measured("resolve", self._resolver.round), full=RESOLVE_MAX_ORDERS)
        self._relay = BatchLoop(figures.measured("outbox", lambda: relay.relay(deliver)), full=RELAY_MAX_EVENTS)
        self._webhooks = None if deliver_webhooks is None else BatchLoop(deliver_webhooks, full=WEBHOOKS_MAX_BATCH)
        self._listener = OrderListener(database_url, self._orders_changed)
        self._tasks = Tasks()

    def start(self) -> None:
        """Start every loop."""
        for name, loop in (
            ("checkout relay", self._relay),
            ("checkout resolve", self._resolve),
            ("checkout refund", self._refund),
            ("checkout give_back", self._give_back),
            ("checkout capture", self._capture),
            ("checkout settle", self._settle),
            ("checkout authorise", self._authorise),
        ):
            self._tasks.forever(name, loop.step, watched=True)
        if self._webhooks is not None:
            self._tasks.forever("bank webhooks", self._webhooks.step)
        self._tasks.forever("checkout listen", self._listener.step)
        self._tasks.forever("checkout backlog", self._look, every_s=BACKLOG_EVERY_S)

    def stuck(self) -> list[str]:
        """Return the names of the stages whose round does not end; none is well."""
        return self._tasks.stuck()

    async def stop(self) -> None:
        """Stop every loop. Calls to providers may still end; what is cut off comes round again with its lease."""
        await self._tasks.stop()
        async with asyncio.TaskGroup() as closing:
            for loop in (self._authorise, self._capture, self._give_back, self._refund):
                closing.create_task(loop.close(finish_s=CALLS_FINISH_S))
        await self._authoriser.close()
        await self._capturer.close()

    def _of_orders(self, name: str, stage: OrderStage, *, in_flight: int) -> RowLoop[Order]:
        return RowLoop(
            name,
            stage.take,
            stage.handle,
            in_flight=in_flight,
            ids_of=_order_ids,
            on_trouble=partial(self._figures.troubled, name),
        )

    async def _look(self) -> None:
        self._figures.show(await read_waiting(self._postgres))

    def _orders_changed(self, what: str) -> None:
        self._authorise.wakeup.set()
        if what != NEW_ORDERS:
            for loop in (self._settle, self._give_back, self._resolve, self._relay):
                loop.wakeup.set()

    def _money_known(self, order: Order) -> None:
        if order.state == "authorised":
            self._settle.wakeup.set()
        elif order.state != "submitted":
            for loop in (self._give_back, self._resolve, self._relay):
                loop.wakeup.set()
        elif order.next_action is not None:
            self._relay.wakeup.set()

    def _rebooked(self) -> None:
        self._settle.wakeup.set()

    def _settled(self, settled: Settled) -> None:
        self._figures.settled(settled.orders, settled.refused)
        self._capture.hand(settled.to_capture)
        self._resolver.hand(settled.to_resolve)
        for loop in (self._capture, self._resolve, self._relay):
            loop.wakeup.set()
        if settled.refused:
            self._give_back.wakeup.set()


def _order_ids(order: Order) -> dict[str, str]:
    return log_ids(order) | {"hold_id": order.hold_id}


def _refund_ids(refund: Refund) -> dict[str, str]:
    return {"order_id": refund.order_id, "refund_id": refund.refund_id}
