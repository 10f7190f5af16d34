"""The AsyncAPI 3.0 document of the viewers' WebSocket, made from ``live/wire.py``. Pure.

It speaks as the client does: ``send`` is what a viewer's program sends, ``receive`` is what the gateway tells it.
"""

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from live import limits, wire
from live.wire_catalogue import (
    BUYER,
    CLIENT,
    LOG,
    MESSAGES,
    PROTOCOL_CLOSE_CODES,
    SERVER,
    STATE,
    Group,
    Struct,
    close_codes,
    fields_of,
    parts,
    tag_of,
    words_of,
)
from live.wire_examples import examples_of

Json = dict[str, object]

SCHEMA_REF: Final = "#/components/schemas/{name}"
JSON_CONTENT: Final = "application/json"
MSGPACK_CONTENT: Final = "application/vnd.msgpack"

REPLIES: Final[dict[Struct, tuple[Struct, ...]]] = {
    wire.Hello: (wire.Welcome,),
    wire.Claim: (wire.ClaimAccepted, wire.ClaimRefused, wire.ClaimEntered),
    wire.Checkout: (
        wire.OrderSubmitted,
        wire.OrderAction,
        wire.OrderConfirmed,
        wire.OrderDeclined,
        wire.OrderRefunded,
        wire.OrderUnfulfillable,
        wire.Error,
    ),
    wire.Release: (wire.HoldReleased, wire.HoldChanged, wire.HoldExpired, wire.Error),
    wire.Extend: (wire.HoldChanged, wire.HoldExpired, wire.HoldReleased, wire.Error),
    wire.WaitlistJoin: (wire.WaitlistJoined, wire.WaitlistRefused),
    wire.WaitlistLeave: (wire.WaitlistLeft, wire.WaitlistRefused),
    wire.Ping: (wire.Pong,),
}
"""What answers what. ``react`` has no answer of its own."""

_END: Final = Group(
    name="errors and the end",
    note="`error` when a message could not be served, `goodbye` before the gateway closes.",
    messages=(wire.Error, wire.Goodbye),
)
_HEARD: Final[dict[str, Group]] = {
    "receive_show_log": LOG,
    "receive_buyers_own": BUYER,
    "receive_state": STATE,
    "receive_end": _END,
}
"""What comes unasked, by the name of its operation."""

# The field that ties a message to what it answers; the first that a message has.
_CORRELATIONS: Final = {
    "claim_id": "The client made it with the claim; each answer repeats it.",
    "hold_id": "The hold that a checkout, release or extend named, and that the news are about.",
}

_ABOUT: Final = """\
What a viewer's program and the gateway of a live-shopping show say to each other, **from the client's point of view**:
the operations with `send` are messages that the client sends, those with `receive` are messages that it gets.

One message per frame, `{"type": …}`; the first one of a client is `hello`. Times are integer milliseconds since the
epoch (`*_at_ms`), durations `*_ms`, money integer minor units. Unknown fields from a client are refused; a client has
to ignore fields and message types that it does not know. The rules for positions, resume and reconnecting are in
`docs/wire.md`, which is made from the same types."""

_CHANNEL: Final = f"""\
The one connection of a viewer to a show. The client offers `{wire.JSON_SUBPROTOCOL}` (text frames, one JSON object
each; also when it offers nothing) or `{wire.MSGPACK_SUBPROTOCOL}` (binary frames, one MessagePack map each, with the
same names). AsyncAPI gives a message one content type, so the messages here say `{JSON_CONTENT}`; `x-subprotocols` has
both. One message of a client has at most {limits.MESSAGE_MAX_BYTES} bytes.

Too many connections: the upgrade is answered 503 with `Retry-After`. A browser's `Origin` that is not allowed: 403.
Why the gateway closes is in `x-close-codes`; `reconnect` tells whether a client comes back by
itself; after 1002, 1007, 1009 and 1011, which come from the WebSocket protocol, never at once."""


def asyncapi_document(*, version: str, ws_url: str | None = None) -> Json:
    """Return the document.

    Args:
        version: of the program.
        ws_url: base address of the gateway, such as ``wss://live.example.com``; None: left to the reader, as a
            variable of the server.
    """
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Showdrop, the viewers' WebSocket",
            "version": version,
            "description": _ABOUT,
            "tags": [_tag(group) for group in (CLIENT, *SERVER)],
        },
        "defaultContentType": JSON_CONTENT,
        "servers": {"gateway": _server(ws_url)},
        "channels": {"live": _channel()},
        "operations": _operations(),
        "components": {
            "messages": {tag_of(one): _message(one, group) for group in (CLIENT, *SERVER) for one in group.messages},
            "schemas": _schemas(),
            "correlationIds": {
                field: {"location": f"$message.payload#/{field}", "description": said}
                for field, said in _CORRELATIONS.items()
            },
        },
    }


def _server(ws_url: str | None) -> Json:
    said = "The gateway, which listens on its own port."
    if ws_url is None:
        host: Json = {
            "default": "127.0.0.1:8001",
            "description": "Host and port of the gateway. Behind a TLS proxy the protocol is wss.",
        }
        return {"host": "{host}", "protocol": "ws", "description": said, "variables": {"host": host}}
    url = urlsplit(ws_url)
    server: Json = {"host": url.netloc.rpartition("@")[2], "protocol": url.scheme, "description": said}
    path = url.path.rstrip("/")
    return {**server, "pathname": path} if path else server


def _channel() -> Json:
    offered: Json = {
        "type": "string",
        "enum": [wire.JSON_SUBPROTOCOL, wire.MSGPACK_SUBPROTOCOL],
        "default": wire.JSON_SUBPROTOCOL,
        "description": "How messages are encoded.",
    }
    return {
        "address": "/v1/shows/{show_id}/live",
        "title": "A live show",
        "description": _CHANNEL,
        "servers": [{"$ref": "#/servers/gateway"}],
        "parameters": {
            "show_id": {"description": "The show, `show_` and a ULID.", "examples": ["show_01K8Z5Q4T9V3N6C7M2R8X1B5DA"]}
        },
        "messages": {tag_of(one): {"$ref": f"#/components/messages/{tag_of(one)}"} for one in MESSAGES},
        "bindings": {
            "ws": {
                "method": "GET",
                "headers": {"type": "object", "properties": {"Sec-WebSocket-Protocol": offered}},
                "bindingVersion": "0.1.0",
            }
        },
        "x-subprotocols": {
            wire.JSON_SUBPROTOCOL: {"contentType": JSON_CONTENT, "frames": "text"},
            wire.MSGPACK_SUBPROTOCOL: {"contentType": MSGPACK_CONTENT, "frames": "binary"},
        },
        "x-close-codes": [
            {"code": one.code, "name": one.name, "reconnect": one.reconnect, "description": one.words}
            for one in (*PROTOCOL_CLOSE_CODES, *close_codes())
        ],
    }


def _operations() -> Json:
    operations: Json = {f"send_{tag_of(one).replace('.', '_')}": _send(one) for one in CLIENT.messages}
    for name, group in _HEARD.items():
        operations[name] = {
            "action": "receive",
            "channel": {"$ref": "#/channels/live"},
            "summary": f"{group.name[0].upper()}{group.name[1:]}. {group.note}",
            "messages": _of_channel(group.messages),
        }
    return operations


def _send(message: Struct) -> Json:
    operation: Json = {
        "action": "send",
        "channel": {"$ref": "#/channels/live"},
        "summary": words_of(message),
        "messages": _of_channel((message,)),
    }
    answers = REPLIES.get(message)
    if answers is None:
        return operation
    return {**operation, "reply": {"channel": {"$ref": "#/channels/live"}, "messages": _of_channel(answers)}}


def _of_channel(messages: tuple[Struct, ...]) -> list[Json]:
    return [{"$ref": f"#/channels/live/messages/{tag_of(one)}"} for one in messages]


def _message(message: Struct, group: Group) -> Json:
    described: Json = {
        "name": tag_of(message),
        "title": _title(message),
        "summary": words_of(message),
        "tags": [{"name": group.name}],
        "payload": {"$ref": SCHEMA_REF.format(name=message.__name__)},
        "examples": [{"payload": msgspec.to_builtins(one)} for one in examples_of(message)],
    }
    names = {field.encode_name for field in fields_of(message)}
    tie = next((field for field in _CORRELATIONS if field in names), None)
    return described if tie is None else {**described, "correlationId": {"$ref": f"#/components/correlationIds/{tie}"}}


def _schemas() -> Json:
    structs = [*MESSAGES, *parts()]
    _, schemas = msgspec.json.schema_components(structs, ref_template=SCHEMA_REF)
    return {one.__name__: {**schemas[one.__name__], "description": words_of(one)} for one in structs}


def _title(message: Struct) -> str:
    """Return a type's name as words: ``ClaimAccepted`` is "Claim accepted"."""
    return re.sub(r"(?<=[a-z])([A-Z])", r" \1", message.__name__).capitalize()


def _tag(group: Group) -> Json:
    return {"name": group.name, "description": group.note} if group.note else {"name": group.name}
