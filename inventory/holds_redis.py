"""The hold book in Redis: one short Lua file per rule, one method per file (D1, D7)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from inventory.holds import (
    Accepted,
    ClaimAnswer,
    ClaimRequest,
    EndedHold,
    Hold,
    HoldEnd,
    HoldStatus,
    OpenOrder,
    Pool,
    PoolCounts,
    Refusal,
    Refused,
)
from inventory.limits import BOOK_KEPT_S, HOLDS_OF_MOST_BUYERS, HOLDS_OF_MOST_CALLS, SWEEP_MOST_HOLDS
from kit.ids import new_hold_ids
from kit.redis_client import Command, Script, pipelined, redis_errors

_LUA = Path(__file__).parent / "lua"
_KEY_NAMES = ("pool", "holds", "claims", "buyers", "due", "submitted", "ended")
_COUNTS = ("epoch", "allocated", "available", "held", "sold")


def _script(name: str) -> Script:
    return Script(_LUA / "book.lua", _LUA / f"{name}.lua")


def _keys(pool_id: str) -> list[str]:
    return [f"{{{pool_id}}}:{name}" for name in _KEY_NAMES]


class RedisHolds:
    """Fills the port ``inventory.holds.Holds``.

    Args:
        redis: a client of one Redis or Valkey server, or of a cluster: every call stays within one hash tag.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._open = _script("open")
        self._extend = _script("extend")
        self._claim_many = _script("claim_many")
        self._submit = _script("submit")
        self._release = _script("release")
        self._resolve = _script("resolve")
        self._sweep = _script("sweep")
        self._close = _script("close")
        self._rebuild = _script("rebuild")
        self._holds_of = _script("holds_of")
        self._stale = _script("stale")

    async def open(self, pool: Pool) -> None:
        """Begin the book of a new pool; calling it again changes nothing."""
        await self._open(self._redis, _keys(pool.pool_id), _terms(pool))

    async def extend(self, pool: Pool) -> None:
        """Let the book know the pool's new ``ends_at_ms``."""
        await self._extend(self._redis, _keys(pool.pool_id), [pool.epoch, pool.ends_at_ms])

    async def claim_many(self, pool: Pool, claims: Sequence[ClaimRequest]) -> list[ClaimAnswer]:
        """Decide claims in order; one answer per claim."""
        args: list[str | int | bytes] = [pool.epoch]
        for claim, hold_id in zip(claims, new_hold_ids(pool.pool_no, len(claims)), strict=True):
            args += (claim.claim_id, claim.buyer_id, claim.quantity, hold_id)
        reply = cast(list[bytes], await self._claim_many(self._redis, _keys(pool.pool_id), args))
        return [_answer(one) for one in reply]

    async def submit(self, pool_id: str, hold_id: str, buyer_id: str) -> Hold | None:
        """Turn a live hold into ``submitted``; returns the hold as it is afterwards."""
        reply = await self._submit(self._redis, _keys(pool_id), [hold_id, buyer_id])
        return _hold(pool_id, hold_id, cast(bytes | None, reply))

    async def release(self, pool_id: str, hold_id: str, buyer_id: str) -> Hold | None:
        """Give a live hold back; returns the hold as it is afterwards."""
        reply = await self._release(self._redis, _keys(pool_id), [hold_id, buyer_id])
        return _hold(pool_id, hold_id, cast(bytes | None, reply))

    async def resolve(self, pool_id: str, ends: Sequence[tuple[str, Literal["sold", "released"]]]) -> None:
        """End submitted holds as their orders ended."""
        if ends:
            await self._resolve(self._redis, _keys(pool_id), [part for end in ends for part in end])

    async def sweep(self, pool_ids: Sequence[str]) -> list[EndedHold]:
        """Expire overdue holds of these pools; return the ends that buyers have not been told yet."""
        ended: list[EndedHold] = []
        for pool_id in pool_ids:
            reply = cast(list[bytes], await self._sweep(self._redis, _keys(pool_id), [SWEEP_MOST_HOLDS]))
            for hold_id, packed in zip(reply[::2], reply[1::2], strict=True):
                buyer_id, end = msgspec.msgpack.decode(packed, type=tuple[str, HoldEnd])
                ended.append(EndedHold(hold_id=hold_id.decode(), pool_id=pool_id, buyer_id=buyer_id, end=end))
        return ended

    async def told(self, ends: Sequence[EndedHold]) -> None:
        """Forget ends that buyers have been told."""
        if not ends:
            return
        await pipelined(self._redis, [("HDEL", f"{{{end.pool_id}}}:ended", end.hold_id) for end in ends])

    async def close(self, pool_id: str, *, release_holds: bool) -> PoolCounts:
        """Take no more claims, for good; with ``release_holds`` also end live holds that are not submitted."""
        reply = await self._close(self._redis, _keys(pool_id), [int(release_holds)])
        return _pool_counts(cast(list[bytes | None], reply))

    async def rebuild(self, pool: Pool, orders: Sequence[OpenOrder], *, closed: bool) -> PoolCounts:
        """Begin ``pool.epoch``: keep what survived and agrees with Postgres, take the rest from ``orders``."""
        args = [*_terms(pool), int(closed)]
        for order in orders:
            args += (order.hold_id, order.buyer_id, order.quantity, order.status)
        reply = await self._rebuild(self._redis, _keys(pool.pool_id), args)
        return _pool_counts(cast(list[bytes | None], reply))

    async def counts(self, pool_ids: Sequence[str]) -> list[PoolCounts]:
        """Return the counters of these pools, in one round trip."""
        if not pool_ids:
            return []
        rows = await pipelined(self._redis, [("HMGET", _keys(pool_id)[0], *_COUNTS) for pool_id in pool_ids])
        return [_pool_counts(row) for row in rows]

    async def holds_of(self, pool_ids: Sequence[str], buyer_ids: Sequence[str]) -> dict[str, list[Hold]]:
        """Return the live and submitted holds that these buyers have in these pools; who has none is left out."""
        found: dict[str, list[Hold]] = {}
        calls = [
            (pool_id, buyer_ids[at : at + HOLDS_OF_MOST_BUYERS])
            for pool_id in await self._pools_with_holds(pool_ids)
            for at in range(0, len(buyer_ids), HOLDS_OF_MOST_BUYERS)
        ]
        for at in range(0, len(calls), HOLDS_OF_MOST_CALLS):
            some = calls[at : at + HOLDS_OF_MOST_CALLS]
            replies = await self._at_once(self._holds_of, [(_keys(pool_id), buyers) for pool_id, buyers in some])
            for (pool_id, _), reply in zip(some, replies, strict=True):
                for hold in _holds(pool_id, reply):
                    found.setdefault(hold.buyer_id, []).append(hold)
        return found

    async def stale_submissions(self, pool_id: str, *, older_than_ms: int) -> list[Hold]:
        """Return holds submitted that long ago and not resolved."""
        return _holds(pool_id, await self._stale(self._redis, _keys(pool_id), [older_than_ms]))

    async def retire(self, pool_id: str) -> None:
        """Let the book of a closed pool vanish a day from now."""
        await pipelined(self._redis, [("EXPIRE", key, BOOK_KEPT_S) for key in _keys(pool_id)])

    async def run_id(self) -> str:
        """Return what names this life of the Redis server: another one may have forgotten something."""
        with redis_errors():
            return str((await self._redis.info("server"))["run_id"])

    async def _pools_with_holds(self, pool_ids: Sequence[str]) -> list[str]:
        """Return the pools in which anybody has a hold: of all the offers of a show that is one or two."""
        if not pool_ids:
            return []
        # A hold is due or submitted for as long as it lives.
        asked: list[Command] = [("EXISTS", f"{{{one}}}:due", f"{{{one}}}:submitted") for one in pool_ids]
        return [one for one, there in zip(pool_ids, await pipelined(self._redis, asked), strict=True) if there]

    async def _at_once(self, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[object]:
        """Call a script that changes nothing for each pair of keys and arguments, in one round trip."""
        try:
            return await pipelined(self._redis, [("EVALSHA", script.sha, len(k), *k, *args) for k, args in calls])
        except NoScriptError:
            return await pipelined(self._redis, [("EVAL", script.source, len(k), *k, *args) for k, args in calls])


def _terms(pool: Pool) -> list[str | int | bytes]:
    return [
        pool.epoch,
        pool.allocated,
        pool.per_buyer_limit,
        pool.starts_at_ms,
        pool.ends_at_ms,
        pool.grace_ms,
        pool.hold_ttl_ms,
    ]


def _answer(reply: bytes) -> ClaimAnswer:
    text = reply.decode()
    if text[0] in "!?":
        return Refused(reason=cast(Refusal, text[1:]), temporary=text[0] == "?")
    hold_id, expires_at_ms = text.split(" ")
    return Accepted(hold_id=hold_id, expires_at_ms=int(expires_at_ms))


def _hold(pool_id: str, hold_id: str, packed: bytes | None) -> Hold | None:
    if packed is None:
        return None
    status, buyer_id, quantity, expires_at_ms, claim_id = msgspec.msgpack.decode(
        packed, type=tuple[HoldStatus, str, int, int, str]
    )
    return Hold(
        hold_id=hold_id,
        pool_id=pool_id,
        buyer_id=buyer_id,
        claim_id=claim_id,
        quantity=quantity,
        expires_at_ms=expires_at_ms,
        status=status,
    )


def _holds(pool_id: str, reply: object) -> list[Hold]:
    flat = cast(list[bytes], reply)
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [hold for hold_id, packed in pairs if (hold := _hold(pool_id, hold_id.decode(), packed)) is not None]


def _pool_counts(row: Sequence[bytes | None]) -> PoolCounts:
    if not row or row[0] is None:
        return PoolCounts()
    epoch, allocated, available, held, sold = (int(value or 0) for value in row)
    return PoolCounts(epoch=epoch, allocated=allocated, available=available, held=held, sold=sold)
