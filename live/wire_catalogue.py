"""Which messages there are, in which group, and their words: read out of the types, for the documents made of them.

``wire_docs.py`` writes it for people, ``asyncapi.py`` for programs.
"""

import ast
import inspect
import itertools
from collections.abc import Iterable
from typing import Final, get_args

import msgspec
from msgspec import inspect as types

from live import wire
from live.close_codes import CloseCode, may_reconnect

Struct = type[msgspec.Struct]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that belong together.

    Attributes:
        name: what the group is called, within a sentence.
        note: to whom they go, and what may be counted on; empty where there is nothing to say.
        messages: their types.
    """

    name: str
    note: str = ""
    messages: tuple[Struct, ...]


class CloseCodeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A close code as the documents show it; ``reconnect``: whether a client comes back by itself."""

    code: int
    name: str
    reconnect: bool
    words: str


_TOLD: Final[tuple[Struct, ...]] = get_args(wire.ServerMessages)

CLIENT: Final = Group(name="client to server", messages=get_args(wire.ClientMessages))
LOG: Final = Group(
    name="the show log",
    note="To everyone, in the order of `seq`, without a gap.",
    messages=get_args(wire.LogEvents),
)
BUYER: Final = Group(
    name="the buyer's own",
    note="On every open connection of this buyer, and of nobody else.",
    messages=get_args(wire.BuyerEvents),
)
STATE: Final = Group(
    name="state",
    note="To everyone; what is now, not what happened.",
    messages=(wire.OfferStock, wire.Viewers, wire.Reactions),
)
ANSWERS: Final = Group(
    name="answers and the connection",
    messages=tuple(one for one in _TOLD if one not in {*LOG.messages, *BUYER.messages, *STATE.messages}),
)

SERVER: Final = (ANSWERS, LOG, BUYER, STATE)
"""The groups that the server sends, in the order of the documents."""

MESSAGES: Final[tuple[Struct, ...]] = tuple(one for group in (CLIENT, *SERVER) for one in group.messages)
"""Every message, in the order of the documents."""


PROTOCOL_CLOSE_CODES: Final = (
    CloseCodeEntry(
        code=1002,
        name="PROTOCOL_ERROR",
        reconnect=may_reconnect(1002),
        words="A frame that breaks the protocol: unmasked, reserved bits, fragments out of order.",
    ),
    CloseCodeEntry(
        code=1007,
        name="INVALID_DATA",
        reconnect=may_reconnect(1007),
        words="The reason in the client's close frame is no UTF-8. (A message that is none gets 4501.)",
    ),
    CloseCodeEntry(
        code=1009,
        name="MESSAGE_TOO_BIG",
        reconnect=may_reconnect(1009),
        words="A message longer than the limit, also when its fragments or what it unpacks to are.",
    ),
    CloseCodeEntry(
        code=1011,
        name="INTERNAL_ERROR",
        reconnect=may_reconnect(1011),
        words="The gateway failed while it read a frame; a bug in the gateway.",
    ),
)
"""What the gateway's frame reader closes with by itself. They are the protocol's (RFC 6455, 7.4.1), not ours."""


def tag_of(message: Struct) -> str:
    """Return the ``type`` of a message."""
    return str(message.__struct_config__.tag)


def words_of(struct: Struct) -> str:
    """Return what a type's docstring says to those who use the wire, as Markdown."""
    text, *_ = (inspect.getdoc(struct) or "").partition("\n\nAttributes:")
    return _markdown(text)


def fields_of(struct: Struct) -> tuple[types.Field, ...]:
    """Return the fields of a message or of a part of one, without ``type``."""
    info = types.type_info(struct)
    assert isinstance(info, types.StructType)
    return info.fields


def parts() -> list[Struct]:
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
                    look_into([info.cls])
            case _:
                pass

    def look_into(structs: Iterable[Struct]) -> None:
        for struct in structs:
            for field in fields_of(struct):
                visit(field.type)

    look_into(MESSAGES)
    return list(found)


def close_codes() -> list[CloseCodeEntry]:
    """Return every close code with its words."""
    [enum] = ast.parse(inspect.getsource(CloseCode)).body
    assert isinstance(enum, ast.ClassDef)
    found = []
    # Python forgets the docstring of an enum's member, so it is read where it stands: behind the member.
    for statement, words in itertools.pairwise(enum.body):
        match statement, words:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                code = CloseCode[name]
                entry = CloseCodeEntry(code=code.value, name=name, reconnect=may_reconnect(code), words=_markdown(text))
                found.append(entry)
            case _:
                pass
    return found


def _markdown(docstring: str) -> str:
    return docstring.replace("``", "`")
