"""The facts of a small show in which everything is as it should be; tests break one thing at a time."""

from live.reconcile.facts import BookFacts, BookHold
from live.rehearse.facts import (
    ChannelFacts,
    ChannelLevel,
    Facts,
    Folded,
    LedgerFacts,
    NewsFacts,
    OrderFacts,
    PaymentFacts,
    PoolFacts,
    Repeat,
)
from live.rehearse.record import ClaimRecord, ViewerRecord


def order(number: int) -> OrderFacts:
    """Order ``number``: one unit of 1000, captured."""
    return OrderFacts(
        order_id=f"order_{number}",
        hold_id=f"hold_{number}",
        buyer_id=f"buyer_{number}",
        quantity=1,
        amount=1000,
        currency="EUR",
        state="captured",
        payment_id=f"pay_{number}",
        captured=1000,
        refunded=0,
        hold_outcome="sold",
    )


def payment(number: int, *, captured: int = 1000, refunded: int = 0, state: str = "captured") -> PaymentFacts:
    """The bank's side of order ``number``."""
    return PaymentFacts(
        payment_id=f"pay_{number}",
        order_id=f"order_{number}",
        amount=1000,
        currency="EUR",
        state=state,
        captured=captured,
        refunded=refunded,
    )


def viewer(number: int) -> ViewerRecord:
    """A viewer that joined at position 0, saw three events, and bought one unit."""
    return ViewerRecord(
        subject=f"buyer_{number}",
        log=[(0, True), (1, False), (2, False), (3, False)],
        arrivals=[(1, 110.0), (2, 210.0), (3, 310.0)],
        welcomes=1,
        claims={
            f"claim_{number}": ClaimRecord(
                quantity=1,
                sent_ms=200.0,
                sends=2,
                answers=[f"hold_{number}", f"hold_{number}"],
                answered_ms=200.0 + 10 * number,
            )
        },
        holds={f"hold_{number}": 1},
        order_news={f"order_{number}": ["submitted", "confirmed"]},
        order_of={f"hold_{number}": {f"order_{number}"}},
    )


def facts() -> Facts:
    """Two units, two buyers, one of whom has a channel's attention; a third viewer went without."""
    return Facts(
        offer_id="offer_1",
        not_quiet=(),
        pool=PoolFacts(allocated=2, sold=2, returned=0, state="closed"),
        book=BookFacts(
            allocated=2,
            available=0,
            held=0,
            sold=2,
            holds=(
                BookHold(hold_id="hold_1", status="sold", buyer_id="buyer_1", quantity=1),
                BookHold(hold_id="hold_2", status="sold", buyer_id="buyer_2", quantity=1),
                BookHold(hold_id="hold_3", status="released", buyer_id="buyer_3", quantity=1),
            ),
            buyers={"buyer_1": (1, ()), "buyer_2": (1, ()), "buyer_3": (0, ())},
            due=frozenset(),
            submitted=frozenset(),
            on_this_server=True,
            waiting=0,
            frozen=True,
            handing_on=False,
        ),
        orders=(order(1), order(2)),
        payments=(payment(1), payment(2)),
        payment_events=1,
        payment_event_ids=1,
        news=tuple(
            NewsFacts(kind="order.confirmed", order_id=f"order_{number}", buyer_id=f"buyer_{number}", done=True)
            for number in (1, 2)
        ),
        ledger=LedgerFacts(
            on_hand=5, ring_fenced=0, sale_units=2, sale_movements=2, skus=20, movements=30, drifting_skus=0
        ),
        channels=ChannelFacts(
            levels=(
                ChannelLevel(channel_id="chan_1", safety_stock=1, switched_off=False, desired=4, told=4, received=4),
            ),
            own_id="chan_1",
            calls=3,
            bad_signatures=0,
        ),
        last_seq=3,
        event_at_ms={1: 100, 2: 200, 3: 300},
        viewers=(viewer(1), viewer(2)),
        unmet_buyers=1,
        repeats=(Repeat(what="opening the offer", first="offer_1", second="offer_1"),),
        folded=(Folded(subject="buyer_1", folded="{}", fresh="{}"),),
    )
