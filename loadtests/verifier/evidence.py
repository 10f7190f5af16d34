"""Everything that the verifier judges; pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec

from loadtests.limits import FRAMES_START_S
from loadtests.records import HostRecord, RunRecord, ViewerRecord
from loadtests.tiers import HOLD_TTL_MS, Scene, scene
from loadtests.waits import Waits, added


class OrderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the API lists it."""

    order_id: str
    hold_id: str
    offer_id: str
    buyer_id: str
    quantity: int
    amount: int
    state: str


class OfferFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An offer as the API has it."""

    offer_id: str
    allocated: int
    available: int
    held: int
    sold: int

    @property
    def adds_up(self) -> bool:
        """Whether each unit is in one place, and no place has fewer than none."""
        places = (self.available, self.held, self.sold)
        return min(places) >= 0 and sum(places) == self.allocated


class ServerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the server says when all is over.

    Attributes:
        last_seq: position of the show's log.
        reported_orders: of the show's report.
        reported_gmv: of the same, in minor units.
        not_quiet: what had not come to rest in time.
        reconciled: how ``showdrop reconcile`` ended; None when it was not asked.
    """

    last_seq: int
    offers: tuple[OfferFacts, ...]
    orders: tuple[OrderFacts, ...]
    reported_orders: int
    reported_gmv: int
    not_quiet: tuple[str, ...]
    reconciled: int | None


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides.

    Attributes:
        runs: one per process that played viewers.
        rolled: gateways were replaced meanwhile, so that connections ended.
    """

    runs: tuple[RunRecord, ...]
    server: ServerFacts
    rolled: bool = False

    @property
    def scene(self) -> Scene:
        """What was played."""
        return scene(self.runs[0].tier, self.runs[0].shape, self.runs[0].soak_s)

    @property
    def host(self) -> HostRecord:
        """What the host did; an empty record when there was none."""
        return next((run.host for run in self.runs if run.host is not None), HostRecord(show_id=""))

    @property
    def viewers(self) -> list[ViewerRecord]:
        """All of them."""
        return [viewer for run in self.runs for viewer in run.viewers]

    def waits(self, name: str) -> Waits:
        """Return the times of one kind, of all processes."""
        return added(run.waits[name] for run in self.runs if name in run.waits)

    def offer(self, offer_id: str) -> OfferFacts | None:
        """Return an offer; None when the server does not know it."""
        return next((one for one in self.server.offers if one.offer_id == offer_id), None)

    def buyers(self) -> Counter[str]:
        """Return how many viewers claimed a unit, by offer."""
        return Counter(
            offer_id for viewer in self.viewers for offer_id in {claim.offer_id for claim in viewer.claims.values()}
        )

    def sent_within(self, ms: int) -> Counter[str]:
        """Return how often claims, repeated ones among them, were sent so soon after their offer's start, by offer."""
        sent: Counter[str] = Counter()
        for viewer in self.viewers:
            for claim in viewer.claims.values():
                sent[claim.offer_id] += sum(after_ms < ms for after_ms in claim.sent_after_ms)
        return sent

    def told(self, news: Callable[[ViewerRecord], dict[str, list[str]]]) -> set[tuple[str, str, str]]:
        """Return the hold, the order and the buyer of all news of one kind."""
        return {
            (hold, order, viewer.subject)
            for viewer in self.viewers
            for hold, orders in news(viewer).items()
            for order in orders
        }

    def promised(self, offer_id: str) -> int:
        """Return how many units of a drop were somebody's at once, at the most: held, or bought."""
        return most_at_once(self.viewers, offer_id)

    @property
    def soaks_s(self) -> float:
        """How long the soaks were, but for their starts."""
        return sum(max(0.0, (end - begin) / 1000 - FRAMES_START_S) for begin, end in self.host.soaks_ms)

    def frames_per_s(self) -> list[float]:
        """Return the stock counts of a viewer, the mean of all, for every second that was wholly in a soak.

        The first two are left out, as buyers begin half a second after the offer does, and so is the one of its end.
        """
        viewers = max(1, len(self.viewers))
        seconds = [
            second for begin, end in self.host.soaks_ms for second in range(int(begin / 1000) + 2, int(end / 1000))
        ]
        return [sum(run.frames.get(second, 0) for run in self.runs) / viewers for second in seconds]


def most_at_once(viewers: Iterable[ViewerRecord], offer_id: str) -> int:
    """Return how many units of a drop these viewers had at once, at the most: held, or bought.

    By the deadlines that buyers were told, which are the server's, so no clock and no line makes it too many.
    """
    changes: list[tuple[int, int]] = []  # when, and by how many units
    for viewer in viewers:
        changes += _changes(viewer, offer_id)
    units = most = 0
    for _, change in sorted(changes):  # of one moment, what comes back comes first
        units += change
        most = max(most, units)
    return most


def _changes(viewer: ViewerRecord, offer_id: str) -> Iterator[tuple[int, int]]:
    offers = viewer.offer_of_hold
    for hold_id, deadline_ms in viewer.deadlines.items():
        if offers.get(hold_id) != offer_id or hold_id in viewer.released:
            continue
        yield deadline_ms - HOLD_TTL_MS, 1
        if hold_id not in viewer.confirmed:
            yield deadline_ms, -1
