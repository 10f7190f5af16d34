"""Webhooks out as loops: from the outbox into the queues, from the queues to merchants, and forgetting what is old."""

from prometheus_client import CollectorRegistry

from checkout.stage import BatchLoop, RowLoop
from checkout.webhooks.backlog_pg import read_backlog
from checkout.webhooks.deliveries_pg import HookDeliveries
from checkout.webhooks.fan_out_pg import HookFanOut
from checkout.webhooks.housekeeping_pg import HookHousekeeping
from checkout.webhooks.limits import BACKLOG_EVERY_S, FAN_OUT_EVENTS, HOUSEKEEPING_EVERY_S, IN_FLIGHT
from checkout.webhooks.metrics import HookMetrics
from checkout.webhooks.sender_http import HookCaller, HookSender
from checkout.webhooks.signing import EndpointSecrets
from kit.address_lookup import Addresses
from kit.postgres import Postgres
from kit.tasks import Tasks


class HookWorker:
    """Any number may run against one database.

    Args:
        postgres: at least three connections.
        secret: the deployment's.
        addresses: judges where calls may go.
        registry: gets the metrics.
    """

    def __init__(self, postgres: Postgres, secret: str, addresses: Addresses, *, registry: CollectorRegistry) -> None:
        self._postgres = postgres
        self._metrics = HookMetrics(registry)
        self._sender = HookSender(
            HookDeliveries(postgres),
            HookCaller(addresses, EndpointSecrets(secret)),
            on_room=self._to_send,
            on_tried=self._metrics.tried,
        )
        self._send = RowLoop("webhooks", self._sender.take, self._sender.handle, in_flight=IN_FLIGHT)
        self._fan_out = BatchLoop(HookFanOut(postgres, on_change=self._to_send).round, full=FAN_OUT_EVENTS)
        self._housekeeping = HookHousekeeping(postgres)
        self._tasks = Tasks()

    def start(self) -> None:
        """Start every loop."""
        self._tasks.forever("webhook sending", self._send.step, watched=True)
        self._tasks.forever("webhook fan-out", self._fan_out.step, watched=True)
        self._tasks.forever("webhook backlog", self._look, every_s=BACKLOG_EVERY_S)
        self._tasks.forever("webhook housekeeping", self._housekeeping.round, every_s=HOUSEKEEPING_EVERY_S)

    def stuck(self) -> list[str]:
        """Return the names of the loops whose round does not end; none is well."""
        return self._tasks.stuck()

    def wake(self) -> None:
        """Look for news at once; without it they are found a little later."""
        self._fan_out.wakeup.set()

    async def stop(self) -> None:
        """Stop every loop. Outcomes that came are still written; what is cut off comes round again."""
        await self._tasks.stop()
        await self._send.close()
        await self._sender.close()

    async def _look(self) -> None:
        self._metrics.show(await read_backlog(self._postgres))

    def _to_send(self) -> None:
        self._send.wakeup.set()
