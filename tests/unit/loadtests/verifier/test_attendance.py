"""Whether the show was played as its scene says: on runs that did, and on runs that did less."""

from collections.abc import Callable

import msgspec
import pytest

from loadtests.tiers import TIERS
from loadtests.verifier.evidence import Evidence
from tests.unit.loadtests.verifier.good_run import (
    DROP,
    TRICKLE,
    UNITS,
    broken,
    change,
    good,
    host_of,
    refused,
    rolled,
    watched,
    with_soak,
)

PLAYED = "everyone played"
TAPPED = "everyone tapped"


def leave_one_out(evidence: Evidence) -> Evidence:
    del evidence.runs[0].viewers[-1]
    return evidence


def host(**changes: object) -> Callable[[Evidence], Evidence]:
    def do(evidence: Evidence) -> Evidence:
        for name, value in changes.items():
            setattr(host_of(evidence), name, value)
        return evidence

    return do


LESS: dict[str, Callable[[Evidence], Evidence]] = {
    "a viewer who did not come": leave_one_out,
    "a viewer who never got in": lambda one: change(one, welcomes=0),
    "a viewer who was counted twice": lambda one: change(one, subject="viewer-19"),
    "a viewer who was cut": lambda one: change(one, lost=1),
    "a show without an end": host(ended=False),
    "a drop that did not happen": host(drops={}),
    "a drop too many": host(drops={DROP: UNITS, "offer_other": UNITS}),
    "a soak that did not happen": host(trickles=[], soaks_ms=[]),
    "a soak without its times": host(soaks_ms=[]),
    "an offer of the soak too many": host(trickles=[TRICKLE, "offer_other"]),
}


@pytest.mark.parametrize("less", LESS)
def test_whatever_is_missing_of_the_scene_breaks_the_verdict(less: str) -> None:
    assert PLAYED not in broken(with_soak())
    assert PLAYED in broken(LESS[less](with_soak()))


def test_in_a_shape_without_a_drop_nobody_has_to_tap() -> None:
    evidence = good()
    evidence.runs[0].shape = "join-storm"
    host_of(evidence).drops = {}
    assert not {PLAYED, TAPPED} & set(broken(evidence))


def test_a_soak_of_another_length_has_as_many_drops_as_it_was_to_have() -> None:
    evidence = with_soak(soak_s=80.0)
    evidence.runs[0].shape = "soak"
    assert PLAYED in broken(evidence)
    evidence.runs[0].soak_s = None  # the tier's own: one drop
    assert PLAYED not in broken(evidence)


def test_where_gateways_were_replaced_a_cut_and_a_late_tap_are_no_fault() -> None:
    evidence = tap_later(change(good(), lost=1), 5)
    assert {PLAYED, TAPPED} <= set(broken(evidence))
    assert not {PLAYED, TAPPED} & set(broken(rolled(evidence)))


def tap_later(evidence: Evidence, buyers: int) -> Evidence:
    """Let so many buyers tap when the first second is over."""
    for viewer in evidence.runs[0].viewers[:buyers]:
        for claim in viewer.claims.values():
            claim.sent_after_ms = [after_ms + 1_000 for after_ms in claim.sent_after_ms]
    return evidence


def crowd(name: str, tapping: int, soon: int) -> Evidence:
    """A tier with so many who tap, and so many of them in the first second."""
    evidence, tier = good(), TIERS[name]
    run = evidence.runs[0]
    run.tier = name
    buyers = [refused(number, 0 if number < soon else 1_000) for number in range(tapping)]
    run.viewers = [*buyers, *(watched(number) for number in range(tapping, tier.viewers))]
    return evidence


@pytest.mark.parametrize(("name", "tapping", "soon"), [("XS", 5, 2), ("S", 75, 38), ("L", 2_475, 1_275)])
def test_nearly_everyone_has_to_tap_and_most_of_the_early_claims_have_to_be_early(
    name: str, tapping: int, soon: int
) -> None:
    assert TAPPED not in broken(crowd(name, tapping, soon))
    assert TAPPED in broken(crowd(name, tapping - 1, soon))
    assert TAPPED in broken(crowd(name, tapping, soon - 1))


def test_of_several_drops_each_one_is_judged() -> None:
    def two_drops(buyers: int, later_ms: int) -> Evidence:
        evidence = good()
        host_of(evidence).drops["offer_other"] = UNITS
        for viewer in evidence.runs[0].viewers[:buyers]:
            [claim] = viewer.claims.values()
            after_ms = [sent_ms + later_ms for sent_ms in claim.sent_after_ms]
            viewer.claims["again"] = msgspec.structs.replace(claim, offer_id="offer_other", sent_after_ms=after_ms)
        return evidence

    assert TAPPED not in broken(two_drops(5, 0))
    assert TAPPED in broken(two_drops(4, 0))
    assert TAPPED in broken(two_drops(5, 1_000))


def test_what_several_processes_saw_counts_together() -> None:
    evidence = good()
    [run] = evidence.runs
    runs = (
        msgspec.structs.replace(run, viewers=run.viewers[:2]),
        msgspec.structs.replace(run, host=None, viewers=run.viewers[2:], waits={}),
    )
    assert broken(msgspec.structs.replace(evidence, runs=runs)) == broken(evidence)
    assert TAPPED in broken(msgspec.structs.replace(evidence, runs=runs[:1]))
