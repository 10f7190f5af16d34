"""Claims as a viewer writes them and their answers as it reads them: bytes only, pure but for fresh ids.

This is a hot path: a claim costs two joins of bytes, and no answer is decoded.
"""

from itertools import product
from typing import Final

from ulid import ULID

from live import wire
from loadtests.bench.client_frames import text_frame

ACCEPTED: Final = b'{"type":"claim.accepted","claim_id":"'
"""How the answer yes begins; the claim's id follows."""

REFUSED: Final = b'{"type":"claim.refused","claim_id":"'
"""How the answer no begins; the claim's id follows."""

STOCK: Final = b'{"type":"offer.stock",'
"""How a stock count begins."""

ID_BYTES: Final = 26
"""Of a ULID."""

_DIGITS: Final = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_COUNTED_CHARS: Final = 3
_TAILS: Final = [bytes(tail) for tail in product(_DIGITS, repeat=_COUNTED_CHARS)]
_PLACE: Final = "0" * ID_BYTES
_LENGTH_16_BITS: Final = 126
_LENGTH_64_BITS: Final = 127


class ClaimIds:
    """Fresh ULIDs: real ones, whose last 15 bits are counted through before the next one is made."""

    def __init__(self) -> None:
        self._head = b""
        self._at = len(_TAILS)

    def next(self) -> bytes:
        """Return one more."""
        if self._at == len(_TAILS):
            self._head = str(ULID())[:-_COUNTED_CHARS].encode()
            self._at = 0
        claim_id = self._head + _TAILS[self._at]
        self._at += 1
        return claim_id


def around_id(offer_id: str) -> tuple[bytes, bytes]:
    """Return what stands before and after the id in the masked frame of a claim for one unit."""
    frame = text_frame(wire.encode_json(wire.Claim(claim_id=_PLACE, offer_id=offer_id, quantity=1)))
    before, _, after = frame.partition(_PLACE.encode())
    return before, after


def payloads(data: bytes | bytearray, at: int, end: int) -> tuple[list[tuple[int, int]], int]:
    """Find the server's frames between two places.

    Returns:
        Where the payload of each complete frame begins and ends, and where the first incomplete frame begins.
    """
    found = []
    while at + 2 <= end:
        length = data[at + 1]
        body = at + 2
        if length >= _LENGTH_16_BITS:
            size = 2 if length < _LENGTH_64_BITS else 8
            length = int.from_bytes(data[body : body + size], "big")
            body += size
        if body + length > end:
            break
        found.append((body, body + length))
        at = body + length
    return found, at


def field_of(data: bytes | bytearray, name: bytes, start: int, end: int) -> bytes:
    """Return the text of a field of an answer; empty when it has none. Ids and reasons hold no quotes."""
    head = b'"' + name + b'":"'
    at = data.find(head, start, end)
    return b"" if at < 0 else bytes(data[at + len(head) : data.find(b'"', at + len(head), end)])


def number_of_field(data: bytes | bytearray, name: bytes, start: int, end: int) -> int:
    """Return a whole number of an answer.

    Raises:
        ValueError: it has no such field.
    """
    head = b'"' + name + b'":'
    at = data.index(head, start, end) + len(head)
    stop = at
    while stop < end and data[stop] in b"0123456789":
        stop += 1
    return int(data[at:stop])
