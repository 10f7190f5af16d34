"""What Redis has to be like: each thing that is wrong has a line of its own, with a remedy."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.checkup.facts import BookFacts
from live.checkup.limits import CLOCK_FAIL_MS, CLOCK_WARN_MS
from live.checkup.redis_rules import clock, judge_books, judge_redis
from live.checkup.verdict import Verdict
from tests.unit.live.checkup.facts_of_a_deployment import REDIS


def not_ok(**changes: object) -> dict[str, Verdict]:
    """Return what is said about a Redis that differs from a good one in this."""
    verdicts = list(judge_redis(msgspec.structs.replace(REDIS, **changes)))
    assert all((one.remedy == "") == (one.state == "ok") for one in verdicts), "a remedy where one is needed"
    return {one.check: one for one in verdicts if one.state != "ok"}


def test_of_a_good_one_there_is_nothing_to_say() -> None:
    assert not_ok() == {}


@pytest.mark.parametrize(
    ("changes", "check", "state", "remedy"),
    [
        ({"version": "6.0.16"}, "Redis version", "fail", "6.2 or later"),
        ({"role": "slave"}, "Redis role", "fail", "master"),
        ({"in_cluster": True}, "Redis role", "fail", r"redis\+cluster://"),
        ({"loading": True}, "Redis start", "fail", "Wait"),
        ({"append_only": False}, "Redis persistence", "fail", "appendonly yes"),
        ({"appendfsync": "no"}, "Redis persistence", "fail", "appendfsync everysec"),
        ({"appendfsync": None}, "Redis persistence", "warn", "appendfsync"),
        ({"last_write_ok": False}, "Redis persistence", "fail", "room on the disk"),
        ({"eviction": "allkeys-lru"}, "Redis eviction", "fail", "maxmemory-policy noeviction"),
        ({"used_bytes": 700_000_001}, "Redis memory", "warn", "maxmemory"),
        ({"used_bytes": 900_000_001}, "Redis memory", "fail", "maxmemory"),
        ({"maxmemory_bytes": 0}, "Redis memory", "warn", "Set maxmemory"),
        ({"latency_ms": 5.1}, "Redis latency", "warn", "near the gateways"),
        ({"latency_ms": 100.1}, "Redis latency", "fail", "near the gateways"),
        ({"ahead_ms": -1_001.0}, "Redis clock", "warn", "time servers"),
        ({"ahead_ms": 10_001.0}, "Redis clock", "fail", "time servers"),
    ],
)
def test_what_is_wrong_is_said_once_with_what_to_do(
    changes: dict[str, object], check: str, state: str, remedy: str
) -> None:
    said = not_ok(**changes)
    assert list(said) == [check]
    assert said[check].state == state
    assert re.search(remedy, said[check].remedy)


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "6.2.0"},
        {"version": "10.0"},
        {"appendfsync": "always"},
        {"in_cluster": True, "asked_as_cluster": True},
        {"maxmemory_bytes": 0, "embedded": True},
        {"replicas": 0},
    ],
)
def test_what_differs_and_does_no_harm_is_ok(changes: dict[str, object]) -> None:
    assert not_ok(**changes) == {}


@given(st.floats(-1e9, 1e9))
def test_a_clock_is_judged_the_same_in_both_directions(ahead_ms: float) -> None:
    state = clock("Redis", ahead_ms).state
    assert state == clock("Redis", -ahead_ms).state
    assert state == ("fail" if abs(ahead_ms) > CLOCK_FAIL_MS else "warn" if abs(ahead_ms) > CLOCK_WARN_MS else "ok")


@pytest.mark.parametrize(
    ("ahead_ms", "found"),
    [
        (0.0, "in step with this machine"),
        (-4.9, "in step with this machine"),
        (4.9, "in step with this machine"),
        (-5.1, "0.01 s behind this machine"),
        (1_500.0, "1.50 s ahead of this machine"),
    ],
)
def test_a_clock_is_said_to_be_in_step_where_the_difference_rounds_to_nothing(ahead_ms: float, found: str) -> None:
    assert clock("Redis", ahead_ms).found == found


def test_offers_that_recover_are_named_up_to_a_handful() -> None:
    assert judge_books(BookFacts(pools=3, recovering=())).state == "ok"
    said = judge_books(BookFacts(pools=9, recovering=tuple(f"offer_{n}" for n in range(7))))
    assert (said.state, said.found) == ("fail", "recovering: offer_0, offer_1, offer_2, offer_3, offer_4 and 2 more")
