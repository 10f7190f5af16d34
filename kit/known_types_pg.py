"""A connection that does not ask the server again what an array of numbers is.

asyncpg asks about each type that it does not know, on each connection again: also about arrays of Postgres's own types
(its issue 1272). Planning that question takes the server some ten milliseconds, and a connection that is opened in the
first moment of a drop has several such statements before it.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import asyncpg

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:  # generic for type checkers only
    _Connection = asyncpg.Connection

FIRST_NOT_FIXED: Final = 10_000
"""The lowest number that is not given to a type by hand (``FirstGenbkiObjectId`` in ``transam.h`` of Postgres): types
below it are the same in every server, others may be other ones after an upgrade."""

_BASE: Final = b"b"
"""The kind of base types, and of all arrays: of those only the ones whose elements are known are kept. asyncpg cannot
read every row type, and one that it cannot, kept here, would be told to all connections."""


class _Statement(Protocol):
    """What asyncpg wants to know of the statement it asked with: one without a name took the place of another."""

    @property
    def name(self) -> str: ...


class _NotAsked:
    name: Final = "none"


_known: dict[int, asyncpg.Record] = {}
"""What servers have told this process of Postgres's own base types and their arrays, by number; elements come first."""


class TypedConnection(_Connection):
    """Asks about Postgres's own numbers, texts, and arrays of them once per process; about others as asyncpg does."""

    async def _introspect_types(
        self, typeoids: Collection[int], timeout: float | None
    ) -> tuple[Sequence[asyncpg.Record], _Statement]:
        if all(oid in _known for oid in typeoids):
            return list(_known.values()), _NotAsked()
        told: Sequence[asyncpg.Record]
        statement: _Statement
        told, statement = await super()._introspect_types(typeoids, timeout)  # type: ignore[misc] # not in its types
        for one in told:
            of_known = not one["elemtype"] or one["elemtype"] in _known
            if one["oid"] < FIRST_NOT_FIXED and one["kind"] == _BASE and of_known:
                _known.setdefault(one["oid"], one)
        return told, statement
