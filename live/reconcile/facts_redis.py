"""What Redis says. It reads the keys themselves, not through the code that wrote them."""

from collections.abc import Sequence
from typing import cast

import msgspec

from kit.redis_client import Command, RedisClient, pipelined
from live.reconcile.facts import BookHold, BookState

_Hold = tuple[str, str, int, int, str]  # status, buyer, quantity, deadline, claim id


async def read_books(redis: RedisClient, pool_ids: Sequence[str]) -> tuple[BookState, ...]:
    """Read the hold books of pools, each as it was at one moment; one that is not there is all zero.

    Raises:
        UnavailableError: Redis does not answer.
    """
    return tuple([await read_book(redis, pool_id) for pool_id in pool_ids])


async def read_book(redis: RedisClient, pool_id: str) -> BookState:
    """Read the hold book of one pool as it was at one moment; all zero when there is none.

    Raises:
        UnavailableError: Redis does not answer.
    """
    tag = f"{{{pool_id}}}"
    commands: list[Command] = [
        ("HMGET", f"{tag}:pool", "epoch", "allocated", "available", "held", "sold"),
        ("HGETALL", f"{tag}:holds"),
        ("HGETALL", f"{tag}:buyers"),
        ("ZRANGE", f"{tag}:due", 0, -1),
        ("ZRANGE", f"{tag}:submitted", 0, -1),
    ]
    counts, holds, buyers, due, submitted = await pipelined(redis, commands, atomic=True)
    epoch, allocated, available, held, sold = (int(value or 0) for value in counts)
    return BookState(
        pool_id=pool_id,
        epoch=epoch,
        allocated=allocated,
        available=available,
        held=held,
        sold=sold,
        holds=tuple(_hold(hold_id.decode(), packed) for hold_id, packed in cast(dict[bytes, bytes], holds).items()),
        buyers={buyer_id.decode(): _buyer(packed) for buyer_id, packed in cast(dict[bytes, bytes], buyers).items()},
        due=frozenset(hold_id.decode() for hold_id in due),
        submitted=frozenset(hold_id.decode() for hold_id in submitted),
    )


def _hold(hold_id: str, packed: bytes) -> BookHold:
    status, buyer_id, quantity, _, _ = msgspec.msgpack.decode(packed, type=_Hold)
    return BookHold(hold_id=hold_id, status=status, buyer_id=buyer_id, quantity=quantity)


def _buyer(packed: bytes) -> tuple[int, tuple[str, ...]]:
    units, *live = msgspec.msgpack.decode(packed, type=list[int | str])
    return int(units), tuple(str(hold_id) for hold_id in live)
