"""The wire: every message between a viewer and the gateway, as types.

``docs/wire.md`` and ``docs/asyncapi.json`` are made from this file.

One message per frame, ``{"type": …}``. Log events carry ``seq``; replies and state do not. Fields of later versions
have defaults; unknown fields are refused on the way in and ignored on the way out.
Times are integer milliseconds since the epoch; money is integer minor units.
"""

from collections.abc import Callable
from typing import Literal, cast

import msgspec

from kit.money import Money

JSON_SUBPROTOCOL = "showdrop.json"
MSGPACK_SUBPROTOCOL = "showdrop.msgpack"

ShowState = Literal["scheduled", "live", "paused", "ended"]
OfferState = Literal["scheduled", "preheat", "open", "ended", "voided"]
OfferMode = Literal["first_come", "draw"]
HoldState = Literal["held", "submitted"]
RefusalReason = Literal[
    "sold_out",
    "not_open",
    "ended",
    "buyer_limit",
    "rate_limited",
    "recovering",
    "unknown_offer",
    "unauthorised",
    "invalid",
]
WaitlistRefusalReason = Literal[
    "not_open",
    "ended",
    "buyer_limit",
    "waitlist_full",
    "recovering",
    "rate_limited",
    "unauthorised",
    "unknown_offer",
]


class Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place in a show's log.

    ``seq`` alone is not enough: after the log was lost and begun anew, the same number names another event. The
    epoch names the log.
    """

    epoch: str
    seq: int


# --- what the messages carry ---------------------------------------------------------------------------------------


class VariantCard(msgspec.Struct, frozen=True, kw_only=True):
    """One variant on a product card."""

    sku: str
    title: str
    price: Money


class ProductCard(msgspec.Struct, frozen=True, kw_only=True):
    """A product as viewers see it."""

    product_id: str
    title: str
    image: str | None
    variants: list[VariantCard]


class OfferCard(msgspec.Struct, frozen=True, kw_only=True):
    """An offer as viewers see it.

    ``mode``: a claim on a ``draw`` is an entry. ``seed_hash``: of a draw, the SHA-256 of the seed that decides it.
    """

    offer_id: str
    sku: str
    product_id: str
    title: str
    price: Money
    quantity: int
    per_buyer_limit: int
    starts_at_ms: int
    ends_at_ms: int
    hold_ttl_ms: int
    mode: OfferMode = "first_come"
    seed_hash: str | None = None


class OfferSnapshot(OfferCard, frozen=True, kw_only=True):
    """An offer inside a snapshot: with its state and its stock; ``seed`` once it is drawn."""

    state: OfferState
    available: int = 0
    held: int = 0
    sold: int = 0
    seed: str | None = None


class ShowCard(msgspec.Struct, frozen=True, kw_only=True):
    """A show as viewers see it."""

    show_id: str
    title: str
    currency: str
    state: ShowState


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a viewer who joins now has to know."""

    show: ShowCard
    spotlight: list[ProductCard]
    offers: list[OfferSnapshot]
    viewers: int = 0


class HoldCard(msgspec.Struct, frozen=True, kw_only=True):
    """One of the buyer's own live holds.

    ``claim_id`` is the ULID of the hold itself when it came from the waiting list. ``extensions``: how often its buyer
    got more time.
    """

    hold_id: str
    offer_id: str
    claim_id: str
    quantity: int
    expires_at_ms: int
    state: HoldState
    extensions: int = 0


# --- client to server ----------------------------------------------------------------------------------------------


class ClientMessage(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True, rename=None
):
    """Base of everything a client may send."""


class Hello(ClientMessage, frozen=True, tag="hello"):
    """The first message. Without a token the viewer is a guest: may watch, may not claim."""

    token: str | None = None
    resume: Position | None = None


class Claim(ClientMessage, frozen=True, tag="claim"):
    """Wish for units of an offer. The client makes ``claim_id`` (a ULID) and repeats it when it asks again."""

    claim_id: str
    offer_id: str
    quantity: int


class Checkout(ClientMessage, frozen=True, tag="checkout"):
    """Pay for a hold."""

    hold_id: str
    payment_method: str


class Release(ClientMessage, frozen=True, tag="release"):
    """Give a hold back, all but ``keep`` units: how many the buyer keeps, so that repeating it changes nothing."""

    hold_id: str
    keep: int = 0


class Extend(ClientMessage, frozen=True, tag="extend"):
    """Ask for one more hold time from now. ``extension`` is its number, from 1, so that repeating it changes nothing.

    ``hold.changed`` answers; the error ``extension_limit`` when there are no more; the hold's end when it is over.
    """

    hold_id: str
    extension: int = 1


class WaitlistJoin(ClientMessage, frozen=True, tag="waitlist.join"):
    """Ask for one unit as soon as one comes back, first come first served.

    Who waits already keeps their place, and is told how it stands now: ask again after every ``welcome``, and as often
    as every ten seconds to show the place. As long as somebody waits, nobody gets a unit by a claim.
    """

    offer_id: str


class WaitlistLeave(ClientMessage, frozen=True, tag="waitlist.leave"):
    """Leave an offer's waiting list, also when not on it."""

    offer_id: str


class React(ClientMessage, frozen=True, tag="react"):
    """Tap a reaction ``count`` times."""

    kind: str
    count: int


class Ping(ClientMessage, frozen=True, tag="ping"):
    """Ask for a ``pong``: keeps the connection and measures the server's clock."""


ClientMessages = Hello | Claim | Checkout | Release | Extend | WaitlistJoin | WaitlistLeave | React | Ping


# --- server to client ----------------------------------------------------------------------------------------------


class ServerMessage(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of everything the server sends."""


class Welcome(ServerMessage, frozen=True, tag="welcome"):
    """The answer to ``hello``. ``recovered``: the missed events follow; else ``snapshot`` is complete."""

    session_id: str
    epoch: str
    seq: int
    server_time_ms: int
    heartbeat_ms: int
    recovered: bool
    holds: list[HoldCard]
    snapshot: Snapshot | msgspec.UnsetType = msgspec.UNSET


class LogEvent(ServerMessage, frozen=True, tag=True):
    """Base of what stands in the show log: delivered to everyone, in order of ``seq``, without a gap."""

    seq: int


class ShowStarted(LogEvent, frozen=True, tag="show.started"):
    """The show went live."""

    at_ms: int


class ShowPaused(LogEvent, frozen=True, tag="show.paused"):
    """The show is paused."""

    at_ms: int


class ShowResumed(LogEvent, frozen=True, tag="show.resumed"):
    """The show goes on."""

    at_ms: int


class ShowEnded(LogEvent, frozen=True, tag="show.ended"):
    """The show is over."""

    at_ms: int


class ProductSpotlight(LogEvent, frozen=True, tag="product.spotlight"):
    """What is on stage now; an empty list clears it."""

    products: list[ProductCard]


class OfferScheduled(LogEvent, frozen=True, tag="offer.scheduled"):
    """An offer was announced; its preheat begins."""

    offer: OfferCard


class OfferOpened(LogEvent, frozen=True, tag="offer.opened"):
    """The offer takes claims."""

    offer: OfferCard


class OfferExtended(LogEvent, frozen=True, tag="offer.extended"):
    """The offer ends later than it said."""

    offer: OfferCard


class OfferEnded(LogEvent, frozen=True, tag="offer.ended"):
    """The offer is over; ``reason`` is ``time``, ``closed`` or ``show_ended``."""

    offer: OfferCard
    reason: str | None = None


class OfferVoided(LogEvent, frozen=True, tag="offer.voided"):
    """The host withdrew the offer."""

    offer: OfferCard
    reason: str | None = None


class OfferDrawn(LogEvent, frozen=True, tag="offer.drawn"):
    """A draw is decided: ascending SHA-256 of ``seed:buyer`` is the order in which units are given.

    Who gets one hears ``hold.promoted``. ``entries``: how many buyers are in it.
    """

    offer: OfferCard
    seed: str
    entries: int


LogEvents = (
    ShowStarted
    | ShowPaused
    | ShowResumed
    | ShowEnded
    | ProductSpotlight
    | OfferScheduled
    | OfferOpened
    | OfferExtended
    | OfferEnded
    | OfferVoided
    | OfferDrawn
)


class OfferStock(ServerMessage, frozen=True, tag="offer.stock"):
    """How many units there are now: state, at most ten a second, the last value always arrives."""

    offer_id: str
    available: int
    held: int
    sold: int


class Viewers(ServerMessage, frozen=True, tag="viewers"):
    """How many watch now: state, at most one a second."""

    count: int


class Reactions(ServerMessage, frozen=True, tag="reactions"):
    """Taps since the last one: state, at most two a second."""

    counts: dict[str, int]


class ClaimAccepted(ServerMessage, frozen=True, tag="claim.accepted"):
    """The units are kept for this buyer until ``expires_at_ms``."""

    claim_id: str
    hold_id: str
    offer_id: str
    quantity: int
    expires_at_ms: int


class ClaimEntered(ServerMessage, frozen=True, tag="claim.entered"):
    """The buyer is in the draw; it follows ``drawn_at_ms``, the end and its grace, which an extension moves."""

    claim_id: str
    offer_id: str
    drawn_at_ms: int


class ClaimRefused(ServerMessage, frozen=True, tag="claim.refused"):
    """No units; ``temporary`` tells whether asking again makes sense."""

    claim_id: str
    offer_id: str
    reason: RefusalReason
    temporary: bool


class WaitlistJoined(ServerMessage, frozen=True, tag="waitlist.joined"):
    """The buyer waits; ``place`` 1 is next. 0: a unit was free at once, and ``hold.promoted`` follows.

    It is the buyer who waits, not the connection: a closed one costs no place. The list ends with its offer, and
    ``offer.ended`` tells it.
    """

    offer_id: str
    place: int


class WaitlistLeft(ServerMessage, frozen=True, tag="waitlist.left"):
    """The buyer waits no more, or never did."""

    offer_id: str


class WaitlistRefused(ServerMessage, frozen=True, tag="waitlist.refused"):
    """Nothing was changed; ``temporary`` tells whether asking again makes sense."""

    offer_id: str
    reason: WaitlistRefusalReason
    temporary: bool


class HoldPromoted(ServerMessage, frozen=True, tag="hold.promoted"):
    """The buyer was next on the waiting list, or is drawn: a unit is kept for them until ``expires_at_ms``."""

    hold_id: str
    offer_id: str
    quantity: int
    expires_at_ms: int


class HoldChanged(ServerMessage, frozen=True, tag="hold.changed"):
    """A live hold lasts longer, or has fewer units: how it is now.

    ``extensions``: how often its buyer got more time.
    """

    hold_id: str
    offer_id: str
    quantity: int
    expires_at_ms: int
    extensions: int = 0


class HoldExpired(ServerMessage, frozen=True, tag="hold.expired"):
    """The buyer's hold ran out."""

    hold_id: str
    offer_id: str


class HoldReleased(ServerMessage, frozen=True, tag="hold.released"):
    """The buyer's hold was given back."""

    hold_id: str
    offer_id: str


class OrderSubmitted(ServerMessage, frozen=True, tag="order.submitted"):
    """The order is safe; payment is under way."""

    order_id: str
    hold_id: str
    amount: Money


class Action(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the buyer has to do so that a payment goes on.

    ``redirect``: go to ``url``. ``qr_code``: ``data`` is scanned with another device. ``voucher``: pay the slip with
    the number ``data``, shown at ``url``. ``confirm``: on the phone that was asked. ``client``: ``data`` is for the
    payment provider's own library.
    """

    kind: Literal["redirect", "qr_code", "voucher", "confirm", "client"]
    url: str | None = None
    data: str | None = None
    expires_at_ms: int | None = None


class OrderAction(ServerMessage, frozen=True, tag="order.action"):
    """The payment waits for the buyer to do something."""

    order_id: str
    hold_id: str
    amount: Money
    action: Action


class OrderConfirmed(ServerMessage, frozen=True, tag="order.confirmed"):
    """Paid and recorded: the units are the buyer's."""

    order_id: str
    hold_id: str
    amount: Money


class OrderDeclined(ServerMessage, frozen=True, tag="order.declined"):
    """The payment was refused; the units went back."""

    order_id: str
    hold_id: str
    amount: Money


class OrderRefunded(ServerMessage, frozen=True, tag="order.refunded"):
    """Money went back; ``amount`` is what was refunded so far."""

    order_id: str
    hold_id: str
    amount: Money


class OrderUnfulfillable(ServerMessage, frozen=True, tag="order.unfulfillable"):
    """No unit was left when the payment arrived; the money goes back by itself."""

    order_id: str
    hold_id: str
    amount: Money


BuyerEvents = (
    HoldPromoted
    | HoldChanged
    | HoldExpired
    | HoldReleased
    | OrderSubmitted
    | OrderAction
    | OrderConfirmed
    | OrderDeclined
    | OrderRefunded
    | OrderUnfulfillable
)


class Error(ServerMessage, frozen=True, tag="error"):
    """A message could not be served; nothing was changed."""

    code: str
    message: str
    temporary: bool


class Goodbye(ServerMessage, frozen=True, tag="goodbye"):
    """The server is about to close; come back after a random time within the window."""

    reason: str
    reconnect_min_ms: int
    reconnect_max_ms: int


class Pong(ServerMessage, frozen=True, tag="pong"):
    """The answer to ``ping``."""

    server_time_ms: int


ServerMessages = (
    Welcome
    | LogEvents
    | OfferStock
    | Viewers
    | Reactions
    | ClaimAccepted
    | ClaimEntered
    | ClaimRefused
    | WaitlistJoined
    | WaitlistLeft
    | WaitlistRefused
    | BuyerEvents
    | Error
    | Goodbye
    | Pong
)

_json_encoder = msgspec.json.Encoder()
_msgpack_encoder = msgspec.msgpack.Encoder()
_client_json: msgspec.json.Decoder[ClientMessages] = msgspec.json.Decoder(ClientMessages)
_client_msgpack: msgspec.msgpack.Decoder[ClientMessages] = msgspec.msgpack.Decoder(ClientMessages)
_server_msgpack: msgspec.msgpack.Decoder[ServerMessages] = msgspec.msgpack.Decoder(ServerMessages)
_server_json: msgspec.json.Decoder[ServerMessages] = msgspec.json.Decoder(ServerMessages)
_log_json: msgspec.json.Decoder[LogEvents] = msgspec.json.Decoder(LogEvents)
_buyer_json: msgspec.json.Decoder[BuyerEvents] = msgspec.json.Decoder(BuyerEvents)


def encode_json(message: ServerMessage | ClientMessage) -> bytes:
    """Encode one message for ``showdrop.json``."""
    return _json_encoder.encode(message)


def encode_msgpack(message: ServerMessage | ClientMessage) -> bytes:
    """Encode one message for ``showdrop.msgpack``."""
    return _msgpack_encoder.encode(message)


def encoder(*, binary: bool) -> Callable[[ServerMessage], bytes]:
    """Return what encodes the server's messages; ``binary`` is MessagePack."""
    return _msgpack_encoder.encode if binary else _json_encoder.encode


def client_decoder(*, binary: bool) -> Callable[[bytes], ClientMessages]:
    """Return what decodes a client's messages; ``binary`` is MessagePack.

    It raises ``msgspec.ValidationError`` when a field is missing, unknown or of the wrong type, with the path in its
    text, and ``msgspec.DecodeError`` for what is not JSON or MessagePack at all.
    """
    return _client_msgpack.decode if binary else _client_json.decode


def decode_server(payload: bytes | str, *, binary: bool = False) -> ServerMessages:
    """Decode what the server sent, for clients written in Python; ``binary`` is MessagePack, and takes bytes only."""
    return _server_msgpack.decode(cast(bytes, payload)) if binary else _server_json.decode(payload)


def decode_log_event(payload: bytes | str) -> LogEvents:
    """Decode one entry of the show log."""
    return _log_json.decode(payload)


def decode_buyer_event(payload: bytes | str) -> BuyerEvents:
    """Decode one entry of the inbox."""
    return _buyer_json.decode(payload)
