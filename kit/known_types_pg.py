"""A connection that does not ask the server again what an array of numbers is.

asyncpg asks about each type that it does not know, once per connection and statement: also about arrays of Postgres's
own types (its issue 1272). Planning that question takes the server some ten milliseconds, and a connection that
is opened in the first moment of a drop has several such statements before it.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final, Protocol

import asyncpg

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]
else:  # generic for type checkers only
    _Connection = asyncpg.Connection

FIRST_OF_USERS: Final = 16_384
"""The lowest number of a type that somebody made (``FirstNormalObjectId``); those below are the same everywhere."""


class _Statement(Protocol):
    """What asyncpg wants to know of the statement it asked with: one without a name took the place of another."""

    @property
    def name(self) -> str: ...


class _NotAsked:
    name: Final = "none"


_known: dict[int, asyncpg.Record] = {}
"""What servers have told this process of Postgres's own types, by number; what a type is made of comes before it."""


class TypedConnection(_Connection):
    """Asks about Postgres's own types once per process, and about others once per connection."""

    async def _introspect_types(
        self, typeoids: Collection[int], timeout: float | None
    ) -> tuple[Sequence[asyncpg.Record], _Statement]:
        if all(oid in _known for oid in typeoids):
            return list(_known.values()), _NotAsked()
        told: Sequence[asyncpg.Record]
        statement: _Statement
        told, statement = await super()._introspect_types(typeoids, timeout)  # type: ignore[misc] # not in its types
        for one in told:
            if one["oid"] < FIRST_OF_USERS:
                _known.setdefault(one["oid"], one)
        return told, statement
