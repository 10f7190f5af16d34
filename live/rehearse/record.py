"""What one viewer saw and did, written down as it happens. Pure: times come from outside."""

from dataclasses import dataclass, field

from live import wire

OrderNews = (
    wire.OrderSubmitted
    | wire.OrderAction
    | wire.OrderConfirmed
    | wire.OrderDeclined
    | wire.OrderRefunded
    | wire.OrderUnfulfillable
)
HOLD_ENDS = {wire.HoldExpired: "expired", wire.HoldReleased: "released"}
ORDER_NEWS = {
    wire.OrderSubmitted: "submitted",
    wire.OrderAction: "action",
    wire.OrderConfirmed: "confirmed",
    wire.OrderDeclined: "declined",
    wire.OrderRefunded: "refunded",
    wire.OrderUnfulfillable: "unfulfillable",
}


@dataclass(kw_only=True)
class ClaimRecord:
    """One claim id.

    Attributes:
        sent_ms: server time of the first sending.
        sends: how often the viewer tapped.
        cut: the connection was broken before the answer, so the time of the answer says nothing.
        answers: in the order of arrival: hold ids, or ``!reason`` and, when temporary, ``?reason``.
        answered_ms: server time of the first answer.
    """

    quantity: int
    sent_ms: float
    sends: int = 1
    cut: bool = False
    answers: list[str] = field(default_factory=list)
    answered_ms: float | None = None


@dataclass(kw_only=True)
class ViewerRecord:
    """One viewer's own record.

    Attributes:
        arrivals: ``seq`` and server time of arrival of every log event.
        log: the positions in order: ``(seq, False)`` by an event, ``(seq, True)`` by a snapshot.
        welcomes: how many came.
        recovered: how many of them were followed by the missed events.
        holds: units by hold id.
        hold_ends: the ends that the viewer was told, by hold id.
        order_news: what the viewer was told, by order id.
        order_of: order ids by hold id.
    """

    subject: str
    arrivals: list[tuple[int, float]] = field(default_factory=list)
    log: list[tuple[int, bool]] = field(default_factory=list)
    welcomes: int = 0
    recovered: int = 0
    claims: dict[str, ClaimRecord] = field(default_factory=dict)
    holds: dict[str, int] = field(default_factory=dict)
    hold_ends: dict[str, set[str]] = field(default_factory=dict)
    order_news: dict[str, list[str]] = field(default_factory=dict)
    order_of: dict[str, set[str]] = field(default_factory=dict)
    messages: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def released(self) -> list[str]:
        """Holds that were released without an order."""
        return [hold_id for hold_id, ends in self.hold_ends.items() if ends == {"released"}]

    def add(self, message: wire.ServerMessage, now_ms: float) -> None:
        """Write one message down; ``now_ms`` is the server's time."""
        self.messages += 1
        if isinstance(message, wire.OfferStock | wire.Viewers):
            return
        if isinstance(message, wire.LogEvent):
            self.log.append((message.seq, False))
            self.arrivals.append((message.seq, now_ms))
        elif isinstance(message, wire.ClaimAccepted):
            self.holds[message.hold_id] = message.quantity
            self._answered(message.claim_id, message.hold_id, now_ms)
        elif isinstance(message, wire.ClaimRefused):
            self._answered(message.claim_id, ("?" if message.temporary else "!") + message.reason, now_ms)
        elif isinstance(message, wire.HoldExpired | wire.HoldReleased):
            self.hold_ends.setdefault(message.hold_id, set()).add(HOLD_ENDS[type(message)])
        elif isinstance(message, OrderNews):
            self.order_news.setdefault(message.order_id, []).append(ORDER_NEWS[type(message)])
            self.order_of.setdefault(message.hold_id, set()).add(message.order_id)
        elif isinstance(message, wire.Welcome):
            self.welcomes += 1
            if message.recovered:
                self.recovered += 1
            else:
                self.log.append((message.seq, True))
        elif isinstance(message, wire.Error):
            self.errors.append(message.code)

    def _answered(self, claim_id: str, answer: str, now_ms: float) -> None:
        claim = self.claims.get(claim_id)
        if claim is None:
            return
        claim.answers.append(answer)
        if claim.answered_ms is None:
            claim.answered_ms = now_ms


def missing_events(record: ViewerRecord, last_seq: int) -> int:
    """Return how many log events a viewer that stayed until ``last_seq`` did not see in order, exactly once.

    A jump by snapshot is no loss: the snapshot tells what the missed events would have told.
    """
    at, wrong = 0, 0
    for seq, is_jump in record.log:
        wrong += 0 if is_jump else abs(seq - at - 1)
        at = seq
    return wrong + abs(last_seq - at)
