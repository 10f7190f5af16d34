"""Prefixed ULIDs, and the hold id that names its pool.

An id is ``<prefix>_<26 characters of Crockford base 32>``: sortable by creation time, safe in a URL.
A hold id is a ULID too, but 40 of its 80 random bits carry the pool's number, so that a hold finds its pool's
keys in Redis without an index that would live in another hash slot. The other 40 bits are random; the script that
creates the hold refuses a number that is taken.
"""

import re
import secrets
import time

from ulid import ULID

ULID_PATTERN = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
_ULID = re.compile(ULID_PATTERN)

POOL_NO_BITS = 40
HOLD_RANDOM_BITS = 40
ULID_RANDOM_BITS = 80
assert POOL_NO_BITS + HOLD_RANDOM_BITS == ULID_RANDOM_BITS

_BITS_PER_CHAR = 5
_HOLD_RANDOM_CHARS = HOLD_RANDOM_BITS // _BITS_PER_CHAR
assert HOLD_RANDOM_BITS % _BITS_PER_CHAR == 0, "the random part of a hold id ends between two characters"
# Maps each of the 256 bytes to a digit; every digit has eight bytes, so a random byte becomes an even random digit.
_RANDOM_DIGITS = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ" * 8


def new_id(prefix: str) -> str:
    """Return a fresh id such as ``show_01JD…``."""
    return f"{prefix}_{ULID()}"


def new_ulid() -> str:
    """Return a fresh bare ULID, 26 characters."""
    return str(ULID())


def is_ulid(text: str) -> bool:
    """Tell whether ``text`` is a canonical, upper-case ULID."""
    return _ULID.fullmatch(text) is not None


def is_id(text: str, prefix: str) -> bool:
    """Tell whether ``text`` is an id of this prefix."""
    head, _, tail = text.partition("_")
    return head == prefix and is_ulid(tail)


def new_hold_id(pool_no: int) -> str:
    """Return a fresh hold id of the pool with this number (0 to 2**40 - 1)."""
    [hold_id] = new_hold_ids(pool_no, 1)
    return hold_id


def new_hold_ids(pool_no: int, count: int) -> list[str]:
    """Return fresh hold ids of one pool: they share all but their random part, so a batch costs little more than one.

    Raises:
        ValueError: the pool number is not within 0 to 2**40 - 1.
    """
    if not 0 <= pool_no < 1 << POOL_NO_BITS:
        raise ValueError(f"pool number {pool_no} does not fit into {POOL_NO_BITS} bits")
    time_ms = time.time_ns() // 1_000_000
    value = (time_ms << ULID_RANDOM_BITS) | (pool_no << HOLD_RANDOM_BITS)
    head = f"hold_{ULID.from_int(value)}"[:-_HOLD_RANDOM_CHARS]
    tails = secrets.token_bytes(count * _HOLD_RANDOM_CHARS).translate(_RANDOM_DIGITS).decode("ascii")
    return [head + tails[at : at + _HOLD_RANDOM_CHARS] for at in range(0, len(tails), _HOLD_RANDOM_CHARS)]


def pool_no_of(hold_id: str) -> int | None:
    """Return the number of the pool that a hold id belongs to, or None when it is no hold id."""
    if not is_id(hold_id, "hold"):
        return None
    value = int(ULID.from_str(hold_id.removeprefix("hold_")))
    return (value >> HOLD_RANDOM_BITS) & ((1 << POOL_NO_BITS) - 1)
