"""A round of claims: who asks when, and that nothing that went wrong is overlooked."""

import msgspec
import pytest

from loadtests.bench.claim_frames import ClaimIds, around_id
from loadtests.bench.claim_round import ClaimOrder, ClaimRound, Sighting, share_of

OFFERS = ["offer_1", "offer_2"]
ORDER = ClaimOrder(offers=OFFERS, each=3, in_flight=2)
MS = 1_000_000


def claim_ids(frames: bytes, offer_id: str) -> list[bytes]:
    before, after = around_id(offer_id)
    parts = frames.split(before)[1:]
    assert all(part.endswith(after) for part in parts)
    return [part.removesuffix(after) for part in parts]


def new_round(viewers: int = 4, **how: object) -> ClaimRound:
    return ClaimRound(msgspec.structs.replace(ORDER, **how), viewers, ClaimIds(), 0)


def ask(under_way: ClaimRound, offer_id: str, now_ns: int = 0) -> tuple[int, list[bytes]]:
    due = under_way.next(now_ns)
    assert due is not None
    return due[0], claim_ids(due[1], offer_id)


def test_viewers_take_turns_and_no_more_claims_are_in_flight_than_ordered() -> None:
    under_way = new_round()
    first, [one] = ask(under_way, "offer_1")
    second, _ = ask(under_way, "offer_1")
    assert (first, second) == (0, 1)
    assert under_way.next(0) is None
    under_way.accepted(first, one, b"hold_1", 5 * MS)
    assert ask(under_way, "offer_1")[0] == 2, "who was answered goes to the end of the line"


def test_offers_are_claimed_from_one_after_another_and_the_round_ends() -> None:
    under_way = new_round(in_flight=1)
    for number, offer_id in enumerate([offer for offer in OFFERS for _ in range(3)]):
        assert not under_way.is_over
        viewer, [claim] = ask(under_way, offer_id)
        under_way.accepted(viewer, claim, b"hold_%d" % number, (number + 1) * MS)
    assert under_way.next(7 * MS) is None
    assert under_way.is_over
    report = under_way.report()
    assert (report.accepted, report.holds, report.answered, report.unanswered) == (6, 6, 6, 0)
    assert report.took_s == pytest.approx(0.006)


def test_a_viewer_who_sends_several_at_once_asks_again_when_all_are_answered() -> None:
    under_way = new_round(viewers=1, each=4, in_flight=9, together=2)
    viewer, [one, two] = ask(under_way, "offer_1")
    under_way.refused(viewer, one, b"sold_out", 0)
    assert under_way.next(0) is None
    under_way.refused(viewer, two, b"sold_out", 0)
    assert len(ask(under_way, "offer_1")[1]) == 2
    assert under_way.report().refused == {"sold_out": 2}


def test_spread_claims_wait_for_their_time_and_their_wait_counts_from_it() -> None:
    under_way = new_round(over_s=0.006, in_flight=6)
    assert under_way.next(0) is not None
    assert under_way.next(0) is None
    viewer, [claim] = ask(under_way, "offer_1", 3 * MS)  # it was due 2 ms before
    under_way.accepted(viewer, claim, b"hold_1", 4 * MS)
    assert under_way.report().most_ms == pytest.approx(3.0)


def test_claims_asked_again_carry_the_id_and_must_get_the_hold_of_the_first_time() -> None:
    first = new_round(viewers=3, offers=["offer_1"], each=2, in_flight=3)
    for hold in (b"hold_0", b"hold_1"):
        viewer, [claim] = ask(first, "offer_1")
        first.accepted(viewer, claim, hold, 0)
    order = msgspec.structs.replace(ORDER, offers=["offer_1"], each=4, in_flight=3, again=True)
    under_way = ClaimRound(order, 3, ClaimIds(), 0, first.given)
    asked = [ask(under_way, "offer_1") for _ in range(2)]
    assert [(viewer, claim) for viewer, [claim] in asked] == [(0, first.given[0][0]), (1, first.given[1][0])]
    assert under_way.next(0) is None, "the third has nothing to ask again"
    under_way.accepted(0, first.given[0][0], b"hold_0", 0)
    under_way.accepted(1, first.given[1][0], b"another", 0)
    under_way.accepted(2, b"nobody's", b"hold_2", 0)
    assert ask(under_way, "offer_1") == (0, [first.given[0][0]])
    report = under_way.report()
    assert (report.accepted, report.holds, report.strange, report.unanswered) == (1, 1, 2, 3)


def test_answers_that_nobody_or_somebody_else_asked_for_are_told() -> None:
    under_way = new_round()
    viewer, [claim] = ask(under_way, "offer_1")
    under_way.accepted(viewer + 1, claim, b"hold_1", 0)
    under_way.accepted(viewer, b"another", b"hold_2", 0)
    report = under_way.report()
    assert report.strange == 2
    assert report.accepted == 0


def test_a_hold_given_twice_and_a_claim_without_an_answer_are_told() -> None:
    under_way = new_round(in_flight=3)
    asked = [ask(under_way, "offer_1") for _ in range(3)]
    for viewer, [claim] in asked[:2]:
        under_way.accepted(viewer, claim, b"the same", 0)
    report = under_way.report()
    assert (report.accepted, report.holds, report.unanswered) == (2, 1, 4)


def test_a_round_that_watches_ends_when_every_watcher_has_seen_the_units_and_watchers_do_not_claim() -> None:
    under_way = new_round(viewers=3, offers=["offer_1"], each=1, watchers=2, until_available=1)
    viewer, [claim] = ask(under_way, "offer_1")
    assert viewer not in under_way.seen
    assert under_way.seen.keys() == {1, 2}
    under_way.accepted(viewer, claim, b"hold_1", 0)
    under_way.seen[1].append(Sighting(at_ms=1.0, available=1))
    assert not under_way.is_over
    under_way.seen[2].append(Sighting(at_ms=1.0, available=1))
    assert under_way.is_over


def test_a_round_is_late_after_its_timeout() -> None:
    under_way = new_round(timeout_s=1.0)
    assert not under_way.is_late(1000 * MS)
    assert under_way.is_late(1001 * MS)


def test_the_share_of_values() -> None:
    assert share_of([], 0.5) == 0.0
    assert share_of([1, 2, 3, 4], 0.5) == 2
    assert share_of([1, 2, 3, 4], 0.99) == 4
    assert share_of(list(range(1, 101)), 0.99) == 99
