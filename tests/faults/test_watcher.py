"""What a viewer who only watches knows of the stock."""

from kit.money import Money
from live import wire
from tests.faults.watcher import Watcher


def snapshot(*, sold: int) -> wire.Snapshot:
    offer = wire.OfferSnapshot(
        offer_id="o",
        sku="SKU",
        product_id="p",
        title="Lamp",
        price=Money(amount=100, currency="EUR"),
        quantity=120,
        per_buyer_limit=2,
        starts_at_ms=1,
        ends_at_ms=2,
        hold_ttl_ms=5_000,
        state="open",
        available=120 - sold,
        sold=sold,
    )
    show = wire.ShowCard(show_id="s", title="Show", currency="EUR", state="live")
    return wire.Snapshot(show=show, spotlight=[], offers=[offer])


def welcome(shown: wire.Snapshot) -> wire.Welcome:
    return wire.Welcome(
        session_id="x", epoch="e", seq=1, server_time_ms=1, heartbeat_ms=1, recovered=False, holds=[], snapshot=shown
    )


async def test_who_was_sent_back_while_the_last_unit_went_knows_it_from_the_snapshot() -> None:
    watcher = Watcher("ws://127.0.0.1:1", "s")
    watcher.hear(wire.OfferStock(offer_id="o", available=83, held=24, sold=13))
    assert watcher.stock == (83, 24, 13)
    watcher.hear(welcome(snapshot(sold=120)))
    assert watcher.stock == (0, 0, 120)
    await watcher.until_sold(120)
