"""All viewers of a rehearsal."""

import asyncio
from collections.abc import Callable

import msgspec

from live import wire
from live.rehearse.at_bank import AtTheBank
from live.rehearse.facts import Folded
from live.rehearse.host_http import ServerGoneError
from live.rehearse.limits import ARRIVAL_POLL_S, CONNECT_TIMEOUT_S, CONNECTS_AT_ONCE, SNAPSHOT_TIMEOUT_S, WATCHERS
from live.rehearse.plan import Plan
from live.rehearse.viewer import Viewer
from live.show_state import apply, with_stock
from live.tokens import Tokens

PLAN_OF_A_GUEST = Plan(
    tap_after_s=0, quantity=1, double_taps=False, cuts=False, ending="pay", payment_method="pm_test_ok"
)


class Watcher:
    """Folds a viewer's messages into the state that the viewer sees.

    Attributes:
        state: None before the first snapshot.
    """

    def __init__(self) -> None:
        self.state: wire.Snapshot | None = None

    def hear(self, message: wire.ServerMessage) -> None:
        """Take one message."""
        if isinstance(message, wire.Welcome) and isinstance(message.snapshot, wire.Snapshot):
            self.state = message.snapshot
        elif self.state is None:
            return
        elif isinstance(message, wire.LogEvents):
            self.state = apply(self.state, message)
        elif isinstance(message, wire.OfferStock):
            self.state = with_stock(
                self.state, message.offer_id, available=message.available, held=message.held, sold=message.sold
            )


class Crowd:
    """The viewers, connected.

    Args:
        plans: one per viewer.
        tokens: mints the viewers' tokens with the deployment's secret.
        at_bank: where viewers pay whose payment waits for them; None when no payment does.
    """

    def __init__(
        self, ws_url: str, show_id: str, plans: list[Plan], tokens: Tokens, *, at_bank: AtTheBank | None = None
    ) -> None:
        self._at_bank = at_bank
        self._ws_url = ws_url
        self._show_id = show_id
        self._watchers = [Watcher() for _ in range(min(WATCHERS, len(plans)))]
        self.viewers = [self._viewer(f"rehearsal-{number}", plan, tokens, number) for number, plan in enumerate(plans)]

    def _viewer(self, subject: str, plan: Plan, tokens: Tokens, number: int) -> Viewer:
        token, _ = tokens.mint("viewer", subject, self._show_id, ttl_s=3600)
        hear = self._watchers[number].hear if number < len(self._watchers) else None
        return Viewer(
            self._ws_url, self._show_id, token, subject=subject, plan=plan, on_message=hear, at_bank=self._at_bank
        )

    async def connect(self, progress: Callable[[int], None]) -> None:
        """Connect everyone, a bounded number at a time.

        Raises:
            ServerGoneError: not everyone was welcomed in time.
            ClientClosedError: the gateway refused a viewer.
        """
        gate = asyncio.Semaphore(CONNECTS_AT_ONCE)
        welcomed = 0

        async def one(viewer: Viewer) -> None:
            nonlocal welcomed
            async with gate:
                viewer.client.start()
                await viewer.client.welcomed()
            welcomed += 1
            progress(welcomed)

        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S), asyncio.TaskGroup() as group:
                for viewer in self.viewers:
                    group.create_task(one(viewer))
        except TimeoutError:
            raise ServerGoneError(
                f"only {welcomed} of {len(self.viewers)} viewers could connect to {self._ws_url} "
                f"within {CONNECT_TIMEOUT_S:.0f} s"
            ) from None

    def live(self) -> int:
        """Return how many viewers are connected now."""
        return sum(1 for viewer in self.viewers if viewer.client.phase == "live")

    async def arrive(self, seq: int, timeout_s: float) -> None:
        """Wait until every viewer is at this position of the show log, at most ``timeout_s``."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + timeout_s
        for viewer in self.viewers:
            while loop.time() < ends_at and not viewer.client.has_reached(seq):  # noqa: ASYNC110 - at the end only
                await asyncio.sleep(ARRIVAL_POLL_S)

    async def compare(self) -> tuple[Folded, ...]:
        """Compare the watchers' states with what a newcomer is told, until they are equal or the time is up."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + SNAPSHOT_TIMEOUT_S
        while True:
            fresh = await self._fresh()
            folded = tuple(
                Folded(subject=viewer.record.subject, folded=_text(watcher.state), fresh=fresh)
                for viewer, watcher in zip(self.viewers, self._watchers, strict=False)
            )
            if loop.time() > ends_at or all(one.folded == one.fresh for one in folded):
                return folded
            await asyncio.sleep(0.3)

    async def _fresh(self) -> str:
        watcher = Watcher()
        guest = Viewer(
            self._ws_url, self._show_id, None, subject="guest", plan=PLAN_OF_A_GUEST, on_message=watcher.hear
        )
        async with guest.client:
            await asyncio.wait_for(guest.client.welcomed(), SNAPSHOT_TIMEOUT_S)
        return _text(watcher.state)

    async def close(self) -> None:
        """Let everyone leave."""
        await asyncio.gather(*(viewer.client.close() for viewer in self.viewers))


def _text(state: wire.Snapshot | None) -> str:
    """A state as text; the number of viewers changes by itself and is left out."""
    return "nothing" if state is None else msgspec.json.encode(msgspec.structs.replace(state, viewers=0)).decode()
