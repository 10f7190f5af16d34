"""Repairing drift: by appending and by letting the ordinary work be done again, never by overwriting a figure."""

from collections.abc import Awaitable, Callable, Sequence

from checkout.outbox_pg import OutboxRelay
from checkout.resolve import Resolver
from checkout.resolve_pg import ResolutionRows
from kit.errors import RequestError
from live.reconcile.findings import Drift, Finding, Remedy
from live.reconcile.limits import REPAIR_ROUNDS_MOST
from live.reconcile.repair_pg import RepairRows
from live.relay import Relay
from live.roles.stores import Stores
from live.roles.worker import build_keeper
from live.show_events_pg import ShowEvents

ORDER: Sequence[Remedy] = (
    "adjust_ledger",
    "adjust_fence",
    "rebuild",
    "freeze",
    "serve_line",
    "resolve_again",
    "tell_news",
    "relay_again",
    "level_again",
)
"""Stock before the levels that follow from it, books before the ends that they are told."""


class Repairs:
    """Carries out remedies, once per target.

    Args:
        stores: the deployment's, owned by the caller.
        say: gets one line per thing done or left.
    """

    def __init__(self, stores: Stores, say: Callable[[str], None]) -> None:
        self._stores = stores
        self._say = say
        self._rows = RepairRows(stores.postgres)
        self._keeper = build_keeper(stores)
        self._relay = Relay(ShowEvents(stores.postgres), stores.log)
        self._remedies: dict[Remedy, Callable[[str], Awaitable[None]]] = {
            "adjust_ledger": self._adjust_ledger,
            "adjust_fence": self._adjust_fence,
            "rebuild": self._rebuild,
            "freeze": self._freeze,
            "serve_line": self._serve_line,
            "resolve_again": self._resolve_again,
            "tell_news": self._tell_news,
            "relay_again": self._relay_again,
            "level_again": self._level_again,
        }

    async def repair(self, findings: Sequence[Finding]) -> None:
        """Do what can safely be done, and say what is left.

        Raises:
            UnavailableError: Redis or Postgres does not answer; repairing again goes on where this ended.
        """
        drifts = [drift for finding in findings for drift in finding.drifts]
        for remedy in ORDER:
            for target in dict.fromkeys(drift.target for drift in drifts if drift.remedy == remedy):
                try:
                    await self._remedies[remedy](target)
                except RequestError as error:
                    self._say(f"left: {target}: {error.message}")
        for drift in drifts:
            if drift.remedy == "none":
                self._say(f"left: {_why_left(drift)}")

    async def _adjust_ledger(self, sku: str) -> None:
        for done in await self._rows.complete_ledger(sku):
            self._say(f"{sku}: appended an adjust movement to the ledger ({done})")

    async def _adjust_fence(self, sku: str) -> None:
        for done in await self._rows.adjust_fence(sku):
            self._say(f"{sku}: recorded an adjust movement ({done})")

    async def _rebuild(self, pool_id: str) -> None:
        counts = await self._keeper.recover(pool_id)
        if counts is not None:
            self._say(
                f"{pool_id}: rebuilt the hold book, epoch {counts.epoch}: {counts.allocated} = "
                f"{counts.available} available + {counts.held} held + {counts.sold} sold"
            )

    async def _freeze(self, pool_id: str) -> None:
        await self._stores.holds.freeze(pool_id)
        self._say(f"{pool_id}: let those go who waited for a frozen book")

    async def _serve_line(self, pool_id: str) -> None:
        news = await self._stores.holds.sweep([pool_id])
        await self._stores.holds.told(await self._stores.inbox.holds(news))
        promoted = sum(one.what == "promoted" for one in news)
        self._say(f"{pool_id}: handed free units to {promoted} who waited")

    async def _resolve_again(self, order_id: str) -> None:
        await self._rows.resolve_again([order_id])
        resolver = Resolver(ResolutionRows(self._stores.postgres), self._stores.holds)
        for _ in range(REPAIR_ROUNDS_MOST):
            if not await resolver.round():
                break
        self._say(f"{order_id}: told the hold book again how its hold ended")

    async def _tell_news(self, _target: str) -> None:
        relay, told = OutboxRelay(self._stores.postgres), 0
        for _ in range(REPAIR_ROUNDS_MOST):
            batch = await relay.relay(self._stores.inbox.orders)
            told += batch
            if not batch:
                break
        self._say(f"outbox: told {told} news")

    async def _relay_again(self, show_id: str) -> None:
        [position] = await self._stores.log.positions([show_id])
        if position is not None:
            await self._rows.relay_again(show_id, after=position.seq)
        await self._relay.relay(show_id)
        [after] = await self._stores.log.positions([show_id])
        self._say(f"{show_id}: relayed its events; the log in Redis is at {after.seq if after else 0}")

    async def _level_again(self, channel_id: str) -> None:
        levels = await self._rows.level_again(channel_id)
        self._say(f"{channel_id}: {levels} levels will be told anew")


def _why_left(drift: Drift) -> str:
    return f"{drift.text} (no safe repair; somebody has to look)"
