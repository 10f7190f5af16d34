"""The hold book in Redis: one short Lua file per rule, one method per file (D1, D7)."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import Final, cast

from redis.exceptions import NoScriptError

from inventory.hold_ids import KEY_ATTEMPTS, born_ms_of, key_of
from inventory.hold_records import (
    NO_KEY_LEFT,
    news_field,
    pack_buyers,
    pack_claims,
    pack_ends,
    pack_orders,
    terms,
    unpack_claims,
    unpack_counts,
    unpack_hold,
    unpack_holds,
    unpack_news,
)
from inventory.holds import (
    ClaimAnswer,
    ClaimRequest,
    Hold,
    HoldAsked,
    HoldNews,
    InLine,
    JoinRefusal,
    LineUp,
    OpenOrder,
    OrderEnd,
    Pool,
    PoolCounts,
)
from inventory.limits import (
    BOOK_KEPT_S,
    BUYER_HOLDS_MOST,
    HOLD_EXTENSIONS_MOST,
    HOLD_LIFE_MOST_TTLS,
    HOLDS_OF_MOST_BUYERS,
    HOLDS_OF_MOST_CALLS,
    NEWS_MOST,
    STALE_MOST_PER_CALL,
    SWEEP_MOST_CALLS,
    WAITING_MOST,
)
from kit.errors import UnavailableError
from kit.redis_client import Command, RedisClient, Script, pipelined, pipelined_each

LUA: Final = Path(__file__).parent / "lua"
CLOCK: Final = LUA / "clock.lua"
_LINE_UP: Final[dict[int, LineUp]] = {1: "more", 0: "done", -1: "recovering"}
_KEY_NAMES: Final = ("pool", "holds", "buyers", "due", "submitted", "news", "waiting")


def _keys(pool_id: str) -> list[str]:
    return [f"{{{pool_id}}}:{name}" for name in _KEY_NAMES]


class RedisHolds:
    """Fills the port ``inventory.holds.Holds``.

    Args:
        redis: a client of one Redis or Valkey server, or of a cluster: every call stays within one hash tag.
        clock: the Lua file that tells the time.
        lua: the folder of the scripts.
    """

    def __init__(self, redis: RedisClient, *, clock: Path = CLOCK, lua: Path = LUA) -> None:
        self._redis = redis

        def script(name: str) -> Script:
            return Script(clock, lua / "book.lua", lua / "units.lua", lua / f"{name}.lua")

        self._open = script("open")
        self._prolong = script("prolong")
        self._claim_many = script("claim_many")
        self._extend = script("extend")
        self._submit = script("submit")
        self._release = script("release")
        self._resolve = script("resolve")
        self._join = script("join")
        self._leave = script("leave")
        self._line_up = script("line_up")
        self._sweep = script("sweep")
        self._freeze = script("freeze")
        self._rebuild = script("rebuild")
        self._snapshot = script("snapshot")
        self._holds_of = script("holds_of")
        self._stale = script("stale")
        self._overdue = script("overdue")

    async def open(self, pool: Pool) -> None:
        """Begin the book of a new pool; calling it again changes nothing."""
        await self._open(self._redis, _keys(pool.pool_id), terms(pool))

    async def prolong(self, pool: Pool) -> None:
        """Let the book know the pool's new ``ends_at_ms``."""
        await self._prolong(self._redis, _keys(pool.pool_id), [pool.epoch, pool.ends_at_ms])

    async def claim_many(self, pool: Pool, claims: Sequence[ClaimRequest]) -> list[ClaimAnswer]:
        """Decide claims in order; one answer per claim."""
        answers = await self._claim(pool, claims, 0)
        for attempt in range(1, KEY_ATTEMPTS):
            if None not in answers:
                break
            again = [place for place, answer in enumerate(answers) if answer is None]
            later = await self._claim(pool, [claims[place] for place in again], attempt)
            for place, answer in zip(again, later, strict=True):
                answers[place] = answer
        return [NO_KEY_LEFT if answer is None else answer for answer in answers]

    def claim_command(self, pool: Pool) -> list[str]:
        """Return the words of a call that decides claims, all but the last: for benchmarks of the script alone."""
        keys = _keys(pool.pool_id)
        return ["evalsha", self._claim_many.sha, str(len(keys)), *keys, str(pool.epoch), str(BUYER_HOLDS_MOST)]

    async def submit(self, pool_id: str, hold_id: str, buyer_id: str) -> Hold | None:
        """Turn a live hold into ``submitted``; returns the hold as it is afterwards."""
        return await self._change(self._submit, pool_id, hold_id, buyer_id)

    async def submit_many(self, asked: Sequence[HoldAsked]) -> list[Hold | UnavailableError | None]:
        """Do as ``submit`` for many holds, in one round trip; each has its own answer, or its own error."""
        calls = [
            (_keys(one.pool_id), (key_of(one.hold_id), str(born_ms_of(one.hold_id)), one.buyer_id)) for one in asked
        ]
        answers: list[Hold | UnavailableError | None] = []
        for one, reply in zip(asked, await self._each_or_error(self._submit, calls), strict=True):
            if isinstance(reply, UnavailableError):
                answers.append(reply)
            else:
                packed = cast(bytes | None, reply)
                answers.append(None if packed is None else unpack_hold(one.pool_id, one.hold_id, packed))
        return answers

    async def extend(self, pool_id: str, hold_id: str, buyer_id: str, *, nth: int) -> Hold | None:
        """Give a live hold one hold time from now, as the buyer's ``nth`` extension."""
        return await self._change(
            self._extend, pool_id, hold_id, buyer_id, nth, HOLD_EXTENSIONS_MOST, HOLD_LIFE_MOST_TTLS
        )

    async def release(self, pool_id: str, hold_id: str, buyer_id: str, *, keep: int = 0) -> Hold | None:
        """Give a live hold's units back, all but ``keep``; returns the hold as it is afterwards."""
        return await self._change(self._release, pool_id, hold_id, buyer_id, keep)

    async def resolve(self, pool_id: str, ends: Sequence[OrderEnd]) -> None:
        """End holds as their orders ended; a sale counts whatever the book remembers of its hold."""
        if ends:
            await self._resolve(self._redis, _keys(pool_id), [pack_ends(ends)])

    async def join(self, pool: Pool, buyer_id: str) -> InLine | JoinRefusal:
        """Let a buyer wait for one unit; who waits already keeps their place."""
        [answer] = await self.join_many(pool, [buyer_id])
        return answer

    async def join_many(self, pool: Pool, buyer_ids: Sequence[str]) -> list[InLine | JoinRefusal]:
        """Do as ``join`` for many buyers, in order; one answer each."""
        args: list[str | int | bytes] = [pool.epoch, WAITING_MOST, *buyer_ids]
        replies = cast(list[int | bytes], await self._join(self._redis, _keys(pool.pool_id), args))
        return [
            InLine(place=reply) if isinstance(reply, int) else cast(JoinRefusal, reply.decode()) for reply in replies
        ]

    async def leave(self, pool_id: str, buyer_id: str) -> bool:
        """Let a buyer wait no more; returns whether they waited."""
        return await self._leave(self._redis, _keys(pool_id), [buyer_id]) == 1

    async def line_up(self, pool: Pool, buyer_ids: Sequence[str], *, first: int, last: bool) -> LineUp:
        """Let those who entered a draw wait in the drawn order, a page at a time."""
        args: list[str | int | bytes] = [pool.epoch, first, int(last), pack_buyers(buyer_ids)]
        return _LINE_UP[cast(int, await self._line_up(self._redis, _keys(pool.pool_id), args))]

    async def sweep(self, pool_ids: Sequence[str], *, releasing: Container[str] = ()) -> list[HoldNews]:
        """Expire overdue holds of these pools; return what buyers have not been told yet."""
        found: dict[tuple[str, bytes], HoldNews] = {}
        left = list(pool_ids)
        for _ in range(SWEEP_MOST_CALLS):
            calls = [(_keys(one), (str(int(one in releasing)), str(NEWS_MOST))) for one in left]
            again = []
            for pool_id, reply in zip(left, await self._each(self._sweep, calls), strict=True):
                if reply is None:
                    continue
                more, pool_no, *flat = cast(list[bytes], reply)
                fields = flat[::2]
                for field, news in zip(fields, unpack_news(pool_id, int(pool_no), flat), strict=True):
                    found[pool_id, field] = news
                if int(more):
                    again.append(pool_id)
            left = again
            if not left or len(found) >= NEWS_MOST:
                break
        # A hold that came from the waiting list and ended meanwhile: its buyer hears of both, in that order.
        return sorted(found.values(), key=lambda news: news.what != "promoted")

    async def overdue_ms(self, pool_ids: Sequence[str]) -> int:
        """Return how long the longest overdue hold should have ended; 0 when none is."""
        replies = await self._each(self._overdue, [(_keys(pool_id), ()) for pool_id in pool_ids])
        return max((cast(int, reply) for reply in replies if reply is not None), default=0)

    async def told(self, news: Sequence[HoldNews]) -> None:
        """Forget what buyers have been told."""
        await pipelined(self._redis, [("HDEL", f"{{{one.pool_id}}}:news", news_field(one)) for one in news])

    async def freeze(self, pool_id: str) -> None:
        """Take no more claims, for good, and let those who wait go."""
        await self._freeze(self._redis, _keys(pool_id), [])

    async def rebuild(self, pool: Pool, orders: Sequence[OpenOrder], *, closed: bool) -> None:
        """Begin ``pool.epoch``: keep what survived and agrees with Postgres, take the rest from ``orders``."""
        args: list[str | int | bytes] = [*terms(pool), int(closed), pack_orders(orders)]
        await self._rebuild(self._redis, _keys(pool.pool_id), args)

    async def counts(self, pool_ids: Sequence[str]) -> list[PoolCounts]:
        """Return the counters of these pools, in one round trip."""
        replies = await self._at_once(self._snapshot, [(_keys(pool_id), ()) for pool_id in pool_ids])
        return [unpack_counts(cast(list[bytes | int], reply)) for reply in replies]

    async def counts_each(self, pool_ids: Sequence[str]) -> list[PoolCounts | None]:
        """Return the counters of these pools; None for a pool whose own server does not answer."""
        replies = await self._each(self._snapshot, [(_keys(pool_id), ()) for pool_id in pool_ids])
        return [None if reply is None else unpack_counts(cast(list[bytes | int], reply)) for reply in replies]

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
                holds = unpack_holds(pool_id, cast(list[bytes | None], reply))
                # A rebuilt book lists the holds of orders before those that survived.
                for hold in sorted(holds, key=lambda one: born_ms_of(one.hold_id)):
                    found.setdefault(hold.buyer_id, []).append(hold)
        return found

    async def stale_submissions(self, pool_id: str, *, older_than_ms: int) -> list[Hold]:
        """Return holds submitted that long ago and not resolved."""
        found: list[Hold] = []
        while True:
            args: list[str | int | bytes] = [older_than_ms, len(found), STALE_MOST_PER_CALL]
            reply = await self._stale(self._redis, _keys(pool_id), args)
            page = unpack_holds(pool_id, cast(list[bytes | None], reply))
            found += page
            if len(page) < STALE_MOST_PER_CALL:
                return found

    async def retire(self, pool_id: str) -> None:
        """Let the book of a closed pool vanish a day from now."""
        await pipelined(self._redis, [("EXPIRE", key, BOOK_KEPT_S) for key in _keys(pool_id)])

    async def _claim(self, pool: Pool, claims: Sequence[ClaimRequest], attempt: int) -> list[ClaimAnswer | None]:
        packed = pack_claims(claims, attempt)
        reply = await self._claim_many(self._redis, _keys(pool.pool_id), [pool.epoch, BUYER_HOLDS_MOST, packed])
        return unpack_claims(cast(bytes, reply), pool.pool_no, claims, attempt)

    async def _change(self, script: Script, pool_id: str, hold_id: str, buyer_id: str, *more: int) -> Hold | None:
        args: list[str | int | bytes] = [key_of(hold_id), born_ms_of(hold_id), buyer_id, *more]
        reply = await script(self._redis, _keys(pool_id), args)
        return None if reply is None else unpack_hold(pool_id, hold_id, cast(bytes, reply))

    async def _pools_with_holds(self, pool_ids: Sequence[str]) -> list[str]:
        """Return the pools in which anybody has a hold: of all the offers of a show that is one or two."""
        # A hold is due or submitted for as long as it lives.
        asked: list[Command] = [("EXISTS", f"{{{one}}}:due", f"{{{one}}}:submitted") for one in pool_ids]
        return [one for one, there in zip(pool_ids, await pipelined(self._redis, asked), strict=True) if there]

    async def _at_once(self, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[object]:
        """Call a script that may run twice for each pair of keys and arguments, in one round trip."""
        try:
            return await pipelined(self._redis, _by_sha(script, calls))
        except NoScriptError:
            return await pipelined(self._redis, _by_source(script, calls))

    async def _each_or_error(
        self, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[str]]]
    ) -> list[object]:
        """Do as ``_at_once``, with an ``UnavailableError`` where a server did not answer."""
        try:
            return await pipelined_each(self._redis, _by_sha(script, calls))
        except NoScriptError:
            return await pipelined_each(self._redis, _by_source(script, calls))

    async def _each(self, script: Script, calls: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[object | None]:
        """Do as ``_at_once``, with None where a server did not answer; raise if none did."""
        replies = await self._each_or_error(script, calls)
        lost = [reply for reply in replies if isinstance(reply, UnavailableError)]
        if lost and len(lost) == len(replies):
            raise lost[0]
        return [None if isinstance(reply, UnavailableError) else reply for reply in replies]


def _by_sha(script: Script, calls: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[Command]:
    return [("EVALSHA", script.sha, len(keys), *keys, *args) for keys, args in calls]


def _by_source(script: Script, calls: Sequence[tuple[Sequence[str], Sequence[str]]]) -> list[Command]:
    return [("EVAL", script.source, len(keys), *keys, *args) for keys, args in calls]
