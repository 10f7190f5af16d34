"""A room: one show inside one gateway. It knows the show's state, its newest events, and who is watching.

Everything here runs in one thread without awaiting, so a viewer joins between two events and never inside one:
nothing is missed and nothing comes twice.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Protocol, cast

import msgspec

from live import wire
from live.fan_out import FanOut
from live.fan_out import Seat as FanOutSeat
from live.frames import Frame, Variant
from live.gateway_figures import GatewayFigures
from live.limits import REACTION_MOST_KINDS, RESUME_MOST_BYTES, ROOM_KEPT_FRAMES
from live.show_state import apply, with_stock


class Seat(FanOutSeat, Protocol):
    """What a room needs of a viewer."""

    buyer_id: str | None
    is_staff: bool


class Room:
    """One show, its state up to ``seq``, and its viewers.

    Args:
        epoch: the log's name.
        seq: the position that ``snapshot`` is complete up to.
        snapshot: the show's state.
        busy: tells whether claims wait for the event loop; see ``FanOut``.
        figures: counts what is sent, and who is slow.
    """

    def __init__(
        self,
        show_id: str,
        epoch: str,
        seq: int,
        snapshot: wire.Snapshot,
        *,
        busy: Callable[[], bool] = lambda: False,
        figures: GatewayFigures | None = None,
    ) -> None:
        self.show_id = show_id
        self.epoch = epoch
        self.seq = seq
        self.snapshot = snapshot
        self.offer_ids = _offer_ids(snapshot)
        self._figures = GatewayFigures() if figures is None else figures
        self._fan_out: FanOut[Seat] = FanOut(busy, self._figures)
        self.buyers: dict[str, set[Seat]] = {}
        self._staff: set[Seat] = set()
        self.empty_since: float | None = None
        self.taps: dict[str, int] = {}
        self.reached_back = False  # whether the log has nothing before what is kept here
        self._kept: deque[tuple[int, Frame]] = deque(maxlen=ROOM_KEPT_FRAMES)
        self._missed: dict[tuple[int, Variant], bytes | None] = {}
        self._encoded: tuple[wire.Snapshot, dict[bool, msgspec.Raw]] = (snapshot, {})

    def __len__(self) -> int:
        """Return how many connections watch here."""
        return len(self._fan_out)

    @property
    def audience(self) -> int:
        """How many viewers watch here; the host's console is not one of them."""
        return len(self) - len(self._staff)

    def seats(self) -> list[Seat]:
        """Return who watches here."""
        return list(self._fan_out)

    def join(self, seat: Seat) -> None:
        """Seat a viewer: it gets every frame from now on."""
        self._fan_out.join(seat)
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
        self._fan_out.leave(seat)
        self._staff.discard(seat)
        if seat.buyer_id is not None and seat.buyer_id in self.buyers:
            self.buyers[seat.buyer_id].discard(seat)
            if not self.buyers[seat.buyer_id]:
                del self.buyers[seat.buyer_id]
        if not len(self):
            self.empty_since = asyncio.get_running_loop().time()

    @property
    def behind(self) -> int:
        """How many connections have bytes that their sockets did not take."""
        return self._fan_out.behind

    def take(self, event: wire.LogEvents, made_at_ms: int = 0) -> None:
        """Take the next event of the log: ``event.seq`` is ``seq + 1``; ``made_at_ms`` is when it was recorded."""
        self.snapshot = apply(self.snapshot, event)
        self.offer_ids = _offer_ids(self.snapshot)
        self.seq = event.seq
        frame = Frame(event, made_at_ms)
        self._kept.append((event.seq, frame))
        self._missed.clear()
        self.broadcast(frame)

    @property
    def first_kept(self) -> int:
        """The position of the oldest event kept here; the next one's when none is."""
        return self._kept[0][0] if self._kept else self.seq + 1

    def reach_back(self, older: Iterable[wire.LogEvents]) -> None:
        """Keep events from before the room too: ``older`` comes newest first; a gap in it is as far as it goes."""
        reached = self.first_kept
        for event in older:
            if event.seq != self.first_kept - 1 or len(self._kept) == ROOM_KEPT_FRAMES:
                self.reached_back = True
                return
            self._kept.appendleft((event.seq, Frame(event)))
        self.reached_back = self.first_kept == reached

    def missed(self, after: wire.Position, variant: Variant) -> bytes | None:
        """Return the frames after a position, joined; None when they cannot all be told, or are too much.

        Viewers who were cut together come back together: they share one answer.
        """
        if after.epoch != self.epoch:
            return None
        key = (after.seq, variant)
        if key in self._missed:
            return self._missed[key]
        frames = self.frames_after(after.seq)
        if frames is None:
            return None
        data: bytes | None = None
        if sum(len(frame.of(variant)) for frame in frames) <= RESUME_MOST_BYTES:
            data = b"".join([frame.of(variant) for frame in frames])
        kept = sum(len(one) for one in self._missed.values() if one is not None)
        if len(self._missed) < ROOM_KEPT_FRAMES and (data is None or kept + len(data) <= RESUME_MOST_BYTES):
            self._missed[key] = data
        return data

    def frames_after(self, seq: int) -> list[Frame] | None:
        """Return the frames after a position, oldest first; None when they are not all kept here."""
        if seq == self.seq:
            return []
        if seq > self.seq or not self._kept or self._kept[0][0] > seq + 1:
            return None
        return [frame for _, frame in islice(self._kept, seq + 1 - self.first_kept, None)]

    def set_stock(self, offer_id: str, *, available: int, held: int, sold: int) -> None:
        """Note an offer's counts as they were read, and tell everyone if they changed."""
        known = next((one for one in self.snapshot.offers if one.offer_id == offer_id), None)
        if known is None or (known.available, known.held, known.sold) == (available, held, sold):
            return
        self.snapshot = with_stock(self.snapshot, offer_id, available=available, held=held, sold=sold)
        self.broadcast(Frame(wire.OfferStock(offer_id=offer_id, available=available, held=held, sold=sold)))

    def encoded_snapshot(self, *, binary: bool) -> wire.Snapshot:
        """Return the snapshot to put into a welcome, encoded once for all who come before it changes."""
        if self._encoded[0] is not self.snapshot:
            self._encoded = (self.snapshot, {})
        encoded = self._encoded[1].get(binary)
        if encoded is None:
            encode = msgspec.msgpack.encode if binary else msgspec.json.encode
            encoded = self._encoded[1][binary] = msgspec.Raw(encode(self.snapshot))
        return cast(wire.Snapshot, encoded)  # an encoder takes either

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
        """Send a frame to everyone, in order, as ``fan_out.py`` says."""
        self._fan_out.send(frame)

    def make_way(self) -> None:
        """Broadcast in small slices while this room's state is read, until ``flush``."""
        self._fan_out.make_way()

    def flush(self) -> None:
        """Let the state leave that was set since the last time."""
        self._fan_out.flush()

    def fell_behind(self, seat: Seat) -> None:
        """Note that a viewer's socket is full."""
        self._figures.slow["behind"] += 1
        self._fan_out.fell_behind(seat)

    def caught_up(self, seat: Seat, *, missed_state: bool = False) -> None:
        """Note that a viewer's socket took everything; with ``missed_state`` it was not told some state meanwhile."""
        self._figures.slow["skipped"] += missed_state
        self._fan_out.caught_up(seat)

    def tell_buyer(self, buyer_id: str, message: wire.ServerMessage) -> None:
        """Send a message to all connections of one buyer."""
        seats = self.buyers.get(buyer_id)
        if seats:
            frame = Frame(message)
            for seat in list(seats):
                seat.write(frame.of(seat.variant))


def _offer_ids(snapshot: wire.Snapshot) -> frozenset[str]:
    return frozenset(one.offer_id for one in snapshot.offers)
