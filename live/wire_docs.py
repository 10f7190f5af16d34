"""Makes ``docs/wire.md`` out of ``live/wire.py``: ``python -m live.wire_docs`` writes it, a test says when it is old.

The messages, their fields and their words come from the types; what no type can say (who speaks first, when to come
back) stands here.
"""

import ast
import inspect
import itertools
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, get_args

import msgspec
from msgspec import inspect as types

from kit.money import Money
from live import limits, wire
from live.close_codes import CloseCode, may_reconnect

PATH: Final = Path(__file__).parent.parent / "docs" / "wire.md"

Struct = type[msgspec.Struct]

_CLIENT: Final[tuple[Struct, ...]] = get_args(wire.ClientMessages)
_SERVER: Final[tuple[Struct, ...]] = get_args(wire.ServerMessages)
_LOG: Final[tuple[Struct, ...]] = get_args(wire.LogEvents)
_BUYER: Final[tuple[Struct, ...]] = get_args(wire.BuyerEvents)
_STATE: Final[tuple[Struct, ...]] = (wire.OfferStock, wire.Viewers, wire.Reactions)
_ANSWERS: Final = tuple(one for one in _SERVER if one not in {*_LOG, *_BUYER, *_STATE})

_INTRO: Final = f"""\
<!-- Made from live/wire.py by `python -m live.wire_docs`. Do not edit. -->

# The wire

What viewers and the gateway say to each other. The gateway listens on its own port (8001 by default):

```
GET /v1/shows/{{show_id}}/live      WebSocket
```

| subprotocol | frames |
|---|---|
| `{wire.JSON_SUBPROTOCOL}` (default) | text, one JSON object each |
| `{wire.MSGPACK_SUBPROTOCOL}` | binary, one MessagePack map each, with the same names |

* One message per frame, `{{"type": …}}`. The first message of a client is `hello`; anything else before the
  `welcome`, or no `hello` within {limits.HANDSHAKE_TIMEOUT_S:.0f} seconds, ends the connection.
* Times are integer milliseconds since the epoch (`*_at_ms`, `server_time_ms`), durations `*_ms`, money integer minor
  units with an ISO 4217 currency.
* Unknown fields from a client are refused. A client has to ignore fields and message types that it does not know.
* Deadlines are the server's. A client computes its clock's offset from `server_time_ms` and counts down by itself: it
  never needs a message to know that an offer or a hold is over.
* Too many connections: the upgrade is answered 503 with `Retry-After`. A browser's `Origin` that is not allowed: 403.

| limit | |
|---|---|
| one message of a client | {limits.MESSAGE_MAX_BYTES // 1024} KiB |
| messages a second | {limits.VIEWER_MESSAGES_PER_S:.0f} for long, {limits.VIEWER_MESSAGES_BURST:.0f} at once |
| `react` | {limits.REACTION_MOST_TAPS} taps, a kind of {limits.REACTION_KIND_MAX_CHARS} characters |
| silence | {limits.HEARTBEAT_MISSED_MS // 1000} s, then the server closes |
"""

_RESUME: Final = """\
## Positions, resume and reconnect

A show's log has an `epoch` and its events a `seq` that grows by one. A position is the pair: after the log was lost
and begun anew, the same `seq` names another event.

1. Apply an event whose `seq` is the last one plus one. Ignore one that is not above the last: it is a repeat. On a
   greater one something is missing: reconnect with `resume`.
2. Connect with `resume: {epoch, seq}` of the last event that was applied. `welcome.recovered: true`: the events after
   it follow, up to `welcome.seq`. `false`: too much is missing or the epoch is another; forget the old state and take
   `welcome.snapshot`, which is complete up to `welcome.seq`. There is no partial recovery.
3. `welcome.holds` are the buyer's live holds, whichever way the connection began. Each has its `claim_id`: an answer
   that was lost on the way is in there. How their latest orders stand follows as `order.*` messages.
4. A claim without an answer is sent again with the same `claim_id`, on any connection. It gets the answer that it got
   first, and never a second hold. The same goes for `checkout`: a hold has at most one order.
5. State (`offer.stock`, `viewers`, `reactions`) has no position. Values in between may be left out; the last one
   always arrives.
6. Send something, a `ping` if there is nothing else, at least every `heartbeat_ms`. When nothing came from the server
   for twice that long, the connection is dead: reconnect.
7. After `goodbye` come back at a random moment between `reconnect_min_ms` and `reconnect_max_ms`. Without one wait a
   random time up to 0.5 s, doubling with each try up to 20 s; begin anew after a `welcome`.
"""


_SCALARS: Final[dict[type[types.Type], str]] = {
    types.StrType: "string",
    types.IntType: "integer",
    types.BoolType: "boolean",
    types.NoneType: "null",
}

_RANGES: Final = """\
## Close codes

The range decides: 1012 and 4000 to 4499 ask a client to come back, 4500 to 4999 tell it not to come back by itself.
Whatever the network did (1006 and the like) is worth another try. A client that does not read cannot be sent a code
either: it is cut, and sees 1006.

| code | name | reconnect | |
|---|---|---|---|
"""


def document() -> str:
    """Return the whole of ``docs/wire.md``."""
    sections = [
        _INTRO,
        "## Client to server\n",
        *_messages(_CLIENT),
        "## Server to client: answers and the connection\n",
        *_messages(_ANSWERS),
        "## Server to client: the show log\n\nTo everyone, in the order of `seq`, without a gap.\n",
        *_messages(_LOG),
        "## Server to client: the buyer's own\n\nOn every open connection of this buyer, and of nobody else.\n",
        *_messages(_BUYER),
        "## Server to client: state\n\nTo everyone; what is now, not what happened.\n",
        *_messages(_STATE),
        "## What messages carry\n",
        *(_part(one) for one in _parts()),
        _RESUME,
        _close_codes(),
        _example(),
    ]
    return "\n".join(sections)


def _messages(structs: Iterable[Struct]) -> Iterator[str]:
    for struct in structs:
        yield f"### `{struct.__struct_config__.tag}`\n\n{_words(struct)}\n{_fields(struct)}"


def _part(struct: Struct) -> str:
    return f"### {struct.__name__}\n\n{_words(struct)}\n{_fields(struct)}"


def _words(struct: Struct) -> str:
    text, *_ = (inspect.getdoc(struct) or "").partition("\n\nAttributes:")
    return text.replace("``", "`") + "\n"


def _fields(struct: Struct) -> str:
    info = types.type_info(struct)
    assert isinstance(info, types.StructType)
    if not info.fields:
        return ""
    rows = [f"| `{one.encode_name}` | {_type(one.type)} | {_presence(one)} |" for one in info.fields]
    return "\n".join(["| field | type | |", "|---|---|---|", *rows]) + "\n"


def _presence(field: types.Field) -> str:
    if field.required:
        return "required"
    if field.default is msgspec.NODEFAULT:
        return "may be absent"
    return f"default `{msgspec.json.encode(field.default).decode()}`"


def _type(info: types.Type) -> str:
    """Return a type in words that suit JSON and MessagePack alike."""
    match info:
        case types.UnionType():
            return " or ".join(_type(one) for one in info.types)
        case types.LiteralType():
            return ", ".join(f"`{value}`" for value in info.values)
        case types.StructType():
            return f"[{info.cls.__name__}](#{info.cls.__name__.lower()})"
        case types.ListType():
            return f"list of {_type(info.item_type)}"
        case types.DictType():
            return f"map of {_type(info.key_type)} to {_type(info.value_type)}"
        case _:
            return _SCALARS[type(info)]


def _parts() -> list[Struct]:
    """Return every struct that stands inside a message, in the order in which a reader meets them."""
    found: dict[Struct, None] = {}

    def visit(info: types.Type) -> None:
        match info:
            case types.UnionType():
                for one in info.types:
                    visit(one)
            case types.ListType():
                visit(info.item_type)
            case types.StructType():
                if info.cls not in found:
                    found[info.cls] = None
                    look_into(info.cls)
            case _:
                pass

    def look_into(struct: Struct) -> None:
        info = types.type_info(struct)
        if isinstance(info, types.StructType):
            for field in info.fields:
                visit(field.type)

    for message in (*_CLIENT, *_ANSWERS, *_LOG, *_BUYER, *_STATE):
        look_into(message)
    return list(found)


def _close_codes() -> str:
    [enum] = ast.parse(inspect.getsource(CloseCode)).body
    assert isinstance(enum, ast.ClassDef)
    rows = []
    # Python forgets the docstring of an enum's member, so it is read where it stands: behind the member.
    for statement, words in itertools.pairwise(enum.body):
        match statement, words:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                code = CloseCode[name]
                back = "yes" if may_reconnect(code) else "no"
                rows.append(f"| {code.value} | `{name}` | {back} | {text.replace('``', '`')} |\n")
            case _:
                pass
    return _RANGES + "".join(rows)


_SHOW_ID: Final = "show_01K8Z5Q4T9V3N6C7M2R8X1B5DA"
_OFFER_ID: Final = "offer_01K8Z5R0E2H8J4W6Y9P3S7G1FB"
_HOLD_ID: Final = "hold_01K8Z5R5M600000001BQ7T2XKC"
_ORDER_ID: Final = "order_01K8Z5R8A4D6Q2V9N3M7Z1T5WE"
_CLAIM_ID: Final = "01K8Z5R5HN6P4X2C8V7B9M3QRS"
_START_MS: Final = 1_790_000_000_000
_PRICE: Final = Money(1999, "EUR")
_OFFER: Final = wire.OfferCard(
    offer_id=_OFFER_ID,
    sku="MUG-BLUE",
    product_id="prod_01K8Z5M2B7C4D9F1G6H3J8KNPQ",
    title="Blue mug",
    price=_PRICE,
    quantity=500,
    per_buyer_limit=2,
    starts_at_ms=_START_MS + 10_000,
    ends_at_ms=_START_MS + 70_000,
    hold_ttl_ms=120_000,
)
_SHOW: Final = wire.ShowCard(show_id=_SHOW_ID, title="Friday night drop", currency="EUR", state="live")

EXAMPLE: Final[tuple[wire.ClientMessages | wire.ServerMessages, ...]] = (
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
"""A session that stands at the end of the document: one purchase, a restart of the gateway, and the resume."""


def _example() -> str:
    lines = [
        f"{'->' if isinstance(message, wire.ClientMessage) else '<-'} {wire.encode_json(message).decode()}\n"
        for message in EXAMPLE
    ]
    return "## An example\n\n`->` is sent by the client, `<-` by the server.\n\n```\n" + "".join(lines) + "```\n"


def main() -> None:
    """Write the document."""
    PATH.write_text(document(), encoding="utf-8")
    sys.stdout.write(f"wrote {PATH}\n")


if __name__ == "__main__":
    main()
