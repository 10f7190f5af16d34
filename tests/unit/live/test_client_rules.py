from collections.abc import Callable

import pytest

from live.client_rules import (
    BACKOFF_MOST_S,
    OVERLOAD_LEAST_S,
    RESTART_SPREAD_S,
    RETRY_AFTER_MOST_S,
    LogPlace,
    Reconnect,
    judge_seq,
    may_dial_again,
)
from live.close_codes import may_reconnect
from live.wire import Goodbye, Position, Welcome


def always(value: float) -> Callable[[], float]:
    return lambda: value


def test_the_wait_doubles_up_to_its_limit_and_is_spread_from_zero() -> None:
    longest, shortest = Reconnect(always(1.0)), Reconnect(always(0.0))
    assert [longest.wait_s(1006) for _ in range(8)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, BACKOFF_MOST_S, BACKOFF_MOST_S]
    assert {shortest.wait_s(1006) for _ in range(8)} == {0.0}


def test_the_wait_stays_at_its_limit_for_ever() -> None:
    reconnect = Reconnect(always(1.0))
    assert [reconnect.wait_s(1006) for _ in range(2_000)][-1] == BACKOFF_MOST_S


def test_only_a_welcome_makes_the_waits_short_again() -> None:
    reconnect = Reconnect(always(1.0))
    reconnect.wait_s(1006)
    reconnect.wait_s(1012)
    reconnect.take_goodbye(Goodbye(reason="restart", reconnect_min_ms=0, reconnect_max_ms=0))
    assert reconnect.wait_s(1012) == 0.0
    assert reconnect.wait_s(1006) == 2.0
    reconnect.welcomed()
    assert reconnect.wait_s(1006) == 0.5


@pytest.mark.parametrize(("random01", "wait_s"), [(0.0, 1.0), (0.5, 2.0), (1.0, 3.0)])
def test_a_goodbye_names_the_window_and_counts_once(random01: float, wait_s: float) -> None:
    reconnect = Reconnect(always(random01))
    reconnect.take_goodbye(Goodbye(reason="restart", reconnect_min_ms=1_000, reconnect_max_ms=3_000))
    assert reconnect.wait_s(1012) == wait_s
    assert reconnect.wait_s(1006) == 0.5 * random01


def test_a_goodbye_of_an_earlier_connection_is_forgotten_by_a_welcome() -> None:
    reconnect = Reconnect(always(1.0))
    reconnect.take_goodbye(Goodbye(reason="restart", reconnect_min_ms=9_000, reconnect_max_ms=9_000))
    reconnect.welcomed()
    assert reconnect.wait_s(1006) == 0.5


def test_a_window_that_ends_before_it_begins_is_its_beginning() -> None:
    reconnect = Reconnect(always(1.0))
    reconnect.take_goodbye(Goodbye(reason="restart", reconnect_min_ms=2_000, reconnect_max_ms=1_000))
    assert reconnect.wait_s(1012) == 2.0


@pytest.mark.parametrize("code", [1013, 4004])
def test_a_crowd_that_is_too_much_stays_away_for_a_while_and_comes_back_spread_out(code: int) -> None:
    assert Reconnect(always(0.0)).wait_s(code) == OVERLOAD_LEAST_S
    assert Reconnect(always(1.0)).wait_s(code) == 2 * OVERLOAD_LEAST_S


def test_a_restart_without_a_goodbye_spreads_the_crowd() -> None:
    assert Reconnect(always(0.0)).wait_s(1012) == 0.0
    assert Reconnect(always(1.0)).wait_s(1012) == RESTART_SPREAD_S


def test_retry_after_is_the_least_wait_and_as_much_jitter_comes_on_top() -> None:
    assert Reconnect(always(0.0)).wait_s(1006, 5.0) == 5.0
    assert Reconnect(always(1.0)).wait_s(1006, 5.0) == 10.0


def test_the_jitter_on_top_of_retry_after_grows_with_the_tries() -> None:
    reconnect = Reconnect(always(1.0))
    assert [reconnect.wait_s(1006, 5.0) for _ in range(7)][-1] == 5.0 + BACKOFF_MOST_S


def test_a_mistaken_retry_after_does_not_cost_the_show() -> None:
    assert Reconnect(always(0.0)).wait_s(1006, 86_400.0) == RETRY_AFTER_MOST_S


@pytest.mark.parametrize(
    ("code", "comes_back"),
    [(1000, True), (1006, True), (1012, True), (1013, True), (4000, True), (4499, True), (4500, False), (4999, False)],
)
def test_only_the_stay_away_codes_end_a_client(code: int, comes_back: bool) -> None:
    assert may_reconnect(code) is comes_back


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *[(status, True) for status in (200, 302, 399, 408, 425, 429, 500, 503)],
        *[(status, False) for status in (400, 403, 404, 407, 426, 499)],
    ],
)
def test_only_a_4xx_that_does_not_pass_ends_the_dialling(status: int, *, again: bool) -> None:
    assert may_dial_again(status) is again


def test_a_position_is_applied_once_and_a_gap_is_noticed() -> None:
    assert [judge_seq(4, seq) for seq in (3, 4, 5, 6)] == ["duplicate", "duplicate", "apply", "gap"]


def welcome(seq: int, *, recovered: bool, epoch: str = "e1") -> Welcome:
    return Welcome(
        session_id="s", epoch=epoch, seq=seq, server_time_ms=0, heartbeat_ms=1, recovered=recovered, holds=[]
    )


def test_a_recovered_welcome_goes_on_from_the_old_position() -> None:
    place = LogPlace()
    place.welcome(welcome(5, recovered=False))
    place.welcome(welcome(7, recovered=True))
    assert [place.take(seq) for seq in (5, 6, 7)] == ["duplicate", "apply", "apply"]
    assert place.position == Position(epoch="e1", seq=7)


def test_a_snapshot_replaces_the_position_and_its_epoch() -> None:
    place = LogPlace()
    place.welcome(welcome(5, recovered=False))
    place.welcome(welcome(2, recovered=False, epoch="e2"))
    assert place.position == Position(epoch="e2", seq=2)


def test_a_gap_keeps_the_position_unless_resuming_has_just_failed_to_fill_it() -> None:
    place = LogPlace()
    place.welcome(welcome(5, recovered=False))
    assert [place.take(seq) for seq in (6, 8)] == ["apply", "gap"]
    assert place.position == Position(epoch="e1", seq=6)
    place.welcome(welcome(8, recovered=True))
    assert place.take(8) == "gap"
    assert place.position is None
