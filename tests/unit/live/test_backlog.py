import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.backlog import Backlog
from live.limits import WELCOME_MOST_BYTES, WRITE_BEHIND_MOST_S, WRITE_HARD_BYTES, WRITE_SOFT_BYTES

DATA, LOG = b"event state", b"event"
MUCH = WRITE_SOFT_BYTES + 1


def a_backlog() -> Backlog:
    return Backlog(WRITE_HARD_BYTES, WRITE_BEHIND_MOST_S)


def test_up_to_the_soft_limit_everything_is_sent() -> None:
    backlog = a_backlog()
    assert backlog.choose(WRITE_SOFT_BYTES, DATA, LOG, now=5.0) == DATA
    assert not backlog.missed_state
    assert backlog.overdue_at is None


def test_above_the_soft_limit_events_are_sent_and_state_is_missed() -> None:
    backlog = a_backlog()
    told: list[tuple[bytes, bool]] = []
    for data, log in ((LOG, LOG), (DATA, LOG), (b"state", b""), (LOG, LOG)):
        told.append((backlog.choose(MUCH, data, log, now=5.0 + len(told)), backlog.missed_state))
    assert told == [(LOG, False), (LOG, True), (b"", True), (LOG, True)]
    assert backlog.overdue_at == 5.0 + WRITE_BEHIND_MOST_S


@given(st.integers(0, 2 * WRITE_HARD_BYTES), st.integers(0, 2 * WRITE_HARD_BYTES))
def test_no_more_waits_than_is_allowed(unread: int, more: int) -> None:
    assert a_backlog().takes(unread, more) == (unread + more <= WRITE_HARD_BYTES)


def test_a_welcome_may_be_large_and_from_then_on_the_hard_limit_counts_on_top_of_it() -> None:
    backlog = Backlog(WELCOME_MOST_BYTES, 60.0)
    unread = WELCOME_MOST_BYTES - 1
    assert backlog.takes(unread, 1)
    assert not backlog.takes(unread, 2)
    backlog.welcomed(unread, 5.0)
    assert backlog.takes(unread, WRITE_HARD_BYTES)
    assert not backlog.takes(unread, WRITE_HARD_BYTES + 1)
    backlog.welcomed(0, 5.0)
    assert not backlog.takes(0, WRITE_HARD_BYTES + 1)


def test_who_stays_above_the_soft_limit_is_overdue_and_not_earlier() -> None:
    backlog = a_backlog()
    backlog.choose(MUCH, DATA, LOG, now=5.0)
    backlog.choose(MUCH, DATA, LOG, now=9.0)
    assert not backlog.overdue(MUCH, 5.0 + WRITE_BEHIND_MOST_S - 0.1)
    assert backlog.overdue(MUCH, 5.0 + WRITE_BEHIND_MOST_S)


def test_who_is_seen_below_the_soft_limit_begins_anew() -> None:
    backlog = a_backlog()
    backlog.choose(MUCH, DATA, LOG, now=5.0)
    assert not backlog.overdue(WRITE_SOFT_BYTES, 5.0 + WRITE_BEHIND_MOST_S)
    assert not backlog.overdue(MUCH, 100.0)
    assert not backlog.overdue(MUCH, 100.0 + WRITE_BEHIND_MOST_S - 0.1)
    assert backlog.overdue(MUCH, 100.0 + WRITE_BEHIND_MOST_S)


@pytest.mark.parametrize("between", [0, WRITE_SOFT_BYTES])
def test_who_was_below_the_soft_limit_when_it_was_written_to_begins_anew(between: int) -> None:
    backlog = a_backlog()
    backlog.choose(MUCH, DATA, LOG, now=5.0)
    assert backlog.choose(between, DATA, LOG, now=10.0) == DATA
    backlog.choose(MUCH, DATA, LOG, now=14.9)
    assert not backlog.overdue(MUCH, 5.0 + WRITE_BEHIND_MOST_S)
    assert backlog.overdue(MUCH, 14.9 + WRITE_BEHIND_MOST_S)


def test_a_large_welcome_that_nobody_reads_is_overdue_without_a_word_said_in_the_show() -> None:
    backlog = Backlog(WELCOME_MOST_BYTES, 60.0)
    backlog.welcomed(MUCH, 5.0)
    assert not backlog.overdue(MUCH, 64.9)
    assert backlog.overdue(MUCH, 65.0)
    read = Backlog(WELCOME_MOST_BYTES, 60.0)
    read.welcomed(WRITE_SOFT_BYTES, 5.0)
    assert read.overdue_at is None
