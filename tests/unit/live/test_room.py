import asyncio
import re

from kit.money import Money
from live import wire
from live.limits import REACTION_MOST_KINDS, ROOM_KEPT_FRAMES
from live.room import Room
from tests.unit.live.live_strategies import empty_snapshot


class ASeat:
    def __init__(self, buyer_id: str | None = None, *, binary: bool = False) -> None:
        self.is_staff = False
        self.binary = binary
        self.buyer_id = buyer_id
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    @property
    def seqs(self) -> list[int]:
        return [int(one) for one in re.findall(rb'"seq":(\d+)', b"".join(self.writes))]


def a_room(seq: int = 0) -> Room:
    return Room("show_1", "epoch", seq, empty_snapshot())


def take(room: Room, count: int) -> None:
    for seq in range(room.seq + 1, room.seq + count + 1):
        room.take(wire.ShowPaused(seq=seq, at_ms=0))


async def test_what_happens_in_one_turn_leaves_as_one_write() -> None:
    room, json, msgpack = a_room(), ASeat(), ASeat(binary=True)
    room.join(json)
    room.join(msgpack)
    take(room, 5)
    assert json.writes == []
    await asyncio.sleep(0)
    assert len(json.writes) == len(msgpack.writes) == 1
    assert json.seqs == [1, 2, 3, 4, 5]
    assert json.writes[0] != msgpack.writes[0]


async def test_who_joins_between_two_events_gets_the_second_only() -> None:
    room, early, late = a_room(), ASeat(), ASeat()
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
    assert [b'"seq":%d' % room.seq in one.json for one in last] == [True]
    await asyncio.sleep(0)


async def test_a_buyers_news_reach_all_of_their_seats_and_no_other() -> None:
    room, phone, laptop, bob, guest = a_room(), ASeat("ana"), ASeat("ana", binary=True), ASeat("bob"), ASeat()
    for seat in (phone, laptop, bob, guest):
        room.join(seat)
    room.tell_buyer("ana", wire.HoldExpired(hold_id="hold_1", offer_id="offer_1"))
    assert [len(one.writes) for one in (phone, laptop, bob, guest)] == [1, 1, 0, 0]
    room.leave(phone)
    room.leave(laptop)
    assert "ana" not in room.buyers
    room.tell_buyer("ana", wire.HoldExpired(hold_id="hold_1", offer_id="offer_1"))
    assert len(phone.writes) == 1


async def test_an_expected_buyer_hears_news_but_no_events_and_can_leave() -> None:
    room, seat = a_room(), ASeat("ana")
    room.expect(seat)
    take(room, 1)
    room.tell_buyer("ana", wire.HoldExpired(hold_id="hold_1", offer_id="offer_1"))
    await asyncio.sleep(0)
    assert len(seat.writes) == 1
    assert len(room) == 0
    room.leave(seat)
    assert room.buyers == {}


async def test_state_is_told_only_when_it_changed() -> None:
    room, seat = a_room(), ASeat()
    room.join(seat)
    for count in (1, 1, 2):
        room.set_viewers(count)
    room.set_stock("offer_unknown", available=1, held=0, sold=0)
    await asyncio.sleep(0)
    assert re.findall(rb'"count":(\d)', seat.writes[0]) == [b"1", b"2"]
    assert room.snapshot.viewers == 2


async def test_a_room_is_empty_from_the_moment_its_last_viewer_left() -> None:
    room, first, last = a_room(), ASeat(), ASeat()
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
