"""What a viewer of a load test does and what it writes down, whoever carries its messages; pure.

Locust's users and the swarm drive the same viewers: they let a viewer ``hear`` what came and ``act`` when it is due,
and send what it says then. All times are milliseconds since the epoch, by the server's clock.
"""

import heapq
import random
from collections.abc import Callable

from live import wire
from loadtests.buyer import Buyer
from loadtests.notes import EVENT, JOIN, LATE, LATE_CLAIM, RESUME, Notes
from loadtests.records import ViewerRecord
from loadtests.tiers import PREHEAT_MS, REACT_EVERY_MS, RETURN_OVER_MS, TRICKLE_SKU, Scene

Said = list[bytes]
"""Messages as JSON."""

_REACT = wire.encode_json(wire.React(kind="heart", count=1))
_BACK_FIRST_MS = 500.0


class Viewer:
    """One viewer, a buyer perhaps.

    Args:
        subject: who.
        token: says so to the gateway.
        scene: what is played.
        notes: of the process.
        buyer: what it does besides watching; None: nothing.

    Attributes:
        record: what it has seen.
        away_until_ms: it has cut its connection, and comes back then; None while it does not want to be away.
        frames: stock counts that it has seen; whoever carries its messages counts them, for they are not decoded.
    """

    def __init__(self, subject: str, token: str, scene: Scene, notes: Notes, buyer: Buyer | None = None) -> None:
        self.record = ViewerRecord(subject=subject) if buyer is None else buyer.record
        self.away_until_ms: float | None = None
        self.frames = 0
        self._token = token
        self._scene = scene
        self._notes = notes
        self._buyer = buyer
        self._dice = random.Random(subject)  # noqa: S311 - a seed to repeat a run, no secret
        self._timers: list[tuple[float, int, Callable[[float, float], Said]]] = []
        self._count = 0
        self._position: wire.Position | None = None
        self._wanted_ms = float("inf")  # when it first wanted to be in; also who is sent away for now goes on waiting
        self._welcomed_ms = 0.0
        self._soak_from: int | None = None  # how many stock counts it had seen when the soak began
        self._resuming = self._reacts = self._knows_start = False

    @property
    def due_ms(self) -> float:
        """When it wants to do something next; infinite when it does not."""
        return self._timers[0][0] if self._timers else float("inf")

    def hello(self, now_ms: float) -> bytes:
        """Return its first message on a new connection, which begins now."""
        self.away_until_ms = None
        self._wanted_ms = min(self._wanted_ms, now_ms)
        self._resuming = self._position is not None
        return wire.encode_json(wire.Hello(token=self._token, resume=self._position))

    def lost(self, now_ms: float) -> None:
        """Its connection ended by itself: come back soon, at a random moment."""
        self.record.lost += 1
        self.turned_away(now_ms)
        self._wanted_ms = self.away_until_ms or now_ms

    def turned_away(self, now_ms: float, after_ms: float = _BACK_FIRST_MS) -> None:
        """It did not get in: come back after so long, and up to as much again."""
        self.away_until_ms = now_ms + after_ms * (1 + self._dice.random())

    def act(self, now_ms: float) -> Said:
        """Do what is due, and return what to send."""
        said: Said = []
        while self._timers and self._timers[0][0] <= now_ms:
            due_ms, _, do = heapq.heappop(self._timers)
            words = do(due_ms, now_ms)
            said += words
            if words:
                # Before it was in it could not write: that is not the load client's fault.
                self._notes.took(LATE_CLAIM if do == self._let_buy else LATE, now_ms - max(due_ms, self._welcomed_ms))
        return said

    def hear(self, message: wire.ServerMessages, now_ms: float) -> Said:
        """Take a message, and return what to send."""
        match message:
            case wire.Welcome():
                return self._welcomed(message, now_ms)
            case wire.LogEvent():
                return self._event(message, now_ms)
            case _:
                return [] if self._buyer is None else self._tell_buyer(message, now_ms)

    def _tell_buyer(self, message: wire.ServerMessages, now_ms: float) -> Said:
        assert self._buyer is not None
        said = [wire.encode_json(one) for one in self._buyer.hear(message, now_ms)]
        self._plan_buyer()
        return said

    def _welcomed(self, welcome: wire.Welcome, now_ms: float) -> Said:
        record = self.record
        self._notes.took(RESUME if self._resuming else JOIN, now_ms - self._wanted_ms)
        self._wanted_ms = float("inf")
        self._welcomed_ms = now_ms
        record.welcomes += 1
        if not welcome.recovered or self._position is None:
            record.snapshots += self._resuming
            self._go_to(welcome.epoch, welcome.seq)
        if not self._reacts:
            self._reacts = True
            self._at(now_ms + self._dice.random() * REACT_EVERY_MS, self._react)
        if self._buyer is None:
            return []
        if isinstance(welcome.snapshot, wire.Snapshot):
            for offer in welcome.snapshot.offers:
                if offer.state in ("preheat", "open"):
                    self._buyer.offered(offer)
        said = [wire.encode_json(one) for one in self._buyer.back(welcome.holds, now_ms)] if self._resuming else []
        self._plan_buyer()
        return said

    def _go_to(self, epoch: str, seq: int) -> None:
        self._position = wire.Position(epoch=epoch, seq=seq)
        self.record.last_seq = seq

    def _event(self, event: wire.LogEvent, now_ms: float) -> Said:
        position, record = self._position, self.record
        assert position is not None, "a welcome comes first"
        if event.seq <= position.seq:
            record.repeats += 1
            return []
        record.gaps += event.seq - position.seq - 1
        record.events += 1
        self._go_to(position.epoch, event.seq)
        made_ms = made_at_ms(event)
        if made_ms is not None and made_ms >= self._welcomed_ms:  # what was missed while away is no delay
            self._notes.took(EVENT, now_ms - made_ms)
        if isinstance(event, wire.ShowStarted) and not self._knows_start:
            self._knows_start = True
            for storm_s in self._scene.storms_s:
                self._at(event.at_ms + storm_s * 1000, self._leave)
        match event:
            case wire.OfferScheduled() | wire.OfferOpened():
                self._begins(event.offer)
            case wire.OfferEnded() | wire.OfferVoided():
                self._ends(event.offer)
            case _:
                pass
        return []

    def _begins(self, offer: wire.OfferCard) -> None:
        if offer.sku == TRICKLE_SKU and self._soak_from is None:
            self._soak_from = self.frames
        if self._buyer is not None:
            self._buyer.offered(offer)
            self._plan_buyer()

    def _ends(self, offer: wire.OfferCard) -> None:
        if offer.sku == TRICKLE_SKU and self._soak_from is not None:
            self.record.frames += self.frames - self._soak_from
            self._soak_from = None
        if self._buyer is not None:
            self._buyer.ended(offer.offer_id)
            self._plan_buyer()

    # --- what it does at its time ---------------------------------------------------------------------------------

    def _at(self, due_ms: float, do: Callable[[float, float], Said]) -> None:
        self._count += 1  # two things of the same moment come in their order
        heapq.heappush(self._timers, (due_ms, self._count, do))

    def _plan_buyer(self) -> None:
        assert self._buyer is not None
        for due_ms in self._buyer.new_wishes():
            self._at(due_ms, self._let_buy)

    def _let_buy(self, due_ms: float, now_ms: float) -> Said:
        assert self._buyer is not None
        if self.away_until_ms is not None:
            self._at(self.away_until_ms + RETURN_OVER_MS, self._let_buy)
            return []
        said = [wire.encode_json(one) for one in self._buyer.act(due_ms, now_ms)]
        self._plan_buyer()
        return said

    def _react(self, due_ms: float, _now_ms: float) -> Said:
        self._at(due_ms + REACT_EVERY_MS, self._react)
        return [_REACT] if self.away_until_ms is None else []

    def _leave(self, due_ms: float, _now_ms: float) -> Said:
        self._wanted_ms = self.away_until_ms = due_ms + self._dice.random() * RETURN_OVER_MS
        return []


def made_at_ms(event: wire.LogEvent) -> int | None:
    """Return when the server made an event; None when it does not say."""
    match event:
        case wire.ShowStarted() | wire.ShowPaused() | wire.ShowResumed() | wire.ShowEnded():
            return event.at_ms
        case wire.OfferScheduled():
            return event.offer.starts_at_ms - PREHEAT_MS
        case wire.OfferOpened():
            return event.offer.starts_at_ms
        case _:
            return None
