"""Every seat reads exactly what was sent while it was seated: over real sockets, full ones and reused ones."""

import asyncio
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live import fan_out as module
from live.fan_out import FanOut
from live.frames import VARIANTS
from tests.unit.live.fan_out_seats import FILLING, SOFT_BYTES, House, log_frame, several, state_frame

Step = tuple[str, int, bool]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Closes its sockets at the end."""
    house = House()
    yield house
    house.close()


names = st.sampled_from(
    ["send", "send", "make way", "flush", "join", "leave", "swap", "reply", "stumble", "read", "turn", "turn"]
)
steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(names, st.integers(0, 7), st.booleans()), min_size=20, max_size=40
)


@settings(deadline=None)
@given(seats=st.integers(0, 5), steps=steps, slice_viewers=st.integers(1, 3), batch=st.integers(1, 4))
async def test_every_seat_reads_what_was_sent_while_it_sat_once_and_in_order(
    seats: int, steps: list[Step], slice_viewers: int, batch: int
) -> None:
    house = House()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SLICE_VIEWERS", slice_viewers)
        patch.setattr(module, "BATCH_MOST_FRAMES", batch)
        try:
            for number in range(seats):
                house.seat(VARIANTS[number % 2], tight=True)
            for name, number, flag in steps:
                if name == "turn":
                    await house.turn(all_read=flag)
                else:
                    house.step(name, number, flag)
            await house.settle()
            house.check()
        finally:
            house.close()


async def test_what_is_sent_in_one_turn_leaves_as_one_write_per_seat(house: House) -> None:
    seats = several(house, 3)
    for _ in range(8):
        house.send(0, is_log=True)
    assert [seat.read_writes() for seat in seats] == [[], [], []]
    assert house.fan_out.busy
    await asyncio.sleep(0)
    assert [seat.read_writes() for seat in seats] == [[list(range(1, 9))]] * 3
    assert not house.fan_out.busy


async def test_what_is_sent_during_a_broadcast_leaves_together_behind_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 2)
    seats = several(house, 5)
    for _ in range(4):
        house.send(0, is_log=True)
        await asyncio.sleep(0)
    await house.turns()
    assert [seat.read_writes() for seat in seats] == [[[1], [2, 3, 4]]] * 5


async def test_state_waits_until_all_of_it_is_read_and_leaves_as_one_write(house: House) -> None:
    seats = several(house, 2)
    for _ in range(2):
        house.send(0, is_log=False)
        await asyncio.sleep(0)
    assert not house.fan_out.busy
    house.flush()
    await house.turns()
    house.flush()
    assert not house.fan_out.busy, "there is nothing left"
    assert [seat.read_writes() for seat in seats] == [[[1, 2]]] * 2


async def test_an_event_does_not_wait_and_takes_state_along(house: House) -> None:
    [seat] = several(house, 1)
    for is_log in (False, True, False):
        house.send(0, is_log=is_log)
    await house.turns()
    house.send(0, is_log=False)
    await asyncio.sleep(0)
    house.flush()
    await house.turns()
    assert seat.read_writes() == [[1, 2, 3], [4]]


async def test_state_of_a_round_that_is_not_over_does_not_leave_with_the_end_of_a_broadcast(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 1)
    seats = several(house, 2)
    house.send(0, is_log=True)
    await asyncio.sleep(0)
    house.send(0, is_log=False)
    await house.turns()
    assert [seat.read_writes() for seat in seats] == [[[1]]] * 2
    house.send(0, is_log=True)
    await asyncio.sleep(0)
    house.send(0, is_log=False)
    house.flush()
    await house.turns()
    assert [seat.read_writes() for seat in seats] == [[[2, 3], [4]]] * 2


async def test_who_joins_while_state_waits_knows_it_from_the_welcome(house: House) -> None:
    [first] = several(house, 1)
    house.send(0, is_log=False)
    [late] = several(house, 1)
    house.send(0, is_log=False)
    house.flush()
    await house.turns()
    assert [first.read(), late.read()] == [[1, 2], [2]]


async def test_one_write_holds_so_many_frames_at_most(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_MOST_FRAMES", 3)
    [seat] = several(house, 1)
    for _ in range(7):
        house.send(0, is_log=True)
    await house.turns()
    assert seat.read_writes() == [[1, 2, 3], [4, 5, 6], [7]]


async def test_a_broadcast_to_many_lets_others_work_between_its_slices(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 4)
    seats = several(house, 10)
    house.send(0, is_log=True)
    reached = []
    for _ in range(3):
        await asyncio.sleep(0)  # this task is the other work
        reached.append(sum(bool(seat.read()) for seat in seats))
    assert reached == [4, 8, 10]


@pytest.mark.parametrize(
    ("sent", "reached"),
    [
        pytest.param([False], [2, 4, 6, 8], id="state, in small slices"),
        pytest.param([True], [6, 10, 10, 10], id="an event, in large ones"),
        pytest.param([False, True], [6, 10, 10, 10], id="both"),
    ],
)
async def test_while_claims_wait_state_gives_way_and_events_do_not(
    house: House, monkeypatch: pytest.MonkeyPatch, sent: list[bool], reached: list[int]
) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 6)
    monkeypatch.setattr(module, "SLICE_VIEWERS_BUSY", 2)
    house.fan_out = FanOut(lambda: True)
    seats = several(house, 10)
    for is_log in sent:
        house.send(0, is_log=is_log)
    house.flush()
    found = []
    for _ in reached:
        await asyncio.sleep(0)
        found.append(sum(bool(seat.read()) for seat in seats))
    assert found == reached


@pytest.mark.parametrize(
    ("is_log", "reached"),
    [
        pytest.param(False, [2, 4, 10], id="state, in small slices until all is read"),
        pytest.param(True, [6, 10, 10], id="an event, in large ones"),
    ],
)
async def test_while_the_next_state_is_read_state_gives_way_and_events_do_not(
    house: House, monkeypatch: pytest.MonkeyPatch, is_log: bool, reached: list[int]
) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 6)
    monkeypatch.setattr(module, "SLICE_VIEWERS_BUSY", 2)
    seats = several(house, 10)
    house.send(0, is_log=is_log)
    house.flush()
    house.fan_out.make_way()
    found = []
    for _ in range(2):
        await asyncio.sleep(0)
        found.append(sum(bool(seat.read()) for seat in seats))
    house.send(0, is_log=False)
    house.flush()
    await asyncio.sleep(0)
    found.append(sum(bool(seat.read()) for seat in seats))
    assert found == reached
    await house.turns()


async def test_state_that_an_event_waits_for_does_not_give_way_and_the_next_one_does(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "perf_counter", lambda: 1_000.0)  # no broadcast takes time, so none is rested after
    monkeypatch.setattr(module, "SLICE_VIEWERS", 10)
    monkeypatch.setattr(module, "SLICE_VIEWERS_BUSY", 2)
    house.fan_out = FanOut(lambda: True)
    seats = several(house, 10)
    house.send(0, is_log=False)
    house.flush()
    await asyncio.sleep(0)
    assert sum(seat.read() == [1] for seat in seats) == 2
    house.send(0, is_log=True)
    await asyncio.sleep(0)
    assert sum(seat.read() == [1] for seat in seats) == 10
    await asyncio.sleep(0)
    assert sum(seat.read() == [1, 2] for seat in seats) == 10
    await house.turns()
    house.send(0, is_log=False)
    house.flush()
    await asyncio.sleep(0)
    assert sum(seat.read() == [1, 2, 3] for seat in seats) == 2
    await house.turns()


async def test_seats_that_are_behind_count_in_a_slice_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 2)
    seats = [house.seat(tight=True) for _ in range(5)]
    before = []
    for seat in seats:
        house.reply(seat)
        before.append(seat.unread)
    house.send(0, is_log=True)
    reached = []
    for _ in range(3):
        await asyncio.sleep(0)
        reached.append(sum(seat.unread > unread for seat, unread in zip(seats, before, strict=True)))
    assert reached == [2, 4, 5]


async def test_who_joins_while_frames_wait_gets_the_later_ones_only(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_MOST_FRAMES", 2)
    [first] = several(house, 1)
    for _ in range(3):
        house.send(0, is_log=True)
    [late] = several(house, 1)
    house.send(0, is_log=True)
    [last] = several(house, 1)
    assert set(house.fan_out) == {first, late, last}
    assert len(house.fan_out) == 3
    await house.turns()
    assert [seat.read_writes() for seat in (first, late, last)] == [[[1, 2], [3, 4]], [[4]], []]


async def test_who_joins_during_a_broadcast_gets_what_is_sent_from_then_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 1)
    several(house, 3)
    house.send(0, is_log=True)
    await asyncio.sleep(0)
    [late] = several(house, 1)
    house.send(0, is_log=True)
    [last] = several(house, 1)
    await house.turns()
    assert [late.read(), last.read()] == [[2], []]


async def test_who_joined_late_and_left_again_gets_nothing(house: House) -> None:
    several(house, 1)
    house.send(0, is_log=True)
    [late] = several(house, 1)
    house.send(0, is_log=True)
    late.leave()
    await house.turns()
    assert late.read() == []
    assert late not in set(house.fan_out)


async def test_who_leaves_in_the_middle_of_a_broadcast_gets_nothing_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 2)
    seats = several(house, 4)
    house.send(0, is_log=True)
    await asyncio.sleep(0)
    seats[1].leave()
    seats[2].leave()
    await house.turns()
    assert [seat.read() for seat in seats] == [[1], [1], [], [1]]


@pytest.mark.parametrize("falls_behind", [False, True])
async def test_a_descriptor_that_is_another_seats_by_now_is_not_written_to(
    house: House, monkeypatch: pytest.MonkeyPatch, falls_behind: bool
) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 1)
    _, old = several(house, 2)
    house.send(0, is_log=True)
    await asyncio.sleep(0)
    descriptor = old.fd
    old.leave()
    old.drop()
    new = house.seat(tight=True)
    assert new.fd == descriptor
    replies = house.reply(new) if falls_behind else []
    await house.settle()
    assert new.read() == replies


async def test_a_seat_that_fell_behind_before_its_turn_reads_everything_in_order(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 1)
    several(house, 1)
    seat = house.seat(tight=True)
    house.send(0, is_log=True)
    await asyncio.sleep(0)
    replies = house.reply(seat)
    seat.read_bytes()  # the socket has room again, but the rest of the last reply has to come first
    await house.turns()
    house.send(0, is_log=True)
    await house.settle()
    assert seat.read() == [*replies, 1, 2]


async def test_a_seat_that_fell_behind_twice_before_its_turn_reads_everything_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_VIEWERS", 1)
    several(house, 1)
    seat = house.seat(tight=True)
    house.send(0, is_log=True)
    await asyncio.sleep(0)
    for _ in range(2):
        house.reply(seat)
        seat.catch_up()
    assert not seat.is_behind
    house.reply(seat)
    await house.settle()
    assert seat.read().count(1) == 1


async def test_what_the_socket_takes_half_of_is_finished_by_the_transport(house: House) -> None:
    seat, [other] = house.seat(tight=True), several(house, 1)
    for _ in range(8):
        house.send(2, is_log=True)
    await house.turns()
    assert 0 < len(seat.read_bytes()) < 8 * FILLING
    assert seat.is_behind
    await house.settle()
    assert seat.read() == other.read() == list(range(1, 9))


async def test_a_seat_that_caught_up_is_written_to_directly_again(house: House) -> None:
    seat = house.seat(tight=True)
    for _ in range(10):
        house.send(2, is_log=True)
        await house.turns()
    assert seat.is_behind
    assert seat.handed > 1
    await house.settle()
    assert seat.read() == list(range(1, 11))
    handed = seat.handed
    house.send(2, is_log=True)
    await house.turns()
    assert seat.handed == handed
    assert seat.read() == list(range(1, 12))


async def test_a_seat_with_much_unread_is_spared_state_but_no_event(house: House) -> None:
    seat = house.seat(tight=True)
    for _ in range(10):
        house.send(2, is_log=True)
        await house.turns()
    assert seat.unread > SOFT_BYTES
    for is_log in (False, True, False):
        house.send(0, is_log=is_log)
    await house.settle()
    assert seat.left_out == [11, 13]
    assert seat.read() == [*range(1, 11), 12]


async def test_a_late_seat_that_is_cut_by_what_it_missed_is_not_seated(house: House) -> None:
    several(house, 1)
    house.send(0, is_log=True)
    late = house.seat(tight=True, most_waiting=2 * FILLING)
    house.reply(late)
    for _ in range(3):
        house.send(2, is_log=True)
    await asyncio.sleep(0)
    assert not late.seated
    assert late not in set(house.fan_out)


def reset_pair() -> tuple[socket.socket, socket.socket]:
    """Return two ends of a TCP connection, the other of which resets it when it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        theirs = socket.create_connection(server.getsockname())
        ours, _ = server.accept()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return ours, theirs


@pytest.mark.parametrize("pair", [socket.socketpair, reset_pair])
async def test_one_broken_connection_does_not_stop_the_others(
    house: House, pair: Callable[[], tuple[socket.socket, socket.socket]]
) -> None:
    [before] = several(house, 1)
    broken = house.seat(sockets=pair())
    [after] = several(house, 1)
    broken.hang_up()
    house.send(0, is_log=True)
    house.send(0, is_log=True)
    await house.turns()
    house.send(0, is_log=True)
    await house.turns()
    assert broken.broken
    assert before.read() == after.read() == [1, 2, 3]


async def test_each_variant_is_sent_its_own_bytes(house: House) -> None:
    seats = [house.seat(variant=variant) for variant in VARIANTS]
    house.send(2, is_log=True)
    house.send(0, is_log=False)
    await house.turns()
    frames = [log_frame(1, FILLING), state_frame(2)]
    assert [seat.read_bytes() for seat in seats] == [
        b"".join(one.of(variant) for one in frames) for variant in VARIANTS
    ]
    assert len({seat.read_bytes() for seat in seats}) == len(VARIANTS)


async def test_frames_for_nobody_are_gone(house: House) -> None:
    house.send(0, is_log=True)
    await house.turns()
    assert not house.fan_out.busy
    [seat] = several(house, 1)
    await house.turns()
    assert (len(house.fan_out), seat.read()) == (1, [])
