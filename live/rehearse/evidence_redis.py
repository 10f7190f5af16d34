"""What Redis says when a rehearsal is over. It reads the keys themselves, not through the code that wrote them."""

from typing import cast

import msgspec

from kit.redis_client import RedisClient, redis_errors
from live.rehearse.facts import BookFacts, BookHold

_COUNTS = ("allocated", "available", "held", "sold")
_Hold = tuple[str, str, int, int, str]  # status, buyer, quantity, deadline, claim id


async def read_book(redis: RedisClient, offer_id: str) -> BookFacts:
    """Read the hold book of an offer; all zero when there is none."""
    tag = f"{{{offer_id}}}"
    with redis_errors():
        # All is quiet: nothing changes between these reads.
        counts = await redis.hmget(f"{tag}:pool", _COUNTS)
        holds = cast(dict[bytes, bytes], await redis.hgetall(f"{tag}:holds"))
        buyers = cast(dict[bytes, bytes], await redis.hgetall(f"{tag}:buyers"))
        due = cast(list[bytes], await redis.zrange(f"{tag}:due", 0, -1))
        submitted = cast(list[bytes], await redis.zrange(f"{tag}:submitted", 0, -1))
    allocated, available, held, sold = (int(value or 0) for value in counts)
    return BookFacts(
        allocated=allocated,
        available=available,
        held=held,
        sold=sold,
        holds=tuple(_hold(hold_id.decode(), packed) for hold_id, packed in holds.items()),
        buyers={buyer_id.decode(): _buyer(packed) for buyer_id, packed in buyers.items()},
        due=frozenset(hold_id.decode() for hold_id in due),
        submitted=frozenset(hold_id.decode() for hold_id in submitted),
    )


def _hold(hold_id: str, packed: bytes) -> BookHold:
    status, buyer_id, quantity, _, _ = msgspec.msgpack.decode(packed, type=_Hold)
    return BookHold(hold_id=hold_id, status=status, buyer_id=buyer_id, quantity=quantity)


def _buyer(packed: bytes) -> tuple[int, tuple[str, ...]]:
    units, *live = msgspec.msgpack.decode(packed, type=list[int | str])
    return int(units), tuple(str(hold_id) for hold_id in live)
