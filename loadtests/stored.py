"""What is kept in Redis and Postgres, kind by kind, so that their growth over a soak can be explained; pure."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

_ID: Final = re.compile(r"(?<![A-Za-z])(?:[a-z]+_)?[0-9A-HJKMNP-TV-Z]{26}|\d+")
"""What differs between two keys of one kind: ids and numbers."""


class Kept(msgspec.Struct, frozen=True):
    """Things of one kind: keys of Redis, or rows of a table of Postgres."""

    count: int
    size_bytes: int


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one kind over a soak."""

    store: str
    kind: str
    before: Kept
    after: Kept


def kind_of(key: str) -> str:
    """Return a key with its ids and numbers left out."""
    return _ID.sub("*", key)


def by_kind(keys: Iterable[tuple[str, int]]) -> dict[str, Kept]:
    """Add up keys and their bytes by kind."""
    found: dict[str, Kept] = {}
    for key, size_bytes in keys:
        kind = kind_of(key)
        old = found.get(kind, Kept(0, 0))
        found[kind] = Kept(old.count + 1, old.size_bytes + size_bytes)
    return found


def growths(store: str, before: Mapping[str, Kept], after: Mapping[str, Kept]) -> list[Growth]:
    """Return every kind that grew or shrank, the largest change first."""
    none = Kept(0, 0)
    found = [
        Growth(store=store, kind=kind, before=before.get(kind, none), after=after.get(kind, none))
        for kind in {*before, *after}
        if before.get(kind, none) != after.get(kind, none)
    ]
    return sorted(found, key=lambda one: (-abs(one.after.size_bytes - one.before.size_bytes), one.kind))
