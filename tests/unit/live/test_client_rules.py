import pytest

from live.client_rules import BACKOFF_MOST_S, ServerClock, backoff_s, judge_seq
from live.close_codes import may_reconnect


def test_the_wait_doubles_up_to_its_limit_and_is_spread_from_zero() -> None:
    assert [backoff_s(attempt, 1.0) for attempt in (0, 1, 2, 6, 99)] == [0.5, 1.0, 2.0, BACKOFF_MOST_S, BACKOFF_MOST_S]
    assert backoff_s(5, 0.0) == 0.0


@pytest.mark.parametrize(
    ("code", "comes_back"),
    [(1000, True), (1006, True), (1012, True), (4000, True), (4499, True), (4500, False), (4999, False)],
)
def test_only_the_stay_away_codes_end_a_client(code: int, comes_back: bool) -> None:
    assert may_reconnect(code) is comes_back


def test_a_position_is_applied_once_and_a_gap_is_noticed() -> None:
    assert [judge_seq(4, seq) for seq in (3, 4, 5, 6)] == ["duplicate", "duplicate", "apply", "gap"]


def test_the_shortest_round_trip_gives_the_offset() -> None:
    clock = ServerClock()
    assert (clock.offset_ms, clock.round_trip_ms) == (0.0, None)
    clock.learn(1_000, 1_400, 6_200)
    clock.learn(2_000, 2_020, 7_110)
    assert (clock.offset_ms, clock.round_trip_ms) == (5_100.0, 20)
    clock.reset()
    assert clock.offset_ms == 0.0
