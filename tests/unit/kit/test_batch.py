import asyncio
from collections.abc import Sequence

import pytest

from kit.batch import Batcher
from kit.errors import UnavailableError


class Press:
    """A flush that waits until it is let go, and notes its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()

    async def flush(self, items: Sequence[int]) -> list[str]:
        self.batches.append(list(items))
        await self.gate.wait()
        if 13 in items:
            raise ValueError("thirteen")
        return [f"answer {one}" for one in items]


async def test_what_queues_during_a_flush_goes_in_one_bounded_call_in_order() -> None:
    press = Press()
    batcher = Batcher(press.flush, max_batch=4, max_queued=100)
    answers = [batcher.put(0)]
    await asyncio.sleep(0)
    answers += [batcher.put(n) for n in range(1, 11)]
    await asyncio.sleep(0)
    assert press.batches == [[0]]
    press.gate.set()
    assert await asyncio.gather(*answers) == [f"answer {n}" for n in range(11)]
    assert press.batches == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


async def test_an_idle_batcher_waits_for_nothing() -> None:
    press = Press()
    press.gate.set()
    batcher = Batcher(press.flush, max_batch=4, max_queued=4)
    for n in range(3):
        assert await batcher.submit(n) == f"answer {n}"
    assert press.batches == [[0], [1], [2]]


async def test_an_error_reaches_its_own_batch_and_no_other() -> None:
    press = Press()
    batcher = Batcher(press.flush, max_batch=2, max_queued=10)
    answers = [batcher.put(n) for n in (1, 2, 13, 4, 5)]
    press.gate.set()
    got = await asyncio.gather(*answers, return_exceptions=True)
    assert [str(one) for one in got] == ["answer 1", "answer 2", "thirteen", "thirteen", "answer 5"]


async def test_a_full_queue_refuses_and_takes_again_when_it_is_served() -> None:
    press = Press()
    batcher = Batcher(press.flush, max_batch=5, max_queued=2)
    first = batcher.put(0)
    await asyncio.sleep(0)
    waiting = [batcher.put(1), batcher.put(2)]
    with pytest.raises(UnavailableError) as refusal:
        await batcher.put(3)
    assert refusal.value.code == "overloaded"
    press.gate.set()
    await asyncio.gather(first, *waiting)
    assert await batcher.submit(4) == "answer 4"


async def test_who_stops_waiting_leaves_the_others_their_answers() -> None:
    press = Press()
    batcher = Batcher(press.flush, max_batch=5, max_queued=5)
    gone, stays = batcher.put(1), batcher.put(2)
    gone.cancel()
    press.gate.set()
    assert await stays == "answer 2"


async def test_closing_answers_what_was_taken_and_takes_no_more() -> None:
    press = Press()
    batcher = Batcher(press.flush, max_batch=1, max_queued=5)
    answers = [batcher.put(n) for n in range(3)]
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await batcher.put(9)
    press.gate.set()
    await closing
    assert [one.result() for one in answers] == ["answer 0", "answer 1", "answer 2"]


async def test_too_few_answers_are_an_error_for_the_callers() -> None:
    async def lose_one(items: Sequence[int]) -> list[int]:
        return list(items)[1:]

    batcher = Batcher(lose_one, max_batch=5, max_queued=5)
    with pytest.raises(AssertionError, match="answered 0 of 1"):
        await batcher.submit(1)


@pytest.mark.parametrize("turns", [0, 1])
async def test_a_cancelled_batcher_leaves_nobody_waiting_and_can_be_used_again(turns: int) -> None:
    press = Press()
    batcher = Batcher(press.flush, max_batch=1, max_queued=5)
    others = asyncio.all_tasks()
    answers = [batcher.put(n) for n in range(3)]
    [running] = asyncio.all_tasks() - others
    for _ in range(turns):  # with none the task has not taken its first step
        await asyncio.sleep(0)
    running.cancel()
    got = await asyncio.wait_for(asyncio.gather(*answers, return_exceptions=True), 10)
    assert [type(one) for one in got] == [asyncio.CancelledError] * 3
    assert batcher.waiting == 0
    press.gate.set()
    assert await asyncio.wait_for(batcher.submit(4), 10) == "answer 4"


async def test_one_that_gathers_waits_while_items_keep_coming_and_no_longer() -> None:
    press = Press()
    press.gate.set()
    batcher = Batcher(press.flush, max_batch=100, max_queued=100, gather_most_s=5.0)
    answers = []
    for n in range(10):
        answers.append(batcher.put(n))
        await asyncio.sleep(0)
    await asyncio.gather(*answers)
    assert press.batches == [list(range(10))]


async def test_one_that_gathers_stops_at_a_full_batch_and_at_its_limit() -> None:
    press = Press()
    press.gate.set()
    full = Batcher(press.flush, max_batch=2, max_queued=100, gather_most_s=5.0)
    await asyncio.gather(*(full.put(n) for n in range(4)))
    assert press.batches == [[0, 1], [2, 3]]
    press.batches.clear()
    busy = Batcher(press.flush, max_batch=1_000_000, max_queued=1_000_000, gather_most_s=0.01)
    first = busy.put(0)
    while not first.done():
        _ = busy.put(1)
        await asyncio.sleep(0)
    assert press.batches[0][0] == 0
    await busy.close()


class Taker:
    """Takes answers as a future does, in the same turn; an answer that it stumbles over is ``stumbles_over``."""

    def __init__(self, stumbles_over: str = "") -> None:
        self.stumbles_over = stumbles_over
        self.taken: list[object] = []

    def done(self) -> bool:
        return False

    def set_result(self, result: str) -> None:
        if result == self.stumbles_over:
            raise RuntimeError("stumbled")
        self.taken.append(result)

    def set_exception(self, exception: Exception) -> None:
        self.taken.append(exception)

    def cancel(self) -> None:
        self.taken.append("cancelled")


async def test_who_stumbles_over_an_answer_does_not_keep_the_others_from_theirs() -> None:
    press, seen = Press(), list[object]()
    press.gate.set()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: seen.append(context["exception"]))
    batcher = Batcher(press.flush, max_batch=9, max_queued=9)
    takers = [Taker(), Taker("answer 2"), Taker()]
    for number, taker in enumerate(takers, start=1):
        batcher.put_for(number, taker)
    await batcher.close()
    assert [taker.taken for taker in takers] == [["answer 1"], [], ["answer 3"]]
    assert [str(error) for error in seen] == ["stumbled"]


async def test_a_taker_hears_of_an_error() -> None:
    press, failed = Press(), Taker()
    press.gate.set()
    batcher = Batcher(press.flush, max_batch=1, max_queued=9)
    batcher.put_for(13, failed)
    await batcher.close()
    assert [str(one) for one in failed.taken] == ["thirteen"]


async def test_a_taker_hears_of_the_end() -> None:
    press, under_way, waiting = Press(), Taker(), Taker()
    batcher = Batcher(press.flush, max_batch=1, max_queued=9)
    batcher.put_for(1, under_way)
    batcher.put_for(2, waiting)
    await asyncio.sleep(0)
    [running] = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    running.cancel()
    await asyncio.wait([running])
    await asyncio.sleep(0)
    assert (under_way.taken, waiting.taken) == (["cancelled"], ["cancelled"])
