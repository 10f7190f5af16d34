"""What Postgres has to be like, and what is said of channels."""

import re
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.checkup.facts import ChannelFacts, Fleet
from live.checkup.postgres_rules import connections_needed, judge_channels, judge_postgres
from live.checkup.verdict import Verdict
from tests.unit.live.checkup.facts_of_a_deployment import EACH_NEEDS, KNOWN, ONE_EACH, POSTGRES


def not_ok(changes: Mapping[str, object], fleet: Fleet = ONE_EACH) -> dict[str, Verdict]:
    """Return what is said about a Postgres that differs from a good one in this."""
    facts = msgspec.structs.replace(POSTGRES, **changes)
    verdicts = list(judge_postgres(facts, known=KNOWN, fleet=fleet, each_needs=EACH_NEEDS))
    assert all((one.remedy == "") == (one.state == "ok") for one in verdicts), "a remedy where one is needed"
    return {one.check: one for one in verdicts if one.state != "ok"}


def test_of_a_good_one_there_is_nothing_to_say() -> None:
    assert not_ok({}) == {}


@pytest.mark.parametrize(
    ("changes", "check", "state", "remedy"),
    [
        ({"version": "13.9", "major": 13}, "Postgres version", "fail", "Postgres 18"),
        ({"version": "16.2", "major": 16}, "Postgres version", "warn", "Postgres 18"),
        ({"is_standby": True}, "Postgres role", "fail", "primary"),
        ({"settings": {"default_transaction_read_only": "on"}}, "Postgres role", "fail", "may write"),
        ({"applied": frozenset()}, "Postgres schema", "fail", "showdrop migrate"),
        ({"applied": frozenset({"live-0001"})}, "Postgres schema", "fail", "showdrop migrate"),
        ({"applied": KNOWN | {"live-0099"}}, "Postgres schema", "warn", "upgrade"),
        ({"settings": {"fsync": "off"}}, "Postgres durability", "fail", "Turn on fsync.*corrupt"),
        ({"settings": {"full_page_writes": "off"}}, "Postgres durability", "fail", "Turn on full_page_writes"),
        ({"settings": {"synchronous_commit": "off"}}, "Postgres durability", "fail", "synchronous_commit.*lose orders"),
        ({"max_connections": 45}, "Postgres connections", "fail", "max_connections to 89"),
        ({"max_connections": 80}, "Postgres connections", "warn", "max_connections to 89"),
        ({"others": 155}, "Postgres connections", "fail", "fewer processes"),
        ({"latency_ms": 6.0}, "Postgres latency", "warn", "near the workers"),
        ({"ahead_ms": -20_000.0}, "Postgres clock", "fail", "time servers"),
    ],
)
def test_what_is_wrong_is_said_once_with_what_to_do(
    changes: dict[str, object], check: str, state: str, remedy: str
) -> None:
    said = not_ok(changes)
    assert list(said) == [check]
    assert said[check].state == state
    assert re.search(remedy, said[check].remedy)


@pytest.mark.parametrize("commit", ["local", "remote_write", "remote_apply"])
def test_every_way_to_wait_for_the_disk_is_ok(commit: str) -> None:
    assert not_ok({"settings": {"synchronous_commit": commit}}) == {}


@given(st.integers(0, 64), st.integers(0, 64), st.integers(0, 64), st.integers(10, 5_000), st.integers(0, 100))
def test_the_advised_number_of_connections_is_enough(
    api: int, gateways: int, workers: int, most: int, others: int
) -> None:
    fleet = Fleet(api=api, gateways=gateways, workers=workers)
    needed = connections_needed(fleet, EACH_NEEDS)
    said = not_ok({"max_connections": most, "others": others}, fleet).get("Postgres connections")
    free = most - POSTGRES.reserved - others
    assert (said is not None and said.state == "fail") == (needed > free)
    if said is not None:
        advised = re.search(r"max_connections to (\d+)", said.remedy)
        assert advised is not None
        assert "Postgres connections" not in not_ok({"max_connections": int(advised[1]), "others": others}, fleet)


def a_channel(**changes: object) -> ChannelFacts:
    good = ChannelFacts(name="Corner shop", kind="shopify", state="active", behind=3, lag_ms=900, oversold=0)
    return msgspec.structs.replace(good, **changes)


def test_channels_that_are_told_are_ok() -> None:
    assert judge_channels([]).found == "none connected"
    assert judge_channels([a_channel(), a_channel()]).found == "2 connected, all are told"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"state": "paused"}, "Corner shop (shopify): paused"),
        ({"lag_ms": 61_000}, "Corner shop (shopify): 3 SKUs behind for 61 s"),
        ({"oversold": 2}, "Corner shop (shopify): 2 orders without units"),
    ],
)
def test_a_channel_in_trouble_is_named(changes: dict[str, object], found: str) -> None:
    said = judge_channels([a_channel(), a_channel(**changes)])
    assert (said.state, said.found) == ("warn", found)
    assert said.remedy
