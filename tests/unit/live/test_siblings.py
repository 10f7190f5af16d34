"""Answers of several processes become one, and nothing gets lost on the way."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from kit.metrics import CONTENT_TYPE, render_metrics
from live.roles.siblings import Answer, Seat, merge_metrics, merge_readiness, readiness

READY = readiness({})


def body(answer: Answer) -> object:
    return msgspec.json.decode(answer[2])


def exposition(*, joins: float = 0, connections: float = 0, waits: tuple[float, ...] = ()) -> Answer:
    registry = CollectorRegistry()
    Counter("joins_total", "Viewers let in", registry=registry).inc(joins)
    Gauge("connections", 'Open "connections"\nnow', ["encoding"], registry=registry).labels('a"b\\c\nd').set(
        connections
    )
    histogram = Histogram("wait_seconds", "Waits", buckets=(1, 2), registry=registry)
    for wait in waits:
        histogram.observe(wait)
    return 200, CONTENT_TYPE, render_metrics(registry)


def samples(answer: Answer) -> list[Sample]:
    return [one for family in text_string_to_metric_families(answer[2].decode()) for one in family.samples]


def value(answer: Answer, name: str, **labels: str) -> float | None:
    return next((one.value for one in samples(answer) if one.name == name and one.labels == labels), None)


def test_a_seat_names_one_socket_per_process() -> None:
    seat = Seat(number=1, count=3, directory=Path("/run/it"))
    assert [str(seat.socket(number)) for number in range(seat.count)] == [
        "/run/it/0.sock",
        "/run/it/1.sock",
        "/run/it/2.sock",
    ]


def test_ready_are_all_or_none() -> None:
    assert merge_readiness([READY, READY, READY]) == READY
    assert READY == (200, "application/json", b'{"status":"ready","failing":{}}')


def test_one_process_that_is_not_ready_makes_all_not_ready_and_is_named() -> None:
    merged = merge_readiness([READY, readiness({"redis": "gone", "postgres": "slow"}), READY])
    assert merged[0] == 503
    assert body(merged) == {
        "status": "not ready",
        "failing": {"process 1: redis": "gone", "process 1: postgres": "slow"},
    }


def test_a_process_that_does_not_answer_is_not_ready() -> None:
    merged = merge_readiness([None, READY, None])
    assert merged[0] == 503
    assert body(merged) == {"status": "not ready", "failing": {"process 0": "no answer", "process 2": "no answer"}}


def test_every_sample_keeps_its_value_and_labels_and_names_its_process() -> None:
    merged = merge_metrics([exposition(joins=3, connections=1), exposition(joins=4, connections=2)])
    assert merged[:2] == (200, CONTENT_TYPE)
    assert value(merged, "joins_total", process="0") == 3
    assert value(merged, "joins_total", process="1") == 4
    assert value(merged, "connections", encoding='a"b\\c\nd', process="1") == 2


def test_histograms_stay_whole() -> None:
    merged = merge_metrics([exposition(waits=(0.5, 1.5)), exposition(waits=(5,))])
    assert value(merged, "wait_seconds_bucket", le="1.0", process="0") == 1
    assert value(merged, "wait_seconds_bucket", le="+Inf", process="0") == 2
    assert value(merged, "wait_seconds_sum", process="1") == 5
    assert value(merged, "wait_seconds_count", process="1") == 1


def test_a_family_is_described_once_with_its_samples_together() -> None:
    lines = merge_metrics([exposition(joins=1)] * 3)[2].decode().splitlines()
    described = [line for line in lines if line.startswith("#")]
    assert len(described) == len(set(described))
    assert lines.count("# TYPE joins_total counter") == 1
    at = lines.index("# TYPE joins_total counter")
    assert [line.partition("{")[0] for line in lines[at + 1 : at + 4]] == ["joins_total"] * 3


def test_a_process_that_does_not_answer_is_missed_in_the_count() -> None:
    merged = merge_metrics([exposition(joins=3), None, exposition(joins=5)])
    assert value(merged, "showdrop_gateway_processes") == 3
    assert value(merged, "showdrop_gateway_processes_up") == 2
    assert value(merged, "joins_total", process="1") is None
    assert value(merged, "joins_total", process="2") == 5


@pytest.mark.parametrize("answers", [[None, None], [exposition()]])
def test_the_count_is_there_whatever_else_is(answers: list[Answer | None]) -> None:
    merged = merge_metrics(answers)
    assert value(merged, "showdrop_gateway_processes") == len(answers)
    assert value(merged, "showdrop_gateway_processes_up") == len(answers) - answers.count(None)


@given(st.lists(st.none() | st.integers(0, 2**53), min_size=1, max_size=6))
def test_the_sum_over_processes_is_the_sum_of_what_they_said(joins: list[int | None]) -> None:
    merged = merge_metrics([None if one is None else exposition(joins=one) for one in joins])
    told = {one.labels["process"]: one.value for one in samples(merged) if one.name == "joins_total"}
    assert told == {str(number): one for number, one in enumerate(joins) if one is not None}
