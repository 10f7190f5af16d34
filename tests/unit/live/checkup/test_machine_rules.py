"""What the settings and the machine have to be like."""

import re
from collections.abc import Mapping

import msgspec
import pytest

from kit.settings import read_settings
from live.checkup.checkup import wrong_values
from live.checkup.facts import CollectorFacts, DoorFacts, SecretFacts
from live.checkup.machine_rules import (
    is_local,
    judge_collector,
    judge_door,
    judge_environment,
    judge_machine,
    judge_secret,
    judge_settings,
)
from live.checkup.round_trips import RoundTrip, ahead_ms, latency_ms
from live.checkup.verdict import Verdict, report_of
from tests.unit.live.checkup.facts_of_a_deployment import MACHINE, SECRET

PUBLIC = {"SHOWDROP_HOST": "0.0.0.0"}  # noqa: S104 - told, not listened on
BEHIND_TLS = {
    "SHOWDROP_WS_URL": "wss://shop.example",
    "SHOWDROP_ORIGINS": "https://shop.example",
    "SHOWDROP_PROXIES": "10.0.0.0/8",
}


def states(environ: dict[str, str], takes: tuple[str, ...] = ("stripe",)) -> dict[str, str]:
    """Return the state of each line about these settings."""
    said = list(judge_settings(read_settings(environ), takes_payments=takes))
    assert all((one.remedy == "") == (one.state == "ok") for one in said)
    return {one.check: one.state for one in said}


def test_on_this_machine_alone_nothing_has_to_be_set() -> None:
    assert set(states({}, ("test",)).values()) == {"ok"}
    assert set(states({"SHOWDROP_HOST": "::1"}, ("test",)).values()) == {"ok"}


def test_behind_a_proxy_with_all_that_it_takes_there_is_nothing_to_say() -> None:
    assert set(states(PUBLIC | BEHIND_TLS).values()) == {"ok"}
    assert set(states(BEHIND_TLS).values()) == {"ok"}, "a proxy on this machine"


@pytest.mark.parametrize(
    ("environ", "takes", "check", "state"),
    [
        (PUBLIC, ("stripe",), "browsers", "warn"),
        (PUBLIC | BEHIND_TLS | {"SHOWDROP_ORIGINS": ""}, ("stripe",), "browsers", "warn"),
        (PUBLIC | BEHIND_TLS | {"SHOWDROP_WS_URL": ""}, ("stripe",), "browsers", "warn"),
        (PUBLIC | BEHIND_TLS | {"SHOWDROP_WS_URL": "ws://shop.example"}, ("stripe",), "browsers", "warn"),
        (PUBLIC | BEHIND_TLS | {"SHOWDROP_PROXIES": ""}, ("stripe",), "proxies", "warn"),
        (PUBLIC | BEHIND_TLS, ("test", "stripe"), "payments", "warn"),
        (PUBLIC | BEHIND_TLS, (), "payments", "fail"),
    ],
)
def test_what_the_public_needs_is_asked_for(
    environ: dict[str, str], takes: tuple[str, ...], check: str, state: str
) -> None:
    assert {name: one for name, one in states(environ, takes).items() if one != "ok"} == {check: state}


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.9", True), ("localhost", True), ("10.0.0.1", False), ("::", False), ("shop.example", False)],
)
def test_who_can_reach_a_host_is_known(host: str, *, local: bool) -> None:
    assert is_local(host) == local


def test_every_wrong_value_is_told_at_once_and_no_secret() -> None:
    environ = {
        "SHOWDROP_SECRET": "hush",
        "SHOWDROP_HTTP_PORT": "8001",
        "SHOWDROP_LOG": "xml",
        "SHOWDROP_STRIPE_KEY": "pk_live_hush",
    }
    said = wrong_values(environ, {})
    assert [one.split()[0].split("=")[0] for one in said] == [
        "SHOWDROP_SECRET",
        "SHOWDROP_LOG",
        "SHOWDROP_HTTP_PORT",
    ]
    assert "hush" not in str(said)
    verdicts = list(judge_environment(said, {}))
    assert not report_of(verdicts).ok
    assert len(verdicts) == 3


def test_ports_that_are_well_together_are_not_read_apart() -> None:
    assert wrong_values({"SHOWDROP_HTTP_PORT": "8001", "SHOWDROP_WS_PORT": "8000"}, {}) == []


def test_a_misspelt_variable_is_a_warning() -> None:
    [said] = judge_environment([], {"SHOWDROP_ORIGIN": "SHOWDROP_ORIGINS"})
    assert (said.state, said.found) == ("warn", "nothing reads SHOWDROP_ORIGIN (is SHOWDROP_ORIGINS meant?)")
    assert report_of([said]).ok, "a warning is no failure"


@pytest.mark.parametrize(
    ("changes", "embedded", "state"),
    [
        ({}, False, "ok"),
        ({"length": 31}, False, "fail"),
        ({"distinct": 3}, False, "fail"),
        ({"source": "file", "readable_by_others": True}, True, "fail"),
        ({"source": "file"}, True, "ok"),
    ],
)
def test_a_secret_is_judged_without_being_told(changes: dict[str, object], state: str, *, embedded: bool) -> None:
    assert judge_secret(msgspec.structs.replace(SECRET, **changes), embedded=embedded).state == state


def test_without_a_secret_it_depends_on_whether_there_is_another_machine() -> None:
    assert judge_secret(SecretFacts(source="none"), embedded=True).state == "ok"
    assert judge_secret(SecretFacts(source="none"), embedded=False).state == "warn"


def machine(changes: Mapping[str, object], *, embedded: bool = True) -> list[Verdict]:
    facts = msgspec.structs.replace(MACHINE, **changes)
    said = judge_machine(facts, open_files_needed=21_000, embedded=embedded)
    return [one for one in said if one.state != "ok"]


def test_a_machine_with_room_is_ok() -> None:
    assert machine({}) == []
    assert machine({"open_files": None}) == []
    assert machine({"open_files": 21_000}) == []
    assert machine({"free_bytes": 1}, embedded=False) == [], "the servers' data is elsewhere"


@pytest.mark.parametrize(
    ("changes", "check", "state", "remedy"),
    [
        ({"open_files": 20_999}, "open files", "warn", "LimitNOFILE=21000"),
        ({"writable": False}, "data directory", "fail", "SHOWDROP_DATA_DIR"),
        ({"free_bytes": 5 * 1024**3 - 1}, "data directory", "warn", "Make room"),
        ({"free_bytes": 1024**3 - 1}, "data directory", "fail", "Make room"),
    ],
)
def test_a_machine_without_room_is_told(changes: dict[str, object], check: str, state: str, remedy: str) -> None:
    [said] = machine(changes)
    assert (said.check, said.state) == (check, state)
    assert re.search(remedy, said.remedy)


def test_too_few_open_files_are_a_failure_where_viewers_are_expected() -> None:
    assert [one.state for one in machine({"open_files": 20_999}, embedded=False)] == ["fail"]


@pytest.mark.parametrize(
    ("changes", "state", "found"),
    [
        ({"free": True}, "ok", "127.0.0.1:8000 is free"),
        ({"ours": True, "ready": True}, "ok", "127.0.0.1:8000 answers and is ready"),
        ({"ours": True, "failing": ("redis", "schema")}, "fail", "redis, schema"),
        ({"ours": True, "role": "gateway"}, "fail", "127.0.0.1:8000 is answered by the gateway"),
        ({"ours": True, "role": "api"}, "fail", "127.0.0.1:8000 is answered by the API"),
        ({"error": "cannot be listened on (Address already in use)"}, "fail", "Address already in use"),
    ],
)
def test_a_port_is_free_or_ours(changes: dict[str, object], state: str, found: str) -> None:
    door = DoorFacts(name="API", variable="SHOWDROP_HTTP_PORT", address="127.0.0.1:8000")
    said = judge_door(msgspec.structs.replace(door, **changes))
    assert said.state == state
    assert found in said.found


@pytest.mark.parametrize(
    ("collector", "state", "found", "remedy"),
    [
        (CollectorFacts(), "ok", "off", ""),
        (CollectorFacts(address="collector:4318"), "ok", "collector:4318 takes connections", ""),
        (CollectorFacts(address="c:4318", error="Connection refused"), "warn", "c:4318: Connection refused", "dropped"),
        (CollectorFacts(address="c:1", proxy="p:2"), "ok", "the proxy p:2 before c:1 takes connections", ""),
        (CollectorFacts(refused="it is no address"), "fail", "it is no address", "no role starts"),
    ],
)
def test_traces_that_would_not_arrive_are_told(collector: CollectorFacts, state: str, found: str, remedy: str) -> None:
    said = judge_collector(collector)
    assert (said.state, said.found) == (state, found)
    assert remedy in said.remedy
    assert (said.remedy == "") == (state == "ok")


def test_a_clock_is_read_in_the_shortest_round_trip() -> None:
    trips = [RoundTrip(1_000.0, 1_900.0, 800.0), RoundTrip(2_000.0, 2_502.0, 4.0), RoundTrip(3_000.0, 3_600.0, 200.0)]
    assert ahead_ms(trips) == 500.0
    assert latency_ms(trips) == 200.0
