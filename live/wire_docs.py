"""Makes ``docs/wire.md`` and ``docs/asyncapi.json`` out of ``live/wire.py``: ``python -m live.wire_docs`` writes both.

A test says when one of them is old. The messages, their fields and their words come from the types; what no type can
say (who speaks first, when to come back) stands here.
"""

import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
from msgspec import inspect as types

from inventory.limits import HOLD_EXTENSIONS_MOST
from kit.settings import Settings
from live import limits, wire
from live.asyncapi import asyncapi_document
from live.client_rules import (
    BACKOFF_FIRST_S,
    BACKOFF_MOST_S,
    OVERLOAD_LEAST_S,
    RESTART_SPREAD_S,
    TRY_AGAIN_LATER,
)
from live.close_codes import CloseCode
from live.wire_catalogue import (
    CLIENT,
    PROTOCOL_CLOSE_CODES,
    SERVER,
    CloseCodeEntry,
    Group,
    Struct,
    close_codes,
    fields_of,
    parts,
    tag_of,
    words_of,
)
from live.wire_examples import SESSION

DIRECTORY: Final = Path(__file__).parent.parent / "docs"

_HELLO_S: Final = f"{limits.HANDSHAKE_TIMEOUT_S:.0f} seconds"
_ADDRESS_PER_S: Final = Settings().address_messages_per_s
_OVERLOAD: Final = f"{OVERLOAD_LEAST_S:.0f} s"
_BACKOFF: Final = f"{BACKOFF_FIRST_S} s at first, doubling with each try up to {BACKOFF_MOST_S:.0f} s"

_INTRO: Final = f"""\
<!-- Made from live/wire.py by `python -m live.wire_docs`. Do not edit. -->

# The wire

What viewers and the gateway say to each other. The gateway listens on its own port (8001 by default):

```
GET /v1/shows/{{show_id}}/live      WebSocket
```

The same for programs is in [asyncapi.json](asyncapi.json) (AsyncAPI 3.0); the API serves it at `/asyncapi.json`, with
the address of its own gateway.

| subprotocol | frames |
|---|---|
| `{wire.JSON_SUBPROTOCOL}` (default) | text, one JSON object each |
| `{wire.MSGPACK_SUBPROTOCOL}` | binary, one MessagePack map each, with the same names |

* One message per frame, `{{"type": …}}`. The first message of a client is `hello`; anything else before it, or
  no `hello` within {_HELLO_S}, ends the connection. What follows the `hello` before the `welcome` came waits,
  and is served after it.
* Times are integer milliseconds since the epoch (`*_at_ms`, `server_time_ms`), durations `*_ms`, money integer minor
  units with an ISO 4217 currency.
* Unknown fields from a client are refused. A client has to ignore fields and message types that it does not know.
* Deadlines are the server's. A client computes its clock's offset from `server_time_ms` and counts down by itself: it
  never needs a message to know that an offer or a hold is over.
* Too many connections: the upgrade is answered 503 with `Retry-After`. A browser's `Origin` that is not allowed: 403.

| limit | |
|---|---|
| one message of a client | {limits.MESSAGE_MAX_BYTES // 1024} KiB |
| the request that becomes a WebSocket | {limits.HEAD_MAX_BYTES // 1024} KiB |
| messages a second | {limits.VIEWER_MESSAGES_PER_S:.0f} for long, {limits.VIEWER_MESSAGES_BURST:.0f} at once |
| messages a second from one address to one gateway process | {_ADDRESS_PER_S:,} for long, \
{_ADDRESS_PER_S * limits.ADDRESS_BURST_S:,.0f} at once (`SHOWDROP_ADDRESS_MESSAGES_PER_S`) |
| messages between `hello` and `welcome` | {limits.EARLY_MOST_MESSAGES}; more are refused: `rate_limited` |
| claims of one connection without an answer yet | {limits.CLAIMS_MOST_IN_FLIGHT}; more are refused as temporary |
| its checkouts, releases and extensions under way | {limits.PURCHASES_MOST_IN_FLIGHT}; more are refused as temporary |
| its joins and leaves of waiting lists under way | {limits.WAITLIST_MOST_IN_FLIGHT}; more are refused as temporary |
| claims and joins of one buyer a second, over all connections to one gateway process | \
{limits.BUYER_CLAIMS_PER_S:.0f} for long, {limits.BUYER_CLAIMS_BURST:.0f} at once; more are refused: `rate_limited` |
| extensions of one hold | {HOLD_EXTENSIONS_MOST} |
| `react` | {limits.REACTION_MOST_TAPS} taps, a kind of {limits.REACTION_KIND_MAX_CHARS} characters |
| silence | {limits.HEARTBEAT_MISSED_MS // 1000} s, then the server closes |
"""

_RESUME: Final = f"""\
## Positions, resume and reconnect

A show's log has an `epoch` and its events a `seq` that grows by one. A position is the pair: after the log was lost
and begun anew, the same `seq` names another event.

1. Apply an event whose `seq` is the last one plus one. Ignore one that is not above the last: it is a repeat. On a
   greater one something is missing: reconnect with `resume`.
2. Connect with `resume: {{epoch, seq}}` of the last event that was applied. `welcome.recovered: true`: the events after
   it follow, up to `welcome.seq`. `false`: too much is missing or the epoch is another; forget the old state and take
   `welcome.snapshot`, which is complete up to `welcome.seq`. There is no partial recovery.
3. `welcome.holds` are the buyer's live holds, whichever way the connection began. Each has its `claim_id`: an answer
   that was lost on the way is in there. How their latest orders stand follows as `order.*` messages.
4. A claim without an answer is sent again with the same `claim_id`, on any connection. It gets the answer that it got
   first, and never a second hold. The same goes for `checkout`: a hold has at most one order. `release` and
   `extend` name the state that they want, so they may be repeated as well. A place on a waiting list is the buyer's:
   who comes back asks `waitlist.join` again and is told the same place. What was promoted meanwhile is among
   `welcome.holds`, with its own ULID as its `claim_id`.
5. State (`offer.stock`, `viewers`, `reactions`) has no position. Values in between may be left out; the last one
   always arrives.
6. Send something, a `ping` if there is nothing else, at least every `heartbeat_ms`. When nothing came from the server
   for twice that long, the connection is dead: reconnect.
7. Come back at a random moment, never in step with others, and only if the close code allows it:
   * after a `goodbye`: between `reconnect_min_ms` and `reconnect_max_ms`;
   * after {CloseCode.SERVICE_RESTART.value} (restart) without a `goodbye`: within {RESTART_SPREAD_S:.0f} s;
   * after {CloseCode.OVERLOAD.value} or {TRY_AGAIN_LATER} (overload): {_OVERLOAD}, and up to {_OVERLOAD} more;
   * after anything else: within the back-off, {_BACKOFF}.

   The back-off begins anew only after a `welcome`. Where it is longer than the random part of another line, take it
   instead, except after a `goodbye`.

How our clients keep these rules, and what else a good one does: [clients.md](clients.md).
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
"""

_PROTOCOL_CODES: Final = f"""
### From the WebSocket protocol itself

What is no WebSocket frame as it should be ends the connection before any message is read from it. The same bytes would
end the next one as well, so a client should not come back at once, and should not send them again. Our clients take
these codes like a lost connection, and wait a random time within the back-off:
{_BACKOFF}.
"""

_CODES_HEAD: Final = """
| code | name | reconnect | |
|---|---|---|---|
"""


def files() -> dict[Path, str]:
    """Return what is written: each file with its content."""
    described = asyncapi_document(version=version("showdrop"))
    return {
        DIRECTORY / "wire.md": document(),
        DIRECTORY / "asyncapi.json": msgspec.json.format(msgspec.json.encode(described), indent=2).decode() + "\n",
    }


def document() -> str:
    """Return the whole of ``docs/wire.md``."""
    sections = [
        _INTRO,
        "## Client to server\n",
        *_messages(CLIENT),
        *(section for group in SERVER for section in _told(group)),
        "## What messages carry\n",
        *(f"### {one.__name__}\n\n{words_of(one)}\n\n{_fields(one)}" for one in parts()),
        _RESUME,
        _close_codes(),
        _example(),
    ]
    return "\n".join(sections)


def _told(group: Group) -> Iterator[str]:
    yield f"## Server to client: {group.name}\n" + (f"\n{group.note}\n" if group.note else "")
    yield from _messages(group)


def _messages(group: Group) -> Iterator[str]:
    for message in group.messages:
        yield f"### `{tag_of(message)}`\n\n{words_of(message)}\n\n{_fields(message)}"


def _fields(struct: Struct) -> str:
    fields = fields_of(struct)
    if not fields:
        return ""
    rows = [f"| `{one.encode_name}` | {_type(one.type)} | {_presence(one)} |" for one in fields]
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


def _close_codes() -> str:
    return _RANGES + _codes(close_codes()) + _PROTOCOL_CODES + _codes(PROTOCOL_CLOSE_CODES)


def _codes(codes: Iterable[CloseCodeEntry]) -> str:
    return _CODES_HEAD + "".join(
        f"| {one.code} | `{one.name}` | {'yes' if one.reconnect else 'no'} | {one.words} |\n" for one in codes
    )


def _example() -> str:
    lines = [
        f"{'->' if isinstance(message, wire.ClientMessage) else '<-'} {wire.encode_json(message).decode()}\n"
        for message in SESSION
    ]
    return "## An example\n\n`->` is sent by the client, `<-` by the server.\n\n```\n" + "".join(lines) + "```\n"


def main() -> None:
    """Write the documents."""
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {path}\n")


if __name__ == "__main__":
    main()
