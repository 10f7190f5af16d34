"""Recognising events by the marker in their payload, whatever protocol carries them; pure but for the shared board.

This is the crowd's hot path. A few microseconds per delivery are all there is, so it compares a read as a whole
with the one before, looks for one byte when they differ, and never parses a frame.
"""

from typing import Final

from loadtests.bench.board import Board
from loadtests.bench.limits import EVENTS_MOST, WAIT_BUCKET_NS, WAIT_BUCKETS
from loadtests.bench.target import DIGITS

MARKER_BYTES: Final = DIGITS + 2
HEAD: Final = MARKER_BYTES - 1
"""Bytes kept free at the front of the buffer, for the beginning of a marker that came with the read before."""

_HASH: Final = b"#"


class Markers:
    """Reads markers out of a buffer and notes on the board who got what, and when.

    Args:
        board: where it is noted.
        size: most bytes of one read.

    Attributes:
        buffer: where reads go, from ``HEAD`` on.
        deliveries: events that were new to their viewer.
        doubles: events that their viewer had already.
        missed: events that were skipped.
    """

    def __init__(self, board: Board, size: int) -> None:
        self.buffer = bytearray(HEAD + size)
        self.deliveries = 0
        self.doubles = 0
        self.missed = 0
        self._newest = board.newest
        self._waits = board.waits
        self._sent_at_ns = board.sent_at_ns
        self._known = b""
        self._known_size = 0
        self._known_numbers: list[int] = []
        self._tails: dict[int, bytes] = {}

    def take(self, viewer: int, size: int, at_ns: int) -> None:
        """Take what viewer ``viewer`` has read: ``size`` bytes from ``HEAD`` on, at ``at_ns``.

        A marker may be split over reads, and a read may hold many. Most reads equal the one before, which another
        viewer made: then the markers are known.
        """
        buffer = self.buffer
        tail = self._tails.pop(viewer, b"") if self._tails else b""
        if tail:
            buffer[HEAD - len(tail) : HEAD] = tail
        elif size == self._known_size and buffer.startswith(self._known, HEAD):
            self._note(viewer, self._known_numbers, at_ns)
            return
        numbers, rest = find_markers(buffer, HEAD - len(tail), HEAD + size)
        if rest:
            self._tails[viewer] = rest
        elif not tail:
            self._known_size, self._known, self._known_numbers = size, bytes(buffer[HEAD : HEAD + size]), numbers
        self._note(viewer, numbers, at_ns)

    def _note(self, viewer: int, numbers: list[int], at_ns: int) -> None:
        newest, waits, sent_at_ns = self._newest[viewer], self._waits, self._sent_at_ns
        for number in numbers:
            if number != newest + 1:
                if number <= newest:
                    self.doubles += 1
                    continue
                self.missed += number - newest - 1
            newest = number
            self.deliveries += 1
            bucket = (at_ns - sent_at_ns[number]) // WAIT_BUCKET_NS
            waits[bucket if bucket < WAIT_BUCKETS else WAIT_BUCKETS - 1] += 1
        self._newest[viewer] = newest


def find_markers(data: bytearray, start: int, end: int) -> tuple[list[int], bytes]:
    """Return the numbers between two places, in order, and what may be the beginning of one more."""
    numbers: list[int] = []
    at = data.find(_HASH, start, end)
    while at >= 0:
        after = at + MARKER_BYTES
        if after > end:
            return numbers, bytes(data[at:end])
        number = number_of(bytes(data[at:after]))
        if number:
            numbers.append(number)
        at = data.find(_HASH, after if number else at + 1, end)
    return numbers, b""


def number_of(marker: bytes) -> int:
    """Return the number in a marker; 0 when these bytes are none: ``#`` may also be the length of a frame."""
    digits = marker[1:-1]
    if len(marker) != MARKER_BYTES or marker[-1:] != _HASH or not digits.isdigit():
        return 0
    number = int(digits)
    return number if number <= EVENTS_MOST else 0
