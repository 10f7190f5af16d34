from hypothesis import given
from hypothesis import strategies as st

from live.reader_lag import Beacons, LogLag, Standing
from live.wire import Position

moments = st.lists(st.floats(0.01, 5.0), min_size=1, max_size=12)


def a_standing(at: int, newest: int | None, *, show_id: str = "show_1", epoch: str = "a", log: str = "a") -> Standing:
    position = None if newest is None else Position(log, newest)
    return Standing(show_id=show_id, name="log", at=Position(epoch, at), newest=position)


def test_the_lag_is_the_age_of_the_oldest_beacon_not_heard_and_else_the_last_round_trip() -> None:
    beacons = Beacons()
    assert beacons.lag_s(100.0) == 0.0
    beacons.sent(100.0)
    beacons.sent(101.0)
    assert beacons.lag_s(101.5) == 1.5
    beacons.heard(100.0, 101.75)
    assert beacons.lag_s(102.0) == 1.0
    beacons.heard(101.0, 102.25)
    assert beacons.lag_s(500.0) == 1.25


def test_a_beacon_that_is_heard_speaks_for_those_before_it() -> None:
    beacons = Beacons()
    for at in (1.0, 2.0, 3.0):
        beacons.sent(at)
    beacons.heard(2.0, 3.5)
    assert beacons.lag_s(4.0) == 1.0


def test_a_beacon_that_redis_did_not_take_says_nothing_about_the_reader() -> None:
    beacons = Beacons()
    beacons.sent(1.0)
    beacons.heard(1.0, 1.25)
    beacons.sent(2.0)
    beacons.unsent(2.0)
    assert beacons.lag_s(60.0) == 0.25
    beacons.unsent(2.0)  # the connection was dropped meanwhile, and all of its beacons with it


def test_a_new_connection_is_not_blamed_for_the_old_ones_beacons() -> None:
    beacons = Beacons()
    beacons.sent(1.0)
    beacons.forget()
    assert beacons.lag_s(60.0) == 0.0


@given(gaps=moments, heard=st.integers(0, 12), later=st.floats(0.0, 60.0))
def test_the_lag_never_hides_a_beacon_that_is_missing(gaps: list[float], heard: int, later: float) -> None:
    beacons, sent, now = Beacons(), [], 0.0
    for gap in gaps:
        now += gap
        beacons.sent(now)
        sent.append(now)
    for at in sent[:heard]:
        beacons.heard(at, now)
    missing = sent[heard:]
    assert beacons.lag_s(now + later) == (now + later - missing[0] if missing else now - sent[-1])


def test_a_standing_tells_how_many_events_are_missing() -> None:
    assert a_standing(5, 5).events_behind == 0
    assert a_standing(5, 9).events_behind == 4
    assert a_standing(9, 5).events_behind == 0
    assert a_standing(5, None).events_behind == 1
    assert a_standing(5, 5, log="b").events_behind == 1


def test_a_room_is_stuck_when_a_second_look_finds_that_it_did_not_get_to_what_the_first_one_saw() -> None:
    lag = LogLag()
    assert lag.look([a_standing(5, 7)], 10.0) == set()
    assert lag.shows_behind == {"show_1"}
    assert lag.look([a_standing(6, 7)], 11.0) == {"show_1"}
    assert lag.look([a_standing(6, 9)], 12.0) == {"show_1"}
    assert (lag.events_behind, lag.lag_s(13.0)) == (3, 3.0)
    assert lag.look([a_standing(9, 9)], 14.0) == set()
    assert (lag.events_behind, lag.lag_s(15.0), lag.shows_behind) == (0, 0.0, set())


def test_a_room_under_fire_that_keeps_up_is_not_stuck_though_it_is_always_a_little_behind() -> None:
    lag = LogLag()
    for n in range(100):
        assert lag.look([a_standing(n, n + 3)], n * 10.0) == (set() if n % 3 == 0 else {"show_1"})
        assert lag.lag_s(n * 10.0) == n % 3 * 10.0
        assert lag.events_behind == 3


def test_a_log_that_is_gone_or_begun_anew_is_a_gap_until_the_room_is_another_one() -> None:
    lag = LogLag()
    assert lag.look([a_standing(5, None)], 1.0) == set()
    assert lag.look([a_standing(5, None)], 2.0) == {"show_1"}
    assert lag.look([a_standing(5, 0, log="b")], 3.0) == set()
    assert lag.look([a_standing(5, 1, log="b")], 4.0) == {"show_1"}
    assert lag.lag_s(5.0) == 2.0
    assert lag.look([a_standing(6, 6, epoch="b", log="b")], 6.0) == set()
    assert lag.lag_s(7.0) == 0.0


def test_the_slowest_show_counts_and_one_that_is_not_looked_at_is_not_forgotten_until_it_is_let_go() -> None:
    lag = LogLag()
    lag.look([a_standing(0, 9, show_id="show_1"), a_standing(0, 4, show_id="show_2")], 1.0)
    lag.look([a_standing(4, 4, show_id="show_2")], 2.0)
    assert (lag.events_behind, lag.lag_s(5.0)) == (9, 4.0)
    lag.keep({"show_1"})
    assert lag.lag_s(5.0) == 4.0
    lag.keep({"show_2"})
    assert (lag.events_behind, lag.lag_s(5.0)) == (0, 0.0)
