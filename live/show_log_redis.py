"""The logs in Redis: one script appends to a stream and publishes the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

from redis.asyncio import Redis

from kit.ids import new_ulid
from kit.redis_client import Command, Script, pipelined
from live.limits import LOG_KEPT_ENTRIES, LOG_KEPT_MS, LOG_MARK_KEPT_MS
from live.show_log import LogEntry, LogName
from live.wire import Position

_LUA = Path(__file__).parent / "lua"
_append = Script(_LUA / "log.lua", _LUA / "append.lua")
_post = Script(_LUA / "log.lua", _LUA / "post.lua")
_begin = Script(_LUA / "begin.lua")


def channel_of(name: LogName, show_id: str) -> str:
    """Return the pub/sub channel of a show's log."""
    return f"showdrop:{name}:{show_id}"


def parse_channel(channel: bytes) -> tuple[LogName, str]:
    """Return the log and the show that a pub/sub channel belongs to."""
    _, name, show_id = channel.decode().split(":", 2)
    return cast(LogName, name), show_id


def parse_message(message: bytes) -> list[LogEntry]:
    """Return the entries that a pub/sub message carries: at least one, in order, without a gap."""
    epoch, place, payloads = message.split(b" ", 2)
    first, _, sizes = place.partition(b"+")
    if not sizes:
        return [LogEntry(epoch.decode(), int(first), payloads)]
    entries, name, seq, at = [], epoch.decode(), int(first), 0
    for size in sizes.split(b","):
        end = at + int(size)
        entries.append(LogEntry(name, seq, payloads[at:end]))
        seq, at = seq + 1, end
    return entries


class Appended(NamedTuple):
    """What became of an entry: where the log is now, and whether this call put the entry there."""

    epoch: str
    seq: int
    fresh: bool


class RedisLog:
    """One of the two logs, for all shows.

    Args:
        redis: a client of one server or a cluster; every call stays within a show's hash tag.
        name: which of the two.
    """

    def __init__(self, redis: Redis, name: LogName) -> None:
        self._redis = redis
        self._name = name

    async def append(self, show_id: str, payload: bytes, *, seq: int = 0) -> Appended:
        """Append one entry.

        Args:
            show_id: whose log.
            payload: the entry's bytes.
            seq: the position it must get; 0 gives it the next one. An entry that is there already stays as it is.

        Returns:
            The entry's position, or a lower one when earlier entries are missing; and whether this call appended it.

        Raises:
            UnavailableError: Redis does not answer.
        """
        channel = channel_of(self._name, show_id)
        args: list[str | int | bytes] = [seq, payload, new_ulid(), channel, LOG_KEPT_ENTRIES, LOG_KEPT_MS]
        reply = await _append(self._redis, self._keys(show_id), args)
        epoch, top, appended = cast(tuple[bytes, int | bytes, int], reply)
        return Appended(epoch.decode(), int(top), bool(appended))

    async def post(self, show_id: str, entries: Sequence[tuple[bytes, str]]) -> list[bool]:
        """Append entries, each with the next position, in one call.

        Args:
            show_id: whose log.
            entries: the payload of each, and its mark: one that was used within a day is not appended again.

        Returns:
            For each, whether this call appended it.

        Raises:
            UnavailableError: Redis does not answer; the same call may be repeated.
        """
        stream, meta = self._keys(show_id)
        args: list[str | int | bytes] = [
            new_ulid(),
            channel_of(self._name, show_id),
            LOG_KEPT_ENTRIES,
            LOG_MARK_KEPT_MS,
            LOG_KEPT_MS,
            *(payload for payload, _ in entries),
        ]
        keys = [stream, meta, *(f"{meta}:mark:{mark}" for _, mark in entries)]
        return [fresh == 1 for fresh in cast(list[int], await _post(self._redis, keys, args))]

    async def begin(self, show_id: str, seq: int) -> Position:
        """Return the newest position; a log that is not there begins at ``seq``, under a new epoch."""
        meta = self._keys(show_id)[1]
        epoch, top = cast(tuple[bytes, bytes], await _begin(self._redis, [meta], [new_ulid(), seq, LOG_KEPT_MS]))
        return Position(epoch.decode(), int(top))

    async def base(self, show_id: str, epoch: str) -> int | None:
        """Return the position on which an epoch of a log with positions of its own began; None for another epoch.

        What came before has its positions from an older life of the log, which may have gone further.
        """
        [(known, base)] = await pipelined(self._redis, [("HMGET", self._keys(show_id)[1], "epoch", "base")])
        return int(base or 0) if known is not None and known.decode() == epoch else None

    async def positions(self, show_ids: Sequence[str]) -> list[Position | None]:
        """Return each show's newest position, in one round trip; None where there is no log (any more)."""
        if not show_ids:
            return []
        return [_position(row) for row in await pipelined(self._redis, [self._newest(one) for one in show_ids])]

    async def positions_with(
        self, other: "RedisLog", show_ids: Sequence[str]
    ) -> list[tuple[Position | None, Position | None]]:
        """Return each show's newest position in this log and in another one of the same Redis, in one round trip."""
        if not show_ids:
            return []
        both = [one for show_id in show_ids for one in (self._newest(show_id), other._newest(show_id))]
        found = [_position(row) for row in await pipelined(self._redis, both)]
        return list(zip(found[::2], found[1::2], strict=True))

    async def read(self, show_id: str, after: Position, *, limit: int) -> list[LogEntry] | None:
        """Return the entries after a position, oldest first.

        Returns:
            None when they cannot be told without a gap: the epoch is another one, or the stream begins later.
        """
        entries_after: Command = ("XRANGE", self._keys(show_id)[0], f"{after.seq + 1}-0", "+", "COUNT", limit)
        (epoch, top), rows = await pipelined(self._redis, [self._newest(show_id), entries_after], atomic=True)
        if epoch is None or epoch.decode() != after.epoch or after.seq > int(top):
            return None
        entries = [LogEntry(after.epoch, int(entry_id.split(b"-")[0]), fields[b"p"]) for entry_id, fields in rows]
        if after.seq == int(top):
            return []
        return entries if entries and entries[0].seq == after.seq + 1 else None

    def _newest(self, show_id: str) -> Command:
        return ("HMGET", self._keys(show_id)[1], "epoch", "seq")

    async def read_back(self, show_id: str, before: Position, *, limit: int) -> list[LogEntry]:
        """Return the entries before a position, newest first; nothing when the log's epoch is another one."""
        stream, meta = self._keys(show_id)
        name: Command = ("HGET", meta, "epoch")
        entries: Command = ("XREVRANGE", stream, f"({before.seq}-0", "-", "COUNT", limit)
        epoch, rows = await pipelined(self._redis, [name, entries], atomic=True)
        if epoch is None or epoch.decode() != before.epoch:
            return []
        return [LogEntry(before.epoch, int(entry_id.split(b"-")[0]), fields[b"p"]) for entry_id, fields in rows]

    def _keys(self, show_id: str) -> tuple[str, str]:
        return f"{{{show_id}}}:{self._name}", f"{{{show_id}}}:{self._name}:meta"


def _position(row: list[bytes | None]) -> Position | None:
    epoch, seq = row
    return None if epoch is None or seq is None else Position(epoch.decode(), int(seq))
