"""Who acts when."""

from loadtests.alarms import NEVER, Alarms


def test_the_longest_overdue_acts_first_and_nobody_before_their_time() -> None:
    alarms = Alarms(3)
    alarms.note(0, 30)
    alarms.note(1, 10)
    alarms.note(2, 20)
    assert list(alarms.due(20)) == [1, 2]
    assert alarms.next_ms == 30


def test_something_more_urgent_comes_first_and_once() -> None:
    alarms = Alarms(1)
    alarms.note(0, 50)
    alarms.note(0, 10)
    alarms.note(0, 70)
    assert list(alarms.due(100)) == [0]
    assert list(alarms.due(100)) == []


def test_who_acted_may_be_due_again_and_one_more_may_join() -> None:
    alarms = Alarms()
    assert alarms.next_ms == NEVER
    number = alarms.more()
    alarms.note(number, 5)
    assert list(alarms.due(5)) == [number]
    alarms.note(number, 6)
    assert list(alarms.due(6)) == [number]
