"""What the type of a field takes, found by the field's path: a refusal says it in words. Pure."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

import msgspec
from msgspec.inspect import DictType, ListType, LiteralType, Metadata, StructType, Type, UnionType

_STEP: Final = re.compile(r"\[[^\]]*\]|[^.\[\]]+")


def choices_at(as_type: type[msgspec.Struct], place: str) -> list[str]:
    """Return the values that a field takes, sorted; none when it is not a choice.

    Args:
        as_type: the body or query.
        place: the field's path as msgspec says it, without ``$.``, such as ``events[0]``.
    """
    return [str(value) for kind in _kinds(as_type, place) if isinstance(kind, LiteralType) for value in kind.values]


def said_at(as_type: type[msgspec.Struct], place: str) -> str | None:
    """Return the description of a field's type; None when it has none. The arguments are those of ``choices_at``."""
    for kind in _kinds(as_type, place):
        if isinstance(kind, Metadata) and kind.extra_json_schema:
            said = kind.extra_json_schema.get("description")
            if isinstance(said, str):
                return said
    return None


def _kinds(as_type: type[msgspec.Struct], place: str) -> Iterator[Type]:
    return _walk(_type_info(as_type), _STEP.findall(place))


@cache
def _type_info(as_type: type[msgspec.Struct]) -> Type:
    return msgspec.inspect.type_info(as_type)


def _walk(kind: Type, steps: Sequence[str]) -> Iterator[Type]:
    """Yield every type that a path may mean: the members of a union, and a type with and without its description."""
    if not steps:
        yield kind
    match kind:
        case Metadata():
            yield from _walk(kind.type, steps)
        case UnionType():
            for member in kind.types:
                yield from _walk(member, steps)
        case StructType() if steps:
            for field in kind.fields:
                if field.encode_name == steps[0]:
                    yield from _walk(field.type, steps[1:])
        case ListType() if steps:
            yield from _walk(kind.item_type, steps[1:])
        case DictType() if steps:
            yield from _walk(kind.value_type, steps[1:])
        case _:
            pass
