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
    if not 0 <= pool_no < 1 << POOL_NO_BITS:
        raise ValueError(f"pool number {pool_no} does not fit into {POOL_NO_BITS} bits")
    time_ms = time.time_ns() // 1_000_000
    value = (time_ms << ULID_RANDOM_BITS) | (pool_no << HOLD_RANDOM_BITS) | secrets.randbits(HOLD_RANDOM_BITS)
    return f"hold_{ULID.from_int(value)}"


def pool_no_of(hold_id: str) -> int | None:
    """Return the number of the pool that a hold id belongs to, or None when it is no hold id."""
    if not is_id(hold_id, "hold"):
        return None
    value = int(ULID.from_str(hold_id.removeprefix("hold_")))
    return (value >> HOLD_RANDOM_BITS) & ((1 << POOL_NO_BITS) - 1)
