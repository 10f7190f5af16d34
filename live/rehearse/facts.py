"""What a rehearsal collects when all is over: from Postgres, Redis, the channel and every viewer's own record.

Amounts are minor units of one currency.
"""

import msgspec

from checkout.news import MERCHANTS_ONLY
from live.reconcile.facts import BookFacts
from live.rehearse.record import ViewerRecord

ENDED_STATUSES = frozenset({"sold", "released", "expired"})


class PoolFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The judge's row."""

    allocated: int
    sold: int
    returned: int
    state: str


class OrderFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An order in Postgres."""

    order_id: str
    hold_id: str
    buyer_id: str
    quantity: int
    amount: int
    currency: str
    state: str
    payment_id: str | None
    captured: int
    refunded: int
    hold_outcome: str | None


class PaymentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as the bank has it."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    state: str
    captured: int
    refunded: int


class BankFigures(msgspec.Struct, frozen=True, kw_only=True):
    """What the rehearsal's own bank did with its webhooks and its answers.

    Attributes:
        events: what happened at the bank.
        delivered: events that were taken at least once.
        duplicates: events that were taken a second time.
        lost: events that were never sent.
        refused: calls that the server answered with anything but success; they come again.
        waiting: calls that are still to be made.
        answers_lost: requests that were carried out and never answered.
        too_many: requests that were refused because they came too fast.
    """

    events: int
    delivered: int
    duplicates: int
    lost: int
    refused: int
    waiting: int
    answers_lost: int
    too_many: int


class NewsFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the outbox; ``refunded`` is what had gone back of the order, in minor units."""

    kind: str
    order_id: str
    buyer_id: str
    done: bool
    refunded: int = 0

    @property
    def heard_as(self) -> str | None:
        """What a viewer's record calls it; None when only merchants are told."""
        if self.kind in MERCHANTS_ONLY or (self.kind == "order.cancelled" and self.refunded):
            return None
        return "declined" if self.kind == "order.cancelled" else self.kind.removeprefix("order.")


class LedgerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The stock of the SKU, and what its movements say.

    Attributes:
        sale_units: units that sale movements of this pool took.
        sale_movements: how many there are.
        drifting_skus: SKUs of the whole shop whose counters are not the sum of their movements.
    """

    on_hand: int
    ring_fenced: int
    sale_units: int
    sale_movements: int
    skus: int
    movements: int
    drifting_skus: int


class ChannelLevel(msgspec.Struct, frozen=True, kw_only=True):
    """What one channel shows for the SKU; ``received`` is known of the rehearsal's own channel only."""

    channel_id: str
    safety_stock: int
    switched_off: bool
    desired: int
    told: int | None
    received: int | None


class WatchedChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel of the shop over the time of the rehearsal; see ``ChannelLine`` for the figures.

    Attributes:
        must_converge: it was in step before, and nothing has failed since.
        lags_ms: of each level that was seen to be told.
        other_skus: that it was told meanwhile.
    """

    channel_id: str
    kind: str
    name: str
    must_converge: bool
    lags_ms: tuple[int, ...]
    calls: int | None
    least_calls: int
    other_skus: int = 0


class ChannelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The channels.

    Attributes:
        levels: of those that are on, and have an item of the SKU.
        own_id: the rehearsal's own, None when it has none.
        calls: that the rehearsal's own got.
        watched: all others.
    """

    levels: tuple[ChannelLevel, ...]
    own_id: str | None
    calls: int
    bad_signatures: int
    watched: tuple[WatchedChannel, ...] = ()


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was sent twice, and both answers."""

    what: str
    first: str
    second: str


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer's state made of its first snapshot and all messages since, beside a fresh one; both as JSON."""

    subject: str
    folded: str
    fresh: str


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything.

    Attributes:
        not_quiet: what had not come to rest within the time limit; empty when all was quiet.
        last_seq: the show log's newest position.
        event_at_ms: when each log event was made, by ``seq``.
        unmet_buyers: viewers that wanted a unit and were refused to the end.
        bank: None when the server's test bank took the money.
    """

    offer_id: str
    not_quiet: tuple[str, ...]
    pool: PoolFacts
    book: BookFacts
    orders: tuple[OrderFacts, ...]
    payments: tuple[PaymentFacts, ...]
    payment_events: int
    payment_event_ids: int
    news: tuple[NewsFacts, ...]
    ledger: LedgerFacts
    channels: ChannelFacts
    last_seq: int
    event_at_ms: dict[int, int]
    viewers: tuple[ViewerRecord, ...]
    unmet_buyers: int
    repeats: tuple[Repeat, ...]
    folded: tuple[Folded, ...]
    bank: BankFigures | None = None

    @property
    def sold_orders(self) -> tuple[OrderFacts, ...]:
        """Orders that got their units, also when their money went back later."""
        return tuple(order for order in self.orders if order.hold_outcome == "sold")
