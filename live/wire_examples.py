"""An example of every message: a session that the documents tell, and one each of what does not happen in it."""

from hashlib import sha256
from typing import Final

import msgspec
from msgspec.structs import asdict, replace

from kit.money import Money
from live import limits, wire

_SHOW_ID: Final = "show_01K8Z5Q4T9V3N6C7M2R8X1B5DA"
_OFFER_ID: Final = "offer_01K8Z5R0E2H8J4W6Y9P3S7G1FB"
_HOLD_ID: Final = "hold_01K8Z5R5M600000001BQ7T2XKC"
_ORDER_ID: Final = "order_01K8Z5R8A4D6Q2V9N3M7Z1T5WE"
_PRODUCT_ID: Final = "prod_01K8Z5M2B7C4D9F1G6H3J8KNPQ"
_CLAIM_ID: Final = "01K8Z5R5HN6P4X2C8V7B9M3QRS"
_START_MS: Final = 1_790_000_000_000
_PRICE: Final = Money(1999, "EUR")
_OFFER: Final = wire.OfferCard(
    offer_id=_OFFER_ID,
    sku="MUG-BLUE",
    product_id=_PRODUCT_ID,
    title="Blue mug",
    price=_PRICE,
    quantity=500,
    per_buyer_limit=2,
    starts_at_ms=_START_MS + 10_000,
    ends_at_ms=_START_MS + 70_000,
    hold_ttl_ms=120_000,
)
_SEED: Final = "5f0c4a7e9b1d23865f0c4a7e9b1d23865f0c4a7e9b1d23865f0c4a7e9b1d2386"
_DRAW: Final = replace(
    _OFFER,
    offer_id="offer_01K8Z6D3N5R7T9V1X3Z5B7D9FH",
    quantity=20,
    per_buyer_limit=1,
    mode="draw",
    seed_hash=sha256(_SEED.encode()).hexdigest(),
)
_SHOW: Final = wire.ShowCard(show_id=_SHOW_ID, title="Friday night drop", currency="EUR", state="live")
_PRODUCT: Final = wire.ProductCard(
    product_id=_PRODUCT_ID,
    title="Blue mug",
    image=None,
    variants=[wire.VariantCard(sku="MUG-BLUE", title="0.3 l", price=Money(2499, "EUR"))],
)

Message = wire.ClientMessages | wire.ServerMessages

SESSION: Final[tuple[Message, ...]] = (
    wire.Hello(token="eyJhbGciOiJIUzI1NiJ9…"),  # noqa: S106 - the beginning that all tokens have
    wire.Welcome(
        session_id="session_01K8Z5R3W1Y7T5G9K2D4F6H8JA",
        epoch="f3a9",
        seq=4,
        server_time_ms=_START_MS,
        heartbeat_ms=limits.HEARTBEAT_MS,
        recovered=False,
        holds=[],
        snapshot=wire.Snapshot(show=_SHOW, spotlight=[], offers=[], viewers=2311),
    ),
    wire.OfferScheduled(seq=5, offer=_OFFER),
    wire.OfferOpened(seq=6, offer=_OFFER),
    wire.Claim(claim_id=_CLAIM_ID, offer_id=_OFFER_ID, quantity=1),
    wire.ClaimAccepted(
        claim_id=_CLAIM_ID, hold_id=_HOLD_ID, offer_id=_OFFER_ID, quantity=1, expires_at_ms=_START_MS + 130_400
    ),
    wire.OfferStock(offer_id=_OFFER_ID, available=499, held=1, sold=0),
    wire.Checkout(hold_id=_HOLD_ID, payment_method="pm_test_ok"),
    wire.OrderSubmitted(order_id=_ORDER_ID, hold_id=_HOLD_ID, amount=_PRICE),
    wire.OrderConfirmed(order_id=_ORDER_ID, hold_id=_HOLD_ID, amount=_PRICE),
    wire.OfferStock(offer_id=_OFFER_ID, available=499, held=0, sold=1),
    wire.Goodbye(reason="shutdown", reconnect_min_ms=limits.GOODBYE_MIN_MS, reconnect_max_ms=limits.GOODBYE_MAX_MS),
    wire.Hello(token="eyJhbGciOiJIUzI1NiJ9…", resume=wire.Position("f3a9", 6)),  # noqa: S106 - as above
    wire.Welcome(
        session_id="session_01K8Z5V7N3Q5S8U2W4Y6A9C1EB",
        epoch="f3a9",
        seq=7,
        server_time_ms=_START_MS + 72_000,
        heartbeat_ms=limits.HEARTBEAT_MS,
        recovered=True,
        holds=[],
    ),
    wire.OfferEnded(seq=7, offer=_OFFER, reason="time"),
)
"""One purchase, a restart of the gateway, and the resume."""

OTHERS: Final[tuple[Message, ...]] = (
    wire.Release(hold_id=_HOLD_ID, keep=1),
    wire.Extend(hold_id=_HOLD_ID, extension=1),
    wire.WaitlistJoin(offer_id=_OFFER_ID),
    wire.WaitlistLeave(offer_id=_OFFER_ID),
    wire.React(kind="heart", count=3),
    wire.Ping(),
    wire.Welcome(
        session_id="session_01K8Z5W2H8B4D6F9J1M3P5R7TC",
        epoch="f3a9",
        seq=6,
        server_time_ms=_START_MS + 20_000,
        heartbeat_ms=limits.HEARTBEAT_MS,
        recovered=False,
        holds=[
            wire.HoldCard(
                hold_id=_HOLD_ID,
                offer_id=_OFFER_ID,
                claim_id=_CLAIM_ID,
                quantity=1,
                expires_at_ms=_START_MS + 130_400,
                state="held",
            )
        ],
        snapshot=wire.Snapshot(
            show=_SHOW,
            spotlight=[_PRODUCT],
            offers=[wire.OfferSnapshot(**asdict(_OFFER), state="open", available=499, held=1, sold=0)],
            viewers=2344,
        ),
    ),
    wire.ShowStarted(seq=1, at_ms=_START_MS - 600_000),
    wire.ShowPaused(seq=8, at_ms=_START_MS + 80_000),
    wire.ShowResumed(seq=9, at_ms=_START_MS + 95_000),
    wire.ShowEnded(seq=13, at_ms=_START_MS + 3_600_000),
    wire.ProductSpotlight(seq=2, products=[_PRODUCT]),
    wire.OfferExtended(seq=10, offer=replace(_OFFER, ends_at_ms=_START_MS + 100_000)),
    wire.OfferVoided(seq=11, offer=_OFFER, reason="wrong price"),
    wire.OfferDrawn(seq=12, offer=_DRAW, seed=_SEED, entries=4180),
    wire.Viewers(count=2311),
    wire.Reactions(counts={"heart": 57, "clap": 4}),
    wire.ClaimEntered(claim_id=_CLAIM_ID, offer_id=_DRAW.offer_id, drawn_at_ms=_DRAW.ends_at_ms + 1_000),
    wire.ClaimRefused(claim_id=_CLAIM_ID, offer_id=_OFFER_ID, reason="sold_out", temporary=True),
    wire.WaitlistJoined(offer_id=_OFFER_ID, place=3),
    wire.WaitlistLeft(offer_id=_OFFER_ID),
    wire.WaitlistRefused(offer_id=_OFFER_ID, reason="buyer_limit", temporary=False),
    wire.HoldPromoted(hold_id=_HOLD_ID, offer_id=_OFFER_ID, quantity=1, expires_at_ms=_START_MS + 160_000),
    wire.HoldChanged(hold_id=_HOLD_ID, offer_id=_OFFER_ID, quantity=1, expires_at_ms=_START_MS + 250_400, extensions=1),
    wire.HoldExpired(hold_id=_HOLD_ID, offer_id=_OFFER_ID),
    wire.HoldReleased(hold_id=_HOLD_ID, offer_id=_OFFER_ID),
    wire.OrderAction(
        order_id=_ORDER_ID,
        hold_id=_HOLD_ID,
        amount=_PRICE,
        action=wire.Action(kind="redirect", url="https://payments.example/pay/7Q2X"),
    ),
    wire.OrderDeclined(order_id=_ORDER_ID, hold_id=_HOLD_ID, amount=_PRICE),
    wire.OrderRefunded(order_id=_ORDER_ID, hold_id=_HOLD_ID, amount=_PRICE),
    wire.OrderUnfulfillable(order_id=_ORDER_ID, hold_id=_HOLD_ID, amount=_PRICE),
    wire.Error(code="rate_limited", message="too many messages; slow down", temporary=True),
    wire.Pong(server_time_ms=_START_MS + 25_000),
)
"""What the session leaves out, in the order of the documents; and a welcome into a show that is under way."""


def examples_of(message: type[msgspec.Struct]) -> list[Message]:
    """Return the examples of one message: those of the session first."""
    return [one for one in (*SESSION, *OTHERS) if type(one) is message]
