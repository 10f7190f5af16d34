"""State rests after a broadcast in which claims waited; events never do."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from live import fan_out as module
from live.fan_out import FanOut
from tests.unit.live.fan_out_seats import ASeat, House, several


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Closes its sockets at the end."""
    house = House()
    yield house
    house.close()


@pytest.fixture
def contest(house: House, monkeypatch: pytest.MonkeyPatch) -> "Contest":
    monkeypatch.setattr(module, "STATE_REST_MOST_S", 1_000.0)
    return Contest(house, monkeypatch)


class Contest:
    """A fan-out to two seats, whether claims wait, and a clock that goes on only when it is told to."""

    def __init__(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "SLICE_VIEWERS", 1)
        monkeypatch.setattr(module, "SLICE_VIEWERS_BUSY", 1)
        self.now_s = 1_000.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now_s)
        self.claims_wait = False
        self._house = house
        house.fan_out = FanOut(lambda: self.claims_wait)
        self.seats: list[ASeat] = several(house, 2)

    def send(self, *, is_log: bool) -> None:
        """Send an event, or state that a tick lets leave."""
        self._house.send(0, is_log=is_log)
        self._house.flush()

    async def broadcast(self, *, is_log: bool, waits_s: float, idle_s: float, first: bool = True) -> None:
        """Send to one seat and then to the other; claims wait for so long, ``first`` or at last, and do not so long."""
        self.send(is_log=is_log)
        parts = [(True, waits_s), (False, idle_s)]
        for claims_wait, seconds in parts if first else reversed(parts):
            self.claims_wait = claims_wait
            await asyncio.sleep(0)
            self.now_s += seconds
        self.claims_wait = False
        await self._house.turns()

    async def heard(self) -> list[int]:
        """Let everything leave that may; return what everyone has heard so far."""
        await self._house.turns()
        first, second = (seat.read() for seat in self.seats)
        assert first == second
        return first


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("waits_s", "idle_s"), [(2.5, 2.5), (5.0, 0.0)])
@pytest.mark.parametrize("is_log", [True, False])
async def test_after_a_broadcast_that_claims_waited_in_state_rests_for_as_long(
    contest: Contest, waits_s: float, idle_s: float, is_log: bool, first: bool
) -> None:
    await contest.broadcast(is_log=is_log, waits_s=waits_s, idle_s=idle_s, first=first)
    contest.send(is_log=False)
    assert await contest.heard() == [1]
    contest.now_s += 4.9
    contest.send(is_log=False)
    assert await contest.heard() == [1]
    contest.now_s += 0.2
    assert await contest.heard() == [1], "it leaves with a tick"
    contest.send(is_log=False)
    assert await contest.heard() == [1, 2, 3, 4]
    contest.send(is_log=False)
    assert await contest.heard() == [1, 2, 3, 4, 5], "nobody waited"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(("waits_s", "idle_s"), [(2.4, 2.6), (0.0, 5.0)])
async def test_after_a_broadcast_that_claims_waited_in_for_less_than_half_of_the_time_state_does_not_rest(
    contest: Contest, waits_s: float, idle_s: float, first: bool
) -> None:
    await contest.broadcast(is_log=False, waits_s=5.0, idle_s=0.0)
    contest.now_s += 5.0
    await contest.broadcast(is_log=False, waits_s=waits_s, idle_s=idle_s, first=first)
    contest.send(is_log=False)
    assert await contest.heard() == [1, 2, 3]


async def test_time_between_two_broadcasts_does_not_count(house: House, contest: Contest) -> None:
    for seat in contest.seats:
        seat.leave()
    contest.claims_wait = True
    contest.send(is_log=True)
    await house.turns()
    contest.now_s += 60.0
    contest.seats = several(house, 2)
    await contest.broadcast(is_log=False, waits_s=1.0, idle_s=4.0)
    contest.now_s += 60.0
    await contest.broadcast(is_log=False, waits_s=1.0, idle_s=4.0)
    contest.send(is_log=False)
    assert await contest.heard() == [2, 3, 4]


async def test_a_process_that_stood_still_in_a_broadcast_does_not_rest_for_as_long_again(
    contest: Contest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STATE_REST_MOST_S", 0.5)
    await contest.broadcast(is_log=False, waits_s=60.0, idle_s=0.0)
    contest.now_s += 0.4
    contest.send(is_log=False)
    assert await contest.heard() == [1]
    contest.now_s += 0.2
    contest.send(is_log=False)
    assert await contest.heard() == [1, 2, 3]


async def test_what_fills_a_broadcast_does_not_rest_and_what_is_left_of_it_does(
    contest: Contest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_MOST_FRAMES", 3)
    await contest.broadcast(is_log=False, waits_s=5.0, idle_s=0.0)
    for _ in range(2):
        contest.send(is_log=False)
    assert await contest.heard() == [1]
    for _ in range(3):
        contest.send(is_log=False)
    contest.claims_wait = True
    for _ in range(3):
        await asyncio.sleep(0)
        contest.now_s += 2.0
    contest.claims_wait = False
    assert await contest.heard() == [1, 2, 3, 4]
    contest.now_s += 4.1
    contest.send(is_log=False)
    assert await contest.heard() == [1, 2, 3, 4, 5, 6, 7]


async def test_an_event_does_not_rest_and_takes_along_what_does(contest: Contest) -> None:
    await contest.broadcast(is_log=False, waits_s=5.0, idle_s=0.0)
    contest.send(is_log=False)
    assert await contest.heard() == [1]
    contest.send(is_log=True)
    assert await contest.heard() == [1, 2, 3]


async def test_state_that_comes_during_an_event_rests_after_it(contest: Contest) -> None:
    contest.send(is_log=True)
    contest.claims_wait = True
    await asyncio.sleep(0)
    contest.now_s += 5.0
    contest.send(is_log=False)
    assert await contest.heard() == [1]
    contest.now_s += 5.0
    contest.send(is_log=False)
    assert await contest.heard() == [1, 2, 3]
