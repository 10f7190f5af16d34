import itertools
import random
from collections import Counter
from collections.abc import Callable

import pytest

from live.client_pulse import CLOCK_PING_WITHIN_MS, CLOCK_PINGS, HEARTBEAT_LEAST_MS, Pulse

HEARTBEAT_MS = 25_000


def pulse(random01: float | Callable[[], float] = 0.0) -> Pulse:
    dice = random01 if callable(random01) else lambda: random01
    return Pulse(0.0, HEARTBEAT_MS, dice)


def pings_until(beats: Pulse, until_ms: float, *, answers: bool = True, clock_is_good: bool = True) -> list[float]:
    """Act whenever something is due; return the times of the pings."""
    now_ms, pings = 0.0, []
    while (now_ms := now_ms + beats.due_ms(now_ms)) <= until_ms:
        action = beats.act(now_ms, clock_is_good=clock_is_good)
        if action == "cut":
            break
        if action == "ping":
            pings.append(now_ms)
            if answers:
                beats.heard()
    return pings


@pytest.mark.parametrize(("random01", "first_ms"), [(0.0, 25_000), (0.6, 10_000), (0.999, 25)])
def test_the_first_beat_is_at_a_random_moment_and_the_others_follow_in_time(random01: float, first_ms: float) -> None:
    pings = pings_until(pulse(random01), 100_000)
    assert pings[0] == pytest.approx(first_ms)
    assert {later - earlier for earlier, later in itertools.pairwise(pings)} == {HEARTBEAT_MS}


def test_ten_thousand_viewers_who_joined_together_do_not_beat_together() -> None:
    dice = random.Random(7)
    seconds = Counter(
        int(ping_ms // 1_000) for _ in range(10_000) for ping_ms in pings_until(pulse(dice.random), 50_000)
    )
    assert max(seconds.values()) < 1.3 * 10_000 / (HEARTBEAT_MS / 1_000)


def test_a_clock_that_is_not_known_is_measured_at_random_moments() -> None:
    dice = random.Random(7)
    for _ in range(100):
        pings = pings_until(pulse(lambda: dice.uniform(0.3, 0.7)), 7_000, clock_is_good=False)
        assert [int(ping_ms // CLOCK_PING_WITHIN_MS) for ping_ms in pings] == list(range(CLOCK_PINGS))


def test_a_clock_that_is_known_is_not_measured() -> None:
    assert pings_until(pulse(), HEARTBEAT_MS - 1) == []


def test_measuring_ends_as_soon_as_the_clock_is_good() -> None:
    beats = pulse(0.5)
    assert beats.act(1_000, clock_is_good=False) == "ping"
    beats.heard()
    assert beats.act(3_000, clock_is_good=True) == "wait"
    assert beats.due_ms(3_000) == HEARTBEAT_MS * 0.5 - 3_000


def test_a_dead_connection_is_cut_within_two_heartbeats_of_the_last_word() -> None:
    beats = pulse(0.0)
    assert pings_until(beats, 200_000, answers=False) == [25_000]
    assert beats.due_ms(49_999) == 1
    assert beats.act(50_000, clock_is_good=True) == "cut"


def test_any_word_of_the_server_keeps_the_connection() -> None:
    beats = pulse(0.0)
    assert beats.act(25_000, clock_is_good=True) == "ping"
    beats.heard()
    assert beats.act(50_000, clock_is_good=True) == "ping"


def test_who_slept_asks_before_the_connection_is_given_up() -> None:
    beats = pulse(0.0)
    assert beats.act(3_600_000, clock_is_good=True) == "ping"
    assert beats.act(3_600_000 + HEARTBEAT_MS - 1, clock_is_good=True) == "wait"
    assert beats.act(3_600_000 + HEARTBEAT_MS, clock_is_good=True) == "cut"


def test_waking_too_early_does_nothing() -> None:
    beats = pulse(0.5)
    assert beats.act(999, clock_is_good=False) == "wait"
    assert beats.due_ms(999) == 1


@pytest.mark.parametrize("heartbeat_ms", [0, -5])
def test_a_mistaken_heartbeat_does_not_make_a_client_spin(heartbeat_ms: int) -> None:
    assert Pulse(0.0, heartbeat_ms, lambda: 0.0).due_ms(0.0) == HEARTBEAT_LEAST_MS
