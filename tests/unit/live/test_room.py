import asyncio
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Protocol

import pytest

from kit.money import Money
from live import wire
from live.frames import JSON, MSGPACK, Variant
from live.limits import REACTION_MOST_KINDS, RESUME_MOST_BYTES, ROOM_KEPT_FRAMES
from live.room import Room
from tests.unit.live.live_strategies import empty_snapshot


class ASeat:
    """A viewer whose socket keeps writes apart."""

    def __init__(self, buyer_id: str | None, variant: Variant) -> None:
        self.is_staff = False
        self.is_behind = False
        self.buyer_id = buyer_id
        self.variant = variant
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._theirs.setblocking(False)
        self._writes: list[bytes] = []

    @property
    def fd(self) -> int:
        return self._ours.fileno()

    def write(self, data: bytes | memoryview) -> None:
        self._ours.send(data)

    def write_behind(self, data: bytes, log: bytes) -> None:
        self.write(log if self.is_behind else data)

    @property
    def writes(self) -> list[bytes]:
        while True:
            try:
                self._writes.append(self._theirs.recv(65_536))
            except BlockingIOError:
                return self._writes

    @property
    def seqs(self) -> list[int]:
        return seqs(b"".join(self.writes))

    def close(self) -> None:
        self._ours.close()
        self._theirs.close()


class MakeSeat(Protocol):
    """Makes a seat."""

    def __call__(self, buyer_id: str | None = None, variant: Variant = JSON) -> ASeat: ...


@pytest.fixture
def a_seat() -> Iterator[MakeSeat]:
    """Closes the seats' sockets at the end."""
    with ExitStack() as stack:

        def make(buyer_id: str | None = None, variant: Variant = JSON) -> ASeat:
            seat = ASeat(buyer_id, variant)
            stack.callback(seat.close)
            return seat

        yield make


def seqs(data: bytes) -> list[int]:
    return [int(one) for one in re.findall(rb'"seq":(\d+)', data)]


def a_room(seq: int = 0) -> Room:
    return Room("show_1", "epoch", seq, empty_snapshot())


def take(room: Room, count: int) -> None:
    for seq in range(room.seq + 1, room.seq + count + 1):
        room.take(wire.ShowPaused(seq=seq, at_ms=0))


async def test_what_happens_in_one_turn_leaves_as_one_write(a_seat: MakeSeat) -> None:
    room, json, msgpack = a_room(), a_seat(), a_seat(variant=MSGPACK)
    room.join(json)
    room.join(msgpack)
    take(room, 5)
    assert json.writes == []
    await asyncio.sleep(0)
    assert len(json.writes) == len(msgpack.writes) == 1
    assert json.seqs == [1, 2, 3, 4, 5]
    assert json.writes[0] != msgpack.writes[0]


async def test_who_joins_between_two_events_gets_the_second_only(a_seat: MakeSeat) -> None:
    room, early, late = a_room(), a_seat(), a_seat()
    room.join(early)
    take(room, 1)
    room.join(late)
    take(room, 1)
    await asyncio.sleep(0)
    assert (early.seqs, late.seqs) == ([1, 2], [2])
    room.leave(early)
    take(room, 1)
    await asyncio.sleep(0)
    assert (early.seqs, late.seqs) == ([1, 2], [2, 3])


async def test_frames_are_told_from_memory_as_long_as_they_are_kept() -> None:
    room = a_room(10)
    assert room.frames_after(10) == []
    assert room.frames_after(9) is None
    assert room.frames_after(11) is None
    take(room, ROOM_KEPT_FRAMES + 5)
    kept = room.frames_after(room.seq - ROOM_KEPT_FRAMES)
    assert kept is not None
    assert len(kept) == ROOM_KEPT_FRAMES
    assert room.frames_after(room.seq - ROOM_KEPT_FRAMES - 1) is None
    assert room.frames_after(room.seq + 1) is None
    last = room.frames_after(room.seq - 1)
    assert last is not None
    assert [seqs(one.of(JSON)) for one in last] == [[room.seq]]
    await asyncio.sleep(0)


def position(room: Room, seq: int) -> wire.Position:
    return wire.Position(room.epoch, seq)


def missed_seqs(room: Room, seq: int) -> list[int] | None:
    missed = room.missed(position(room, seq), JSON)
    return None if missed is None else seqs(missed)


def paused(seq: int) -> wire.ShowPaused:
    return wire.ShowPaused(seq=seq, at_ms=0)


async def test_who_comes_back_is_told_what_was_missed_and_all_share_the_answer() -> None:
    room = a_room(10)
    take(room, 5)
    missed = room.missed(position(room, 12), JSON)
    assert missed_seqs(room, 12) == [13, 14, 15]
    assert room.missed(position(room, 12), JSON) is missed
    assert room.missed(position(room, 15), JSON) == b""
    msgpack = room.missed(position(room, 12), MSGPACK)
    assert msgpack == b"".join(one.of(MSGPACK) for one in room.frames_after(12) or [])
    take(room, 1)
    assert missed_seqs(room, 12) == [13, 14, 15, 16]
    assert missed_seqs(room, 15) == [16]


async def test_a_position_that_is_too_old_or_of_another_log_or_from_the_future_is_not_answered() -> None:
    room = a_room(10)
    take(room, 5)
    assert missed_seqs(room, 10) == [11, 12, 13, 14, 15]
    assert missed_seqs(room, 9) is None
    assert missed_seqs(room, 16) is None
    assert room.missed(wire.Position("another", 12), JSON) is None
    assert room.missed(wire.Position("another", 15), JSON) is None


async def test_too_much_to_tell_is_not_told_in_part() -> None:
    room = a_room()
    products = [wire.ProductCard(product_id="prod_1", title="x" * (RESUME_MOST_BYTES // 10), image=None, variants=[])]
    for seq in range(1, 12):
        room.take(wire.ProductSpotlight(seq=seq, products=products))
    assert missed_seqs(room, 0) is None
    assert missed_seqs(room, 1) is None
    assert missed_seqs(room, 2) == list(range(3, 12))


async def test_what_is_remembered_of_old_positions_is_bounded() -> None:
    room = a_room()
    take(room, 1_000)
    answers = [room.missed(position(room, seq), JSON) or b"" for seq in range(1_000)]
    remembered = [one for seq, one in enumerate(answers) if room.missed(position(room, seq), JSON) is one]
    assert remembered
    assert sum(map(len, remembered)) <= 2 * RESUME_MOST_BYTES


async def test_a_room_reaches_back_before_it_was_opened() -> None:
    room = a_room(10)
    assert (room.first_kept, room.reached_back) == (11, False)
    room.reach_back([paused(10), paused(9), paused(8)])
    assert (room.first_kept, room.reached_back) == (8, False)
    room.reach_back([])
    assert (room.first_kept, room.reached_back) == (8, True)
    take(room, 2)
    assert room.first_kept == 8
    assert missed_seqs(room, 7) == [8, 9, 10, 11, 12]
    assert missed_seqs(room, 6) is None


async def test_what_was_taken_meanwhile_stays_behind_what_is_reached_back_to() -> None:
    room = a_room(10)
    take(room, 2)
    room.reach_back([paused(10), paused(9)])
    assert missed_seqs(room, 8) == [9, 10, 11, 12]


@pytest.mark.parametrize(
    ("older", "first_kept"),
    [([], 11), ([9, 8], 11), ([10, 8], 10), ([11, 10], 11), ([10, 10], 10)],
    ids=["nothing", "not the last", "a gap", "too new", "a double"],
)
def test_reaching_back_ends_where_the_log_does_not_go_on(older: list[int], first_kept: int) -> None:
    room = a_room(10)
    room.reach_back(paused(seq) for seq in older)
    assert (room.first_kept, room.reached_back) == (first_kept, True)


async def test_a_room_keeps_so_many_events_however_far_it_could_reach_back() -> None:
    room = a_room(2 * ROOM_KEPT_FRAMES)
    take(room, 3)
    room.reach_back(paused(seq) for seq in range(2 * ROOM_KEPT_FRAMES, 0, -1))
    assert room.first_kept == room.seq - ROOM_KEPT_FRAMES + 1
    assert missed_seqs(room, room.first_kept - 1) == list(range(room.first_kept, room.seq + 1))


async def test_a_seat_that_fell_behind_is_spared_state_until_it_caught_up(a_seat: MakeSeat) -> None:
    room, seat = a_room(), a_seat()
    room.join(seat)
    seat.is_behind = True
    room.fell_behind(seat)
    room.set_viewers(5)
    room.flush()
    take(room, 1)
    await asyncio.sleep(0)
    room.caught_up(seat)
    room.set_viewers(6)
    room.flush()
    await asyncio.sleep(0)
    assert re.findall(rb'"(?:seq|count)":\d+', b"".join(seat.writes)) == [b'"seq":1', b'"count":6']


async def test_the_host_is_no_audience(a_seat: MakeSeat) -> None:
    room, host, viewer = a_room(), a_seat(), a_seat()
    host.is_staff = True
    room.join(host)
    room.join(viewer)
    assert (len(room), room.audience, set(room.seats())) == (2, 1, {host, viewer})
    room.leave(host)
    assert (len(room), room.audience) == (1, 1)


async def test_a_buyers_news_reach_all_of_their_seats_and_no_other(a_seat: MakeSeat) -> None:
    room, phone, laptop, bob, guest = a_room(), a_seat("ana"), a_seat("ana", MSGPACK), a_seat("bob"), a_seat()
    for seat in (phone, laptop, bob, guest):
        room.join(seat)
    room.tell_buyer("ana", wire.HoldExpired(hold_id="hold_1", offer_id="offer_1"))
    assert [len(one.writes) for one in (phone, laptop, bob, guest)] == [1, 1, 0, 0]
    room.leave(phone)
    room.leave(laptop)
    assert "ana" not in room.buyers
    room.tell_buyer("ana", wire.HoldExpired(hold_id="hold_1", offer_id="offer_1"))
    assert len(phone.writes) == 1


async def test_an_expected_buyer_hears_news_but_no_events_and_can_leave(a_seat: MakeSeat) -> None:
    room, seat = a_room(), a_seat("ana")
    room.expect(seat)
    take(room, 1)
    room.tell_buyer("ana", wire.HoldExpired(hold_id="hold_1", offer_id="offer_1"))
    await asyncio.sleep(0)
    assert len(seat.writes) == 1
    assert len(room) == 0
    room.leave(seat)
    assert room.buyers == {}


async def test_state_is_told_only_when_it_changed(a_seat: MakeSeat) -> None:
    room, seat = a_room(), a_seat()
    room.join(seat)
    for count in (1, 1, 2):
        room.set_viewers(count)
    room.set_stock("offer_unknown", available=1, held=0, sold=0)
    room.flush()
    await asyncio.sleep(0)
    assert re.findall(rb'"count":(\d)', seat.writes[0]) == [b"1", b"2"]
    assert room.snapshot.viewers == 2


async def test_a_room_is_empty_from_the_moment_its_last_viewer_left(a_seat: MakeSeat) -> None:
    room, first, last = a_room(), a_seat(), a_seat()
    since: list[float | None] = []
    for step, seat in ((room.join, first), (room.join, last), (room.leave, first), (room.leave, last)):
        step(seat)
        since.append(room.empty_since)
    assert since[:3] == [None, None, None]
    assert since[3] is not None
    assert len(room) == 0


async def test_a_room_knows_the_offers_of_its_snapshot() -> None:
    card = wire.OfferCard(
        offer_id="offer_1",
        sku="MUG",
        product_id="prod_1",
        title="Mug",
        price=Money(799, "EUR"),
        quantity=5,
        per_buyer_limit=1,
        starts_at_ms=0,
        ends_at_ms=1,
        hold_ttl_ms=5_000,
    )
    room = a_room()
    assert room.offer_ids == frozenset()
    room.take(wire.OfferOpened(seq=1, offer=card))
    assert room.offer_ids == {"offer_1"}
    room.set_stock("offer_1", available=1, held=0, sold=0)
    room.take(wire.ShowPaused(seq=2, at_ms=0))
    assert room.offer_ids == {"offer_1"}
    await asyncio.sleep(0)


def test_taps_are_counted_by_kind_up_to_so_many_kinds_and_taken_once() -> None:
    room = a_room()
    for n in range(REACTION_MOST_KINDS):
        room.tap(f"kind{n}", 1)
    room.tap("one_too_many", 1)
    room.tap("kind0", 4)
    taps = room.take_taps()
    assert len(taps) == REACTION_MOST_KINDS
    assert (taps["kind0"], taps["kind1"]) == (5, 1)
    assert room.take_taps() == {}
