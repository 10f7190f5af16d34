"""A room: one show inside one gateway. It knows the show's state, its newest events, and who is watching.

Everything here runs in one thread without awaiting, so a viewer joins between two events and never inside one:
nothing is missed and nothing comes twice.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol

import msgspec

from live import wire
from live.frames import Frame
from live.limits import REACTION_MOST_KINDS, ROOM_KEPT_FRAMES
from live.show_state import apply, with_stock


class Seat(Protocol):
    """What a room needs of a viewer's connection."""

    binary: bool
    buyer_id: str | None
    is_staff: bool

    def write(self, data: bytes) -> None:
        """Send these bytes: complete frames."""
        ...


class Room:
    """One show, its state up to ``seq``, and its viewers.

    Args:
        epoch: the log's name.
        seq: the position that ``snapshot`` is complete up to.
        snapshot: the show's state.
    """

    def __init__(self, show_id: str, epoch: str, seq: int, snapshot: wire.Snapshot) -> None:
        self.show_id = show_id
        self.epoch = epoch
        self.seq = seq
        self.snapshot = snapshot
        self.offer_ids = _offer_ids(snapshot)
        self.peak_viewers = 0  # the most that the report was told
        self.json_seats: set[Seat] = set()
        self.msgpack_seats: set[Seat] = set()
        self.buyers: dict[str, set[Seat]] = {}
        self._staff: set[Seat] = set()
        self.empty_since: float | None = None
        self.counted: set[str] = set()  # offers whose counts were read at least once
        self.taps: dict[str, int] = {}
        self.tap_totals: dict[str, int] | None = None
        self._kept: deque[tuple[int, Frame]] = deque(maxlen=ROOM_KEPT_FRAMES)
        self._waiting: list[Frame] = []
        self._flush_planned = False

    def __len__(self) -> int:
        """Return how many connections watch here."""
        return len(self.json_seats) + len(self.msgpack_seats)

    @property
    def audience(self) -> int:
        """How many viewers watch here; the host's console is not one of them."""
        return len(self) - len(self._staff)

    def join(self, seat: Seat) -> None:
        """Seat a viewer: it gets every frame from now on."""
        self.flush()
        (self.msgpack_seats if seat.binary else self.json_seats).add(seat)
        self.expect(seat)
        self.empty_since = None

    def expect(self, seat: Seat) -> None:
        """Bring a buyer their own news from now on, before they have a seat."""
        if seat.buyer_id is not None:
            self.buyers.setdefault(seat.buyer_id, set()).add(seat)
        if seat.is_staff:
            self._staff.add(seat)

    def leave(self, seat: Seat) -> None:
        """Let a viewer go; one that never sat here may leave too."""
        self.json_seats.discard(seat)
        self.msgpack_seats.discard(seat)
        self._staff.discard(seat)
        if seat.buyer_id is not None and seat.buyer_id in self.buyers:
            self.buyers[seat.buyer_id].discard(seat)
            if not self.buyers[seat.buyer_id]:
                del self.buyers[seat.buyer_id]
        if not len(self):
            self.empty_since = asyncio.get_running_loop().time()

    def take(self, event: wire.LogEvents) -> None:
        """Take the next event of the log: ``event.seq`` is ``seq + 1``."""
        self.snapshot = apply(self.snapshot, event)
        self.offer_ids = _offer_ids(self.snapshot)
        self.seq = event.seq
        frame = Frame(event)
        self._kept.append((event.seq, frame))
        self.broadcast(frame)

    def frames_after(self, seq: int) -> list[Frame] | None:
        """Return the frames after a position, oldest first; None when they are not all kept here."""
        if seq == self.seq:
            return []
        if seq > self.seq or not self._kept or self._kept[0][0] > seq + 1:
            return None
        return [frame for position, frame in self._kept if position > seq]

    def set_stock(self, offer_id: str, *, available: int, held: int, sold: int) -> None:
        """Note an offer's counts as they were read, and tell everyone if they changed."""
        known = next((one for one in self.snapshot.offers if one.offer_id == offer_id), None)
        if known is None or (known.available, known.held, known.sold) == (available, held, sold):
            return
        self.snapshot = with_stock(self.snapshot, offer_id, available=available, held=held, sold=sold)
        self.broadcast(Frame(wire.OfferStock(offer_id=offer_id, available=available, held=held, sold=sold)))

    def counts(self) -> list[wire.OfferStock | wire.Viewers]:
        """Return the counts as they are now: who comes back missed changes that were no events."""
        stock = [
            wire.OfferStock(offer_id=one.offer_id, available=one.available, held=one.held, sold=one.sold)
            for one in self.snapshot.offers
        ]
        return [*stock, wire.Viewers(count=self.snapshot.viewers)]

    def set_viewers(self, count: int) -> None:
        """Note how many watch in all, and tell everyone if that changed."""
        if count != self.snapshot.viewers:
            self.snapshot = msgspec.structs.replace(self.snapshot, viewers=count)
            self.broadcast(Frame(wire.Viewers(count=count)))

    def tap(self, kind: str, count: int) -> None:
        """Count taps until they are added up; kinds past ``REACTION_MOST_KINDS`` are dropped."""
        if kind in self.taps or len(self.taps) < REACTION_MOST_KINDS:
            self.taps[kind] = self.taps.get(kind, 0) + count

    def take_taps(self) -> dict[str, int]:
        """Return the taps counted since the last call."""
        taps, self.taps = self.taps, {}
        return taps

    def broadcast(self, frame: Frame) -> None:
        """Send a frame to everyone. What is sent within one turn of the event loop leaves as one write per viewer."""
        self._waiting.append(frame)
        if not self._flush_planned:
            self._flush_planned = True
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits."""
        self._flush_planned = False
        if not self._waiting:
            return
        frames, self._waiting = self._waiting, []
        if self.json_seats:
            _write(list(self.json_seats), b"".join([frame.json for frame in frames]))
        if self.msgpack_seats:
            _write(list(self.msgpack_seats), b"".join([frame.msgpack for frame in frames]))

    def tell_buyer(self, buyer_id: str, message: wire.ServerMessage) -> None:
        """Send a message to all connections of one buyer."""
        seats = self.buyers.get(buyer_id)
        if seats:
            frame = Frame(message)
            for seat in list(seats):
                seat.write(frame.msgpack if seat.binary else frame.json)


def _offer_ids(snapshot: wire.Snapshot) -> frozenset[str]:
    return frozenset(one.offer_id for one in snapshot.offers)


def _write(seats: Iterable[Seat], data: bytes) -> None:
    for seat in seats:
        seat.write(data)
