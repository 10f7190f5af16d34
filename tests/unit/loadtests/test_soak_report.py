"""What a soak comes to: broken, unknown, or held."""

import pytest

from loadtests.memory import Memory
from loadtests.names import API, REDIS
from loadtests.soak_report import SoakNotes, SoakReport
from loadtests.verifier.table import Percentiles, Report

HELD, BROKEN, UNKNOWN = 0, 1, 2
TOOL_FAILED = "show 2: locust ended with 2"
API_ENDED = "showdrop api ended with -9: ready"


def shown(*, held: bool) -> Report:
    return Report(
        tool="swarm",
        tier="XS",
        shape="drop",
        show_id="show_1",
        held=held,
        verdict="held" if held else "BROKEN: no gaps",
        verdicts=(),
        waits={"confirm": Percentiles(count=2, p50_ms=1, p95_ms=1, p99_ms=1, most_ms=1)},
        cpu={},
    )


def report(notes: SoakNotes, *memory: Memory) -> SoakReport:
    return notes.report(took_s=60, memory=list(memory), stored=[])


def grown(role: str, by: float) -> Memory:
    return Memory(role=role, first_mib=100, last_mib=100 * (1 + by), most_mib=200)


def test_shows_that_were_held_are_counted_with_their_orders() -> None:
    notes = SoakNotes()
    notes.played(shown(held=True))
    notes.played(shown(held=True))
    found = report(notes, grown(API, 0.04), grown(REDIS, 0.9))
    assert (found.shows, found.orders, found.broken, found.exit_code) == (2, 4, [], HELD)


def test_a_show_that_could_not_be_played_is_kept_and_nothing_is_said_to_be_held() -> None:
    notes = SoakNotes()
    notes.played(shown(held=True))
    notes.unable(TOOL_FAILED)
    found = report(notes)
    assert (found.shows, found.broken, found.exit_code) == (1, [TOOL_FAILED], UNKNOWN)


@pytest.mark.parametrize("what", ["a show", "a role that ended", "a role that grew"])
def test_what_is_broken_outweighs_what_could_not_be_played(what: str) -> None:
    notes = SoakNotes()
    notes.played(shown(held=what != "a show"))
    notes.unable(TOOL_FAILED)
    if what == "a role that ended":
        notes.ended([API_ENDED])
    found = report(notes, grown(API, 0.06 if what == "a role that grew" else 0.0))
    of_what = {"a show": "show 1: BROKEN: no gaps", "a role that ended": API_ENDED, "a role that grew": "api grew"}
    assert found.broken == [of_what[what], TOOL_FAILED]
    assert found.exit_code == BROKEN
