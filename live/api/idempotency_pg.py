"""Idempotency-Key: the same request sent twice is carried out once and answered the same, byte for byte.

A row is written before the request is carried out. Its ``seed`` becomes the id of what the request creates, so that
a repeat after a crash between the commit and the answer finds what the first one made.
"""

import asyncio
import contextlib
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec

from kit.errors import ConflictError, InvalidError, UnavailableError
from kit.ids import new_ulid
from kit.postgres import Postgres
from kit.sql import Queries
from live.api.limits import (
    IDEMPOTENCY_KEPT_MS,
    IDEMPOTENCY_KEY_MAX_CHARS,
    IDEMPOTENCY_LOCK_MS,
    IDEMPOTENCY_PURGE_ROWS,
    IDEMPOTENCY_RENEW_S,
)

_sql = Queries(Path(__file__).parents[1] / "sql" / "idempotency.sql")
_KEY = re.compile(rf"[!-~]{{1,{IDEMPOTENCY_KEY_MAX_CHARS}}}")


class InProgressError(ConflictError):
    """The first request with this key is still under way."""

    default_code = "in_progress"
    temporary = True


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a request was answered.

    Attributes:
        body: JSON.
        headers: sent with the first answer only, not remembered.
        final: whether a repeat gets the same answer; false when trying again may end otherwise.
        replayed: whether it is an answer that was given before.
    """

    status: int
    body: bytes
    headers: dict[str, str] = {}
    final: bool = True
    replayed: bool = False


def check_key(key: str) -> str:
    """Return the key when it is one.

    Raises:
        InvalidError: it is empty, too long, or holds anything but visible ASCII characters.
    """
    if _KEY.fullmatch(key) is None:
        raise InvalidError(
            f"Idempotency-Key must be 1 to {IDEMPOTENCY_KEY_MAX_CHARS} visible ASCII characters, such as a UUID",
            field="Idempotency-Key",
        )
    return key


def request_hash(method: str, path: str, body_digest: bytes) -> bytes:
    """Return what tells one request from another under the same key."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body_digest).digest()


class Idempotency:
    """Remembers the answers to requests by subject and key, for a day.

    Args:
        postgres: where.
        renew_s: seconds between two signs of life of a request that is under way.
    """

    def __init__(self, postgres: Postgres, *, renew_s: float = IDEMPOTENCY_RENEW_S) -> None:
        self._postgres = postgres
        self._renew_s = renew_s

    async def once(
        self, subject: str, key: str, hashed_request: bytes, act: Callable[[str], Awaitable[Reply]]
    ) -> Reply:
        """Carry a request out, or return what it was answered before.

        Args:
            subject: who asks; keys of different subjects are different keys.
            key: a checked Idempotency-Key.
            hashed_request: from ``request_hash``.
            act: carries the request out; gets the seed, a ULID that is the same for every repeat.

        Raises:
            ConflictError: ``idempotency_key_reused`` - the key came with another request before.
            InProgressError: the first one is still under way.
            UnavailableError: Postgres does not answer.
        """
        begun = await self._begin(subject, key, hashed_request)
        if isinstance(begun, Reply):
            return begun
        try:
            async with self._renewing(subject, key):
                reply = await act(begun)
        except BaseException:
            await self._abandon(subject, key)
            raise
        if not reply.final:
            await self._abandon(subject, key)
            return reply
        async with self._postgres.connection() as connection:
            first = await connection.fetchrow(_sql.finish, subject, key, reply.status, reply.body)
        return reply if first is not None else await self._find(subject, key, hashed_request)

    async def purge(self) -> int:
        """Forget answers that are older than a day; returns how many."""
        purged = 0
        while True:
            async with self._postgres.connection() as connection:
                tag = await connection.execute(_sql.purge, IDEMPOTENCY_KEPT_MS, IDEMPOTENCY_PURGE_ROWS)
            count = int(tag.rpartition(" ")[2])
            purged += count
            if count < IDEMPOTENCY_PURGE_ROWS:
                return purged

    async def _begin(self, subject: str, key: str, hashed_request: bytes) -> str | Reply:
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.begin, subject, key, hashed_request, new_ulid(), IDEMPOTENCY_LOCK_MS)
        if row is not None:
            seed: str = row["seed"]
            return seed
        return await self._find(subject, key, hashed_request)

    async def _find(self, subject: str, key: str, hashed_request: bytes) -> Reply:
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.find, subject, key)
        if row is not None and row["request_hash"] != hashed_request:
            raise ConflictError(
                "this Idempotency-Key was used for another request; use a fresh one", code="idempotency_key_reused"
            )
        if row is None or row["status"] is None:
            raise InProgressError("the first request with this Idempotency-Key is still under way; ask again soon")
        return Reply(status=row["status"], body=row["body"], replayed=True)

    @contextlib.asynccontextmanager
    async def _renewing(self, subject: str, key: str) -> AsyncIterator[None]:
        renewing = asyncio.create_task(self._keep_alive(subject, key), name="idempotency-renew")
        try:
            yield
        finally:
            # Waited for: a renewal that came late would lock a key that was given up.
            renewing.cancel()
            await asyncio.wait((renewing,))

    async def _keep_alive(self, subject: str, key: str) -> None:
        while True:
            await asyncio.sleep(self._renew_s)
            with contextlib.suppress(UnavailableError):
                async with self._postgres.connection() as connection:
                    await connection.execute(_sql.renew, subject, key, IDEMPOTENCY_LOCK_MS)

    async def _abandon(self, subject: str, key: str) -> None:
        # Without Postgres the lock runs out by itself.
        with contextlib.suppress(UnavailableError):
            async with self._postgres.connection() as connection:
                await connection.execute(_sql.abandon, subject, key)
