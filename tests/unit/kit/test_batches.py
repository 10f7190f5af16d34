"""Group commit by name: every item gets its own answer, no name waits for another, and nothing is left behind."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.batches import Batchers
from kit.errors import UnavailableError


class Press:
    """A flush that notes its batches; a name in ``held`` waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[tuple[str, list[int]]] = []
        self.held: dict[str, asyncio.Event] = {}

    async def flush(self, name: str, items: Sequence[int]) -> list[str]:
        self.batches.append((name, list(items)))
        if name in self.held:
            await self.held[name].wait()
        else:
            await asyncio.sleep(0)
        if 13 in items:
            raise ValueError("thirteen")
        return [f"{name} {one}" for one in items]


@pytest.fixture
def press() -> Press:
    return Press()


def batchers(press: Press, *, max_names: int | None = None) -> Batchers[int, str]:
    return Batchers(press.flush, max_batch=3, max_queued=5, max_under_way=6, max_names=max_names)


async def left(names: Batchers[int, str]) -> tuple[int, int]:
    """Return how many names and items are kept once nothing is under way any more."""
    for _ in range(3):
        await asyncio.sleep(0)
    return len(names), names.under_way


async def test_a_name_that_stands_still_keeps_no_other_waiting(press: Press) -> None:
    names = batchers(press)
    press.held["slow"] = asyncio.Event()
    slow = names.put("slow", 1)
    assert await names.submit("quick", 2) == "quick 2"
    assert not slow.done()
    press.held["slow"].set()
    assert await slow == "slow 1"


async def test_nothing_is_kept_of_a_name_without_items(press: Press) -> None:
    names = batchers(press)
    asked = [names.put(f"name {n}", n) for n in range(5)]
    assert (len(names), names.under_way) == (5, 5)
    await asyncio.gather(*asked)
    assert await left(names) == (0, 0)


async def test_one_name_may_not_have_more_items_waiting_than_are_allowed_and_others_go_on(press: Press) -> None:
    names: Batchers[int, str] = Batchers(press.flush, max_batch=3, max_queued=2)
    press.held["one"] = asyncio.Event()
    asked = [names.put("one", 0)]
    await asyncio.sleep(0)
    asked += [names.put("one", n) for n in (1, 2)]
    with pytest.raises(UnavailableError) as refusal:
        await names.submit("one", 3)
    assert refusal.value.code == "overloaded"
    others = [names.put(f"name {n}", n) for n in range(100, 150)]
    assert await asyncio.gather(*others) == [f"name {n} {n}" for n in range(100, 150)]
    press.held["one"].set()
    assert await asyncio.gather(*asked) == ["one 0", "one 1", "one 2"]
    assert await left(names) == (0, 0)


async def test_more_items_than_may_wait_are_refused_whatever_their_names(press: Press) -> None:
    names = batchers(press)
    asked = [names.put("one", n) for n in range(4)] + [names.put("two", n) for n in range(2)]
    with pytest.raises(UnavailableError) as refusal:
        await names.submit("three", 6)
    assert refusal.value.code == "overloaded"
    await asyncio.gather(*asked)
    assert await names.submit("three", 6) == "three 6"


async def test_more_names_than_may_be_under_way_are_refused_and_those_that_are_go_on(press: Press) -> None:
    names = batchers(press, max_names=1)
    first = names.put("one", 1)
    with pytest.raises(UnavailableError):
        await names.submit("two", 2)
    assert [await one for one in (first, names.put("one", 3))] == ["one 1", "one 3"]
    assert await left(names) == (0, 0)
    assert await names.submit("two", 2) == "two 2"


async def test_an_error_reaches_its_own_batch_and_is_counted_off(press: Press) -> None:
    names = batchers(press)
    press.held["one"] = asyncio.Event()
    asked = [names.put("one", 13)]
    await asyncio.sleep(0)
    asked.append(names.put("one", 1))
    press.held["one"].set()
    got = await asyncio.gather(*asked, return_exceptions=True)
    assert [str(one) for one in got] == ["thirteen", "one 1"]
    assert await left(names) == (0, 0)


async def test_who_waits_can_be_answered_without_a_call_and_who_comes_next_waits_for_one(press: Press) -> None:
    names = batchers(press)
    press.held["one"] = asyncio.Event()
    under_way = names.put("one", 0)
    await asyncio.sleep(0)
    waiting = [names.put("one", n) for n in range(1, 4)]
    waiting[0].cancel()
    names.answer_waiting("one", "given up")
    names.answer_waiting("nobody's", "given up")
    assert await asyncio.gather(*waiting[1:]) == ["given up", "given up"]
    assert names.under_way == 1
    later = names.put("one", 4)
    press.held["one"].set()
    assert [await one for one in (under_way, later)] == ["one 0", "one 4"]
    assert press.batches == [("one", [0]), ("one", [4])]
    assert await left(names) == (0, 0)


async def test_who_is_answered_before_its_call_began_needs_none(press: Press) -> None:
    names: Batchers[int, str] = Batchers(press.flush, max_batch=3, max_queued=5, gather_most_s=0.01)
    asked = [names.put("one", n) for n in (1, 2)]
    await asyncio.sleep(0)  # it gathers
    names.answer_waiting("one", "given up")
    assert await asyncio.gather(*asked) == ["given up", "given up"]
    await asyncio.sleep(0.02)
    assert press.batches == []
    assert await left(names) == (0, 0)


async def test_who_asks_again_while_it_is_answered_is_counted(press: Press) -> None:
    names = batchers(press)

    class AsksAgain:
        def __init__(self, times: int) -> None:
            self.times = times
            self.heard: list[str] = []

        def set_result(self, answer: str) -> None:
            self.heard.append(answer)
            if self.times:
                self.times -= 1
                names.put_for("one", self.times, self)

        def set_exception(self, error: Exception) -> None:
            raise error

        def cancel(self) -> None:
            raise AssertionError

    asker = AsksAgain(times=2)
    press.held["one"] = asyncio.Event()
    first = names.put("one", 9)
    await asyncio.sleep(0)
    names.put_for("one", 5, asker)
    names.answer_waiting("one", "given up")
    assert names.under_way == 2
    press.held["one"].set()
    await first
    assert await left(names) == (0, 0)
    assert asker.heard == ["given up", "one 1", "one 0"]


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_task_that_is_cancelled_cancels_who_waits_and_leaves_nothing_behind(turns: int, press: Press) -> None:
    names = batchers(press, max_names=1)
    before = asyncio.all_tasks()
    press.held["one"] = asyncio.Event()
    asked = [names.put("one", n) for n in range(5)]
    [task] = asyncio.all_tasks() - before
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in found)
    assert await left(names) == (0, 0)
    assert await names.submit("two", 2) == "two 2"


async def test_closing_answers_what_was_taken_and_takes_no_more(press: Press) -> None:
    names = batchers(press)
    asked = [names.put("one", 1), names.put("two", 2)]
    await names.close()
    assert [one.result() for one in asked] == ["one 1", "two 2"]
    with pytest.raises(UnavailableError):
        await names.submit("one", 3)
    with pytest.raises(UnavailableError):
        await names.submit("new", 3)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), max_size=30))
def test_every_item_gets_its_answer_in_the_order_of_its_name(asked: list[tuple[str, int]]) -> None:
    """Each is a name and how many turns of the loop pass before the next one comes."""

    async def play() -> None:
        press = Press()
        names: Batchers[int, str] = Batchers(press.flush, max_batch=2, max_queued=30)
        answers = []
        for number, (name, turns) in enumerate(asked, start=100):
            answers.append(names.put(name, number))
            for _ in range(turns):
                await asyncio.sleep(0)
        expected = [f"{name} {number}" for number, (name, _) in enumerate(asked, start=100)]
        assert await asyncio.gather(*answers) == expected
        assert await left(names) == (0, 0)
        for name in "abc":
            sent = [item for called, items in press.batches if called == name for item in items]
            assert sent == sorted(sent)
            assert all(len(items) <= 2 for _, items in press.batches)

    asyncio.run(play())
