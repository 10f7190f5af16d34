"""What the hold book's scripts are handed, and what they answer: packed, because a batch is one string then.

The records are described at the top of ``lua/book.lua``.
"""

from collections.abc import Sequence
from typing import Final, cast

import msgspec

from inventory.hold_ids import (
    born_ms_of,
    claim_id_of,
    claim_note,
    hold_id,
    hold_id_head,
    key_of,
    key_of_claim,
)
from inventory.holds import (
    Accepted,
    ClaimAnswer,
    ClaimRequest,
    Hold,
    HoldEvent,
    HoldNews,
    HoldStatus,
    OpenOrder,
    OrderEnd,
    Pool,
    PoolCounts,
    Refused,
)

_STATUS: Final[dict[str, HoldStatus]] = {"0": "held", "1": "submitted", "2": "sold", "3": "released", "4": "expired"}
_NEWS: Final[dict[str, HoldEvent]] = {"3": "released", "4": "expired", "5": "promoted"}
_NEWS_CODE: Final = {what: code for code, what in _NEWS.items()}
_ORDER_STATUS: Final = {"submitted": "1", "sold": "2"}

_REFUSED: Final = (
    None,
    None,
    Refused(reason="sold_out", temporary=False),
    Refused(reason="sold_out", temporary=True),
    Refused(reason="not_open", temporary=True),
    Refused(reason="ended", temporary=False),
    Refused(reason="buyer_limit", temporary=False),
    Refused(reason="invalid", temporary=False),
    Refused(reason="recovering", temporary=True),
)
"""By number, what ``claim_many.lua`` answers; 0 is accepted, 1 is another claim's key."""
NO_KEY_LEFT: Final = Refused(reason="invalid", temporary=False)
"""The answer to a claim whose keys are all taken: its id was made for that."""

_encode = msgspec.msgpack.Encoder().encode
_claim_reply = msgspec.msgpack.Decoder(list[int | tuple[int, int]])
_record = msgspec.msgpack.Decoder(list[str | int])
_news = msgspec.msgpack.Decoder(tuple[str, int, int, int])


def terms(pool: Pool) -> list[str | int | bytes]:
    """Return what ``open.lua`` and ``rebuild.lua`` begin with."""
    return [
        pool.pool_no,
        pool.epoch,
        pool.allocated,
        pool.per_buyer_limit,
        pool.starts_at_ms,
        pool.ends_at_ms,
        pool.grace_ms,
        pool.hold_ttl_ms,
        pool.waitlist_hold_ttl_ms,
        pool.mode,
    ]


def pack_claims(claims: Sequence[ClaimRequest], attempt: int) -> bytes:
    """Return the claims as ``claim_many.lua`` reads them: each with its key of this attempt, from 0."""
    wishes: list[str | int] = []
    for claim in claims:
        claim_id = claim.claim_id
        wishes += (key_of_claim(claim_id, attempt), claim_note(claim_id, attempt), claim.buyer_id, claim.quantity)
    return _encode(wishes)


def pack_wishes(wishes: Sequence[tuple[str, str, str, int]]) -> bytes:
    """Return claims of any keys and notes, as ``claim_many.lua`` reads them: for benchmarks of the script alone."""
    return _encode([part for wish in wishes for part in wish])


def unpack_claims(reply: bytes, pool_no: int, claims: Sequence[ClaimRequest], attempt: int) -> list[ClaimAnswer | None]:
    """Return one answer per claim; None for one whose key of this attempt another claim has."""
    now_ms, life_ms, *decided = cast(list[int], _claim_reply.decode(reply))
    head = hold_id_head(pool_no, now_ms)
    answers: list[ClaimAnswer | None] = []
    for claim, one in zip(claims, cast(list[int | tuple[int, int]], decided), strict=True):
        if one == 0:
            key = key_of_claim(claim.claim_id, attempt)
            answers.append(Accepted(hold_id=head + key, expires_at_ms=now_ms + life_ms))
        elif isinstance(one, int):
            answers.append(_REFUSED[one])
        else:
            born_ms, life_before_ms = one
            known = hold_id(pool_no, born_ms, key_of_claim(claim.claim_id, attempt))
            answers.append(Accepted(hold_id=known, expires_at_ms=born_ms + life_before_ms))
    return answers


def pack_buyers(buyer_ids: Sequence[str]) -> bytes:
    """Return buyers as ``line_up.lua`` reads them."""
    return _encode(buyer_ids)


def pack_orders(orders: Sequence[OpenOrder]) -> bytes:
    """Return orders as ``rebuild.lua`` reads them."""
    flat: list[str | int] = []
    for one in orders:
        flat += (key_of(one.hold_id), born_ms_of(one.hold_id), one.buyer_id, one.quantity, _ORDER_STATUS[one.status])
    return _encode(flat)


def pack_ends(ends: Sequence[OrderEnd]) -> bytes:
    """Return ends of orders as ``resolve.lua`` reads them."""
    flat: list[str | int] = []
    for one in ends:
        flat += (key_of(one.hold_id), born_ms_of(one.hold_id), one.buyer_id, one.quantity, one.outcome)
    return _encode(flat)


def unpack_hold(pool_id: str, called: str, packed: bytes) -> Hold:
    """Return a hold; ``called`` is its id."""
    status, buyer_id, quantity, born_ms, life_ms, note, *more = _record.decode(packed)
    return Hold(
        hold_id=called,
        pool_id=pool_id,
        buyer_id=str(buyer_id),
        claim_id=claim_id_of(str(note), called),
        quantity=int(quantity),
        expires_at_ms=int(born_ms) + int(life_ms),
        status=_STATUS[str(status)],
        extensions=int(more[1]) if len(more) > 1 else 0,
    )


def unpack_holds(pool_id: str, reply: Sequence[bytes | None]) -> list[Hold]:
    """Return the holds of a reply that begins with the pool's number."""
    if not reply or reply[0] is None:
        return []
    pool_no, flat = int(reply[0]), cast(Sequence[bytes], reply[1:])
    found = []
    for key, packed in zip(flat[::2], flat[1::2], strict=True):
        born_ms = int(_record.decode(packed)[3])
        found.append(unpack_hold(pool_id, hold_id(pool_no, born_ms, key.decode()), packed))
    return found


def unpack_news(pool_id: str, pool_no: int, flat: Sequence[bytes]) -> list[HoldNews]:
    """Return what happened to holds, by the field and value of each."""
    news = []
    for field, packed in zip(flat[::2], flat[1::2], strict=True):
        key, what = field[:-1].decode(), field[-1:].decode()
        buyer_id, born_ms, expires_at_ms, quantity = _news.decode(packed)
        news.append(
            HoldNews(
                hold_id=hold_id(pool_no, born_ms, key),
                pool_id=pool_id,
                buyer_id=buyer_id,
                what=_NEWS[what],
                quantity=quantity,
                expires_at_ms=expires_at_ms,
            )
        )
    return news


def news_field(news: HoldNews) -> str:
    """Return the field under which the book keeps a piece of news."""
    return key_of(news.hold_id) + _NEWS_CODE[news.what]


def unpack_counts(reply: Sequence[bytes | int]) -> PoolCounts:
    """Return what ``snapshot.lua`` answers."""
    if not reply:
        return PoolCounts()
    epoch, current, allocated, available, held, sold, waiting, drawn = (int(value) for value in reply)
    return PoolCounts(
        epoch=epoch,
        current=current == 1,
        allocated=allocated,
        available=available,
        held=held,
        sold=sold,
        waiting=waiting,
        drawn=drawn == 1,
    )
