"""A gateway of several processes: who sits where, and how their answers to an operator become one."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from kit.metrics import CONTENT_TYPE

Answer = tuple[int, str, bytes]
"""To a plain GET: status, content type, body."""

LABEL = "process"


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """The place of one process among those of its gateway.

    Attributes:
        number: 0 to ``count - 1``; a process that replaces another takes its number.
        count: how many processes the gateway has.
        directory: private to this gateway; holds one Unix socket per process.
    """

    number: int
    count: int
    directory: Path

    def socket(self, number: int) -> Path:
        """Return the path of the socket on which a process answers its siblings."""
        return self.directory / f"{number}.sock"


class Readiness(msgspec.Struct, kw_only=True):
    """The body of ``/readyz``.

    Attributes:
        status: ``ready`` or ``not ready``.
        failing: what fails, with a short reason; empty when ready.
    """

    status: str
    failing: dict[str, str]


def readiness(failing: dict[str, str]) -> Answer:
    """Return the answer of ``/readyz``: 200 only when nothing fails."""
    body = Readiness(status="not ready" if failing else "ready", failing=failing)
    return 503 if failing else 200, "application/json", msgspec.json.encode(body)


def merge_readiness(answers: Sequence[Answer | None]) -> Answer:
    """Make one answer of those of all processes, by number; None is a process that did not answer.

    Ready is the gateway only when all are: a viewer may end up with any of them.
    """
    failing: dict[str, str] = {}
    for number, answer in enumerate(answers):
        if answer is None:
            failing[f"{LABEL} {number}"] = "no answer"
        else:
            its = msgspec.json.decode(answer[2], type=Readiness).failing
            failing |= {f"{LABEL} {number}: {name}": reason for name, reason in its.items()}
    return readiness(failing)


def merge_metrics(answers: Sequence[Answer | None]) -> Answer:
    """Make one exposition of those of all processes, by number; None is a process that did not answer.

    Every sample gets a label ``process``; each family is described once, as its first process describes it. Two more
    gauges tell how many processes there should be and how many answered.
    """
    return 200, CONTENT_TYPE, generate_latest(_Merged(answers))


class _Merged(Collector):
    def __init__(self, answers: Sequence[Answer | None]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "showdrop_gateway_processes", "Processes that this gateway should have", value=len(self._answers)
        )
        up = len(self._answers) - self._answers.count(None)
        yield GaugeMetricFamily("showdrop_gateway_processes_up", "Processes that answered just now", value=up)
        families: dict[str, Metric] = {}
        for number, answer in enumerate(self._answers):
            text = "" if answer is None else answer[2].decode()
            for family in text_string_to_metric_families(text):
                merged = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
                merged.samples += [one._replace(labels={**one.labels, LABEL: str(number)}) for one in family.samples]
        yield from families.values()
