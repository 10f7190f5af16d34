"""Hold ids: what a hold is called by everyone, and inside its pool's book.

A hold id is ``hold_`` and a ULID: ten characters of time, eight of the pool's number, eight that tell the holds of
the pool apart. So a hold finds its pool without an index, which would live in another hash slot (decision 0014).
Inside the book the pool is known and the time stands in the record; the last eight characters are the hold's *key*.

A claim's hold gets the last eight characters of the claim's own id as its key. They are random; so the book finds
what a repeated claim became without an index from claims to holds (decision 0024). Two claims may end alike, by
chance or because somebody wants them to: then the later one moves on to another key, made from its whole id, and
does so each time it comes.
"""

import time
from hashlib import sha1
from typing import Final

from ulid import ULID

from kit.ids import is_id, new_ulid

KEY_CHARS: Final = 8
KEY_ATTEMPTS: Final = 4
"""Keys that a claim may try. In a pool of a million holds one claim in a million meets a twin at each."""

_BITS_PER_CHAR: Final = 5
_KEY_BITS: Final = KEY_CHARS * _BITS_PER_CHAR
_POOL_NO_BITS: Final = 40
_POOL_NO_CHARS: Final = _POOL_NO_BITS // _BITS_PER_CHAR
_TIME_CHARS: Final = 10
_NOTE_CHARS: Final = _TIME_CHARS + _POOL_NO_CHARS
assert len("01J00000000000000000000000") == _TIME_CHARS + _POOL_NO_CHARS + KEY_CHARS

_DIGITS: Final = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGIT_OF_BYTE: Final = _DIGITS * 8
"""Maps each of the 256 bytes to a digit; every digit has eight bytes, so even bytes become even digits."""
_TO_PYTHON: Final = str.maketrans(_DIGITS.decode(), "0123456789abcdefghijklmnopqrstuv")
"""The digits that ``int(…, 32)`` reads, for those of a ULID."""


def hold_id(pool_no: int, born_ms: int, key: str) -> str:
    """Return the id of a hold.

    Args:
        pool_no: the pool's number, 0 to 2**40 - 1.
        born_ms: when the hold was made, milliseconds since the epoch.
        key: eight characters.
    """
    return hold_id_head(pool_no, born_ms) + key


def hold_id_head(pool_no: int, born_ms: int) -> str:
    """Return what the ids of all holds of a pool that were made in one millisecond begin with.

    Raises:
        ValueError: the pool number is not within 0 to 2**40 - 1.
    """
    if not 0 <= pool_no < 1 << _POOL_NO_BITS:
        raise ValueError(f"pool number {pool_no} does not fit into {_POOL_NO_BITS} bits")
    value = ((born_ms << _POOL_NO_BITS) | pool_no) << _KEY_BITS
    return f"hold_{ULID.from_int(value)}"[:-KEY_CHARS]


def new_hold_id(pool_no: int) -> str:
    """Return the id of a hold that begins now, for orders that no book has seen: benchmarks and tests make them."""
    return hold_id(pool_no, time.time_ns() // 1_000_000, new_ulid()[-KEY_CHARS:])


def pool_no_of(hold_id: str) -> int | None:
    """Return the number of the pool that a hold id belongs to, or None when it is no hold id."""
    if not is_id(hold_id, "hold"):
        return None
    return int(hold_id[-KEY_CHARS - _POOL_NO_CHARS : -KEY_CHARS].translate(_TO_PYTHON), 32)


def key_of(hold_id: str) -> str:
    """Return a hold's key by its id."""
    return hold_id[-KEY_CHARS:]


def born_ms_of(hold_id: str) -> int:
    """Return when a hold was made, milliseconds since the epoch, by the book's clock."""
    return int(hold_id[: -KEY_CHARS - _POOL_NO_CHARS].removeprefix("hold_").translate(_TO_PYTHON), 32)


def key_of_claim(claim_id: str, attempt: int) -> str:
    """Return the key of a claim's hold at its n-th attempt, from 0."""
    if attempt == 0:
        return claim_id[-KEY_CHARS:]
    # Nothing relies on the strength of the digest: who makes twins makes them for themselves.
    digest = sha1(f"{claim_id}:{attempt}".encode(), usedforsecurity=False).digest()
    return digest[:KEY_CHARS].translate(_DIGIT_OF_BYTE).decode("ascii")


def claim_note(claim_id: str, attempt: int) -> str:
    """Return what a hold's record says of its claim: what the key does not say already."""
    return claim_id[:-KEY_CHARS] if attempt == 0 else claim_id


def claim_id_of(note: str, hold_id: str) -> str:
    """Return a claim's id by its note; a hold that no claim asked for has its own ULID as its claim's id."""
    if not note:
        return hold_id.removeprefix("hold_")
    return note if len(note) > _NOTE_CHARS else note + key_of(hold_id)
