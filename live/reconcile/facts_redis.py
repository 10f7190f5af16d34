"""What Redis says. It reads the keys themselves, not through the code that wrote them."""

import asyncio
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec

from inventory.hold_ids import KEY_CHARS, hold_id
from kit.redis_client import Command, RedisClient, pipelined
from live.reconcile.facts import BookHold, BookState

_SERVER = (Path(__file__).parent / "lua" / "server.lua").read_text(encoding="utf-8")
_STATUS = ("held", "submitted", "sold", "released", "expired")
_NUMBERS = ("no", "epoch", "allocated", "available", "held", "sold", "closed", "ends", "grace", "drawn")
_Holds: TypeAlias = dict[str, tuple[BookHold, int]]
"""By key, each with its deadline in milliseconds."""


class _Record(msgspec.Struct, array_like=True):
    status: str
    buyer_id: str
    quantity: int
    born_ms: int
    life_ms: int


async def read_books(
    redis: RedisClient, pool_ids: Sequence[str], *, counted: Container[str] = ()
) -> tuple[BookState, ...]:
    """Read the hold books of pools, each as it was at one moment; one that is not there is all zero.

    Args:
        redis: where the books are.
        pool_ids: whose.
        counted: of these books only the counts are read.

    Raises:
        UnavailableError: Redis does not answer.
    """
    return tuple([await read_book(redis, pool_id, whole=pool_id not in counted) for pool_id in pool_ids])


async def holds_in(redis: RedisClient, pool_ids: Sequence[str]) -> dict[str, int]:
    """Return how many holds each of these pools' books remembers, ended ones too.

    Raises:
        UnavailableError: Redis does not answer.
    """
    counts = await pipelined(redis, [("HLEN", f"{{{pool_id}}}:holds") for pool_id in pool_ids])
    return {pool_id: int(cast(int, count)) for pool_id, count in zip(pool_ids, counts, strict=True)}


async def read_book(redis: RedisClient, pool_id: str, *, whole: bool = True) -> BookState:
    """Read the hold book of one pool as it was at one moment; all zero when there is none.

    Args:
        redis: where the book is.
        pool_id: whose.
        whole: False for its counts only.

    Raises:
        UnavailableError: Redis does not answer.
    """
    tag = f"{{{pool_id}}}"
    counts: list[Command] = [
        ("HMGET", f"{tag}:pool", *_NUMBERS, "server", "mode"),
        ("ZCARD", f"{tag}:waiting"),
        ("EVAL", _SERVER, 1, f"{tag}:pool"),
    ]
    lists: list[Command] = [
        ("HGETALL", f"{tag}:holds"),
        ("HGETALL", f"{tag}:buyers"),
        ("ZRANGE", f"{tag}:due", 0, -1, "WITHSCORES"),
        ("ZRANGE", f"{tag}:submitted", 0, -1),
    ]
    replies = await pipelined(redis, counts + lists if whole else counts, atomic=True)
    # In a thread: with some thousand holds it takes longer than the worker's other loops should wait.
    return await asyncio.to_thread(_book, pool_id, replies)


def _book(pool_id: str, replies: Sequence[Any]) -> BookState:
    row, waiting, (run_id, now_s), *lists = replies
    records, buyers, due, submitted = lists or ({}, {}, (), ())
    *numbers, server, mode = row
    pool_no, epoch, allocated, available, held, sold, closed, *times = (int(one or 0) for one in numbers)
    ends_at_ms, grace_ms, drawn = times
    # A draw's line is served from the moment at which it is complete until Postgres closes the pool.
    handing_on = drawn == 1 if mode == b"draw" else int(now_s) * 1000 < ends_at_ms + grace_ms
    holds = {key.decode(): _hold(pool_no, key.decode(), packed) for key, packed in records.items()}
    return BookState(
        whole=bool(lists),
        pool_id=pool_id,
        epoch=epoch,
        allocated=allocated,
        available=available,
        held=held,
        sold=sold,
        holds=tuple(hold for hold, _ in holds.values()),
        buyers={buyer_id.decode(): _buyer(packed, holds) for buyer_id, packed in buyers.items()},
        due=frozenset(_due(due, holds)),
        submitted=frozenset(_called(key.decode(), holds) for key in submitted),
        on_this_server=server == run_id,
        waiting=waiting,
        frozen=closed == 1,
        handing_on=handing_on,
    )


def _due(flat: Sequence[bytes], holds: _Holds) -> Iterator[str]:
    """Name the holds that a bundle ends when they are due, and keys of no hold."""
    for bundle, at_ms in zip(flat[::2], flat[1::2], strict=True):
        for at in range(0, len(bundle), KEY_CHARS):
            key = bundle[at : at + KEY_CHARS].decode()
            # A bundle forgets a hold that ended before, got more time, or is being paid, only when its own time comes.
            if key not in holds or (holds[key][0].status == "held" and holds[key][1] == float(at_ms)):
                yield _called(key, holds)


def _hold(pool_no: int, key: str, packed: bytes) -> tuple[BookHold, int]:
    """Return a hold and its deadline."""
    record = msgspec.msgpack.decode(packed, type=_Record)
    hold = BookHold(
        hold_id=hold_id(pool_no, record.born_ms, key),
        status=_STATUS[int(record.status)],
        buyer_id=record.buyer_id,
        quantity=record.quantity,
    )
    return hold, record.born_ms + record.life_ms


def _called(key: str, holds: _Holds) -> str:
    return holds[key][0].hold_id if key in holds else f"unknown key {key}"


def _buyer(packed: bytes, holds: _Holds) -> tuple[int, tuple[str, ...]]:
    units, *live = msgspec.msgpack.decode(packed, type=list[int | str])
    return int(units), tuple(_called(str(key), holds) for key in live)
