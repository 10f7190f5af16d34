import pytest
from msgspec.structs import replace

from inventory.channels.channel import Capabilities
from live.rehearse.channel_table import (
    Calls,
    calls_in,
    channel_lines,
    due_level,
    lags_ms,
    least_calls,
    level_before,
    level_changes,
)
from live.rehearse.facts import ChannelLevel, WatchedChannel
from tests.unit.live.rehearse.facts_of_a_show import facts

LEVEL = ChannelLevel(channel_id="chan_2", safety_stock=0, switched_off=False, desired=5, told=5, received=None)
FAST = Capabilities(batch_size=1, calls_per_s=10)
SLOW = Capabilities(batch_size=1, calls_per_s=1 / 8)
TWO_AT_ONCE = Capabilities(batch_size=1, calls_per_s=1 / 8, calls_at_once=2)
IN_STOCK = Capabilities(batch_size=1, calls_per_s=10, tells="availability")
EXPOSITION = """
# HELP showdrop_channel_calls_total Calls to channels
# TYPE showdrop_channel_calls_total counter
showdrop_channel_calls_total{channel="chan_1",result="taken"} 7.0
showdrop_channel_calls_total{channel="chan_1",result="failed"} 2.0
showdrop_channel_calls_total{channel="chan_1",result="read"} 50.0
showdrop_channel_calls_total{channel="chan_1",result="orders"} 20.0
showdrop_channel_calls_total{channel="chan_1",result="products"} 3.0
showdrop_channel_calls_total{channel="chan_2",result="taken"} 1.0
# HELP showdrop_channel_calls_created Calls to channels
# TYPE showdrop_channel_calls_created gauge
showdrop_channel_calls_created{channel="chan_1",result="taken"} 1.7e+09
"""


def test_calls_are_counted_that_tell_levels_and_no_others() -> None:
    assert calls_in(EXPOSITION) == Calls(by_channel={"chan_1": 9, "chan_2": 1})


def test_a_server_whose_worker_is_elsewhere_tells_no_calls() -> None:
    assert calls_in("# HELP other x\n# TYPE other gauge\nother 1.0\n") == Calls(by_channel=None)
    assert Calls(by_channel={"chan_1": 9}).since(Calls(by_channel=None), "chan_1") is None


@pytest.mark.parametrize(
    ("before", "now", "made"), [({"c": 4}, {"c": 9}, 5), ({}, {"c": 3}, 3), ({"c": 9}, {"c": 2}, 2)]
)
def test_a_counter_that_began_anew_counts_from_there(before: dict[str, int], now: dict[str, int], made: int) -> None:
    assert Calls(by_channel=now).since(Calls(by_channel=before), "c") == made


@pytest.mark.parametrize(
    ("changes", "can", "least"),
    [
        ([], FAST, 0),
        ([(1000, 105), (4000, 5)], FAST, 2),
        # Told at once, and what comes within a second of it is told with one call ...
        ([(1000, 105), (1100, 95), (1200, 85)], FAST, 2),
        # ... also when it is what was told by then: the channel may have sold some of it.
        ([(1000, 105), (1100, 95), (1200, 105)], FAST, 2),
        # Nothing is sold by those that only show whether there is any.
        ([(950, 0), (980, 1)], IN_STOCK, 0),
        ([(1000, 0), (1100, 1), (4000, 0)], IN_STOCK, 3),
        # A slow channel leaves out what stood for less than its own pace ...
        ([(10_000, 105), (13_000, 55), (15_000, 35), (30_000, 5)], SLOW, 3),
        # ... and this one was called a moment before.
        ([(1000, 105), (4000, 5)], SLOW, 1),
        # After a rest this one takes two directly.
        ([(30_000, 105), (33_000, 55), (35_000, 5)], TWO_AT_ONCE, 3),
        ([(30_000, 105), (33_000, 55), (35_000, 35), (36_000, 5)], TWO_AT_ONCE, 3),
        ([(1000, 105), (4000, 5)], TWO_AT_ONCE, 1),
    ],
)
def test_the_least_possible_calls(changes: list[tuple[int, int]], can: Capabilities, least: int) -> None:
    before = 1 if can.tells == "availability" else 5
    assert least_calls(changes, before, can, called_at_ms=899, now_ms=60_000) == least


def test_a_call_that_may_not_be_made_before_the_end_is_none_of_the_least() -> None:
    assert least_calls([(1000, 105), (4000, 5)], 5, SLOW, called_at_ms=899, now_ms=9_000) == 0


def test_levels_follow_the_units_that_nobody_has_set_aside() -> None:
    units = [(1000, 3), (5000, -3), (6000, -5), (7000, 7)]
    assert level_before(units, 7, LEVEL, FAST) == 5
    assert level_changes(units, 7, LEVEL, FAST) == [(1000, 8), (5000, 5), (6000, 0), (7000, 7)]
    # Units that a channel never shows.
    assert level_changes(units, 7, replace(LEVEL, safety_stock=6), FAST) == [(1000, 2), (5000, 0), (7000, 1)]
    assert level_changes(units, 7, replace(LEVEL, switched_off=True), FAST) == []
    # A channel that only knows whether there is any.
    assert level_changes(units, 7, LEVEL, IN_STOCK) == [(6000, 0), (7000, 1)]


def test_a_change_lasts_until_all_is_told_that_there_is() -> None:
    changes = [(1000, 8), (1040, 5), (6000, 0), (7000, 7)]
    assert lags_ms(changes, {500, 1100, 6020}, 7500) == (100, 60, 20, 500)
    assert lags_ms([], {500}, 7500) == ()


def test_what_is_due_is_what_the_ledger_has_less_what_is_kept_back() -> None:
    ledger = replace(facts().ledger, on_hand=9, ring_fenced=3)
    assert due_level(ledger, LEVEL) == 6
    assert due_level(ledger, replace(LEVEL, safety_stock=7)) == 0
    assert due_level(ledger, replace(LEVEL, switched_off=True)) == 0


def watched(channel_id: str, *lags_ms: int) -> WatchedChannel:
    return WatchedChannel(
        channel_id=channel_id,
        kind="kakao",
        name="Talk Store",
        must_converge=True,
        lags_ms=lags_ms,
        calls=3,
        least_calls=2,
    )


def test_a_line_says_how_late_a_channel_was_and_whether_it_shows_what_is_due() -> None:
    found = facts()
    channels = replace(
        found.channels,
        levels=(*found.channels.levels, LEVEL, replace(LEVEL, channel_id="chan_3", told=4)),
        watched=(watched("chan_2", 30, 10, 20), watched("chan_3"), watched("chan_4")),
    )
    good, wrong, paused = channel_lines(channels, found.ledger)
    assert (good.lag_p99_ms, good.calls, good.least_calls) == (30, 3, 2)
    assert (good.shows, good.due, good.equal) == (5, 5, True)
    assert (wrong.lag_p99_ms, wrong.shows, wrong.due, wrong.equal) == (None, 4, 5, False)
    assert (paused.shows, paused.due, paused.equal) == (None, None, None)


def test_the_99th_of_a_hundred_lags_is_told() -> None:
    channels = replace(facts().channels, watched=(watched("chan_1", *range(1, 101)),))
    assert channel_lines(channels, facts().ledger)[0].lag_p99_ms == 99
