import asyncio

import pytest
from structlog.testing import capture_logs

from kit import tasks as kit_tasks
from kit.errors import UnavailableError
from kit.tasks import Tasks, Wakeup


async def test_a_loop_goes_on_after_every_failure_and_says_so_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit_tasks, "BACKOFF_FIRST_S", 0.001)
    rounds = 0
    done = asyncio.Event()

    async def step() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise UnavailableError("the server restarts")
        if rounds == 2:
            raise ValueError("a bug")
        if rounds == 5:
            done.set()

    tasks = Tasks()
    with capture_logs() as said:
        tasks.forever("worker", step, every_s=0.001)
        await asyncio.wait_for(done.wait(), 10)
        await tasks.stop()
    assert [(one["event"], one["loop"]) for one in said] == [
        ("loop_waits", "worker"),
        ("loop_failed", "worker"),
        ("loop_goes_on", "worker"),
    ]
    assert "exc_info" not in said[0]
    assert said[1]["exc_info"]


async def test_a_loop_that_waits_says_so_at_the_beginning_and_the_end_and_not_at_every_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kit_tasks, "BACKOFF_FIRST_S", 0.0)
    errors = iter(["away", "away", "away", "full", "full", "away"])
    done = asyncio.Event()

    async def step() -> None:
        if (error := next(errors, None)) is not None:
            raise UnavailableError(error)
        done.set()

    tasks = Tasks()
    with capture_logs() as said:
        tasks.forever("worker", step, every_s=0.001)
        await asyncio.wait_for(done.wait(), 10)
        await asyncio.sleep(0.01)
        await tasks.stop()
    assert [(one["event"], one.get("error")) for one in said] == [
        ("loop_waits", "away"),
        ("loop_waits", "full"),
        ("loop_waits", "away"),
        ("loop_goes_on", None),
    ]


async def test_a_loop_that_waits_for_long_says_so_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit_tasks, "BACKOFF_FIRST_S", 0.0)
    monkeypatch.setattr(kit_tasks, "WAITS_AGAIN_S", 0.0)
    tries, done = 0, asyncio.Event()

    async def step() -> None:
        nonlocal tries
        tries += 1
        if tries == 4:
            done.set()
        raise UnavailableError("away")

    tasks = Tasks()
    with capture_logs() as said:
        tasks.forever("worker", step)
        await asyncio.wait_for(done.wait(), 10)
        await tasks.stop()
    assert [one["event"] for one in said[:3]] == ["loop_waits"] * 3


async def test_stopping_ends_every_loop_newest_first() -> None:
    ended: list[str] = []
    tasks = Tasks()

    def waits(name: str) -> None:
        async def step() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(name)

        tasks.forever(name, step)

    waits("first")
    waits("second")
    await asyncio.sleep(0)
    await tasks.stop()
    assert ended == ["second", "first"]


async def test_a_loop_that_ends_by_itself_is_named_and_does_not_keep_the_others_from_being_stopped() -> None:
    tasks, dies, waits_ended = Tasks(), asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            waits_ended.set()

    async def breaks() -> None:
        await dies.wait()
        raise GeneratorExit("no round\nafter this one")

    tasks.forever("waits", waits)
    tasks.forever("breaks", breaks)
    failed = asyncio.create_task(tasks.failed())
    await asyncio.sleep(0.01)
    assert not failed.done()
    dies.set()
    assert await asyncio.wait_for(failed, 10) == "'breaks' has ended: GeneratorExit: no round after this one"
    await asyncio.wait_for(tasks.stop(), 10)
    assert waits_ended.is_set()


async def test_a_step_that_makes_an_error_of_its_cancellation_is_its_last() -> None:
    tasks, rounds = Tasks(), 0

    async def step() -> None:
        nonlocal rounds
        rounds += 1
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as error:
            raise UnavailableError("the connection was cut") from error

    tasks.forever("reader", step)
    await asyncio.sleep(0)
    with capture_logs() as said:
        await asyncio.wait_for(tasks.stop(), 10)
    assert rounds == 1
    assert said == []


async def test_a_step_that_swallows_its_cancellation_is_stopped_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kit_tasks, "CANCEL_AGAIN_S", 0.01)
    tasks, swallowed = Tasks(), 0

    async def step() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed == 3:
                    raise

    tasks.forever("reader", step)
    await asyncio.sleep(0)
    await asyncio.wait_for(tasks.stop(), 10)
    assert swallowed == 3


async def test_what_else_must_not_end_is_watched_too() -> None:
    tasks, never = Tasks(), asyncio.Event()
    tasks.forever("waits", never.wait)

    async def serve() -> None:
        await never.wait()

    serving = asyncio.create_task(serve(), name="http")
    failed = asyncio.create_task(tasks.failed(serving))
    await asyncio.sleep(0)
    serving.cancel()
    assert await asyncio.wait_for(failed, 10) == "'http' has ended: it was cancelled"
    await tasks.stop()


async def test_a_wakeup_ends_a_wait_and_is_not_lost_before_it() -> None:
    wakeup = Wakeup()
    wakeup.set()
    await asyncio.wait_for(wakeup.wait(60), 10)
    waiting = asyncio.create_task(wakeup.wait(60))
    await asyncio.sleep(0)
    assert not waiting.done()
    wakeup.set()
    await asyncio.wait_for(waiting, 10)
    await asyncio.wait_for(wakeup.wait(0.01), 10)


async def test_a_watched_loop_whose_round_does_not_end_is_named_and_one_that_fails_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kit_tasks, "ROUND_MOST_S", 0.05)
    monkeypatch.setattr(kit_tasks, "BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(kit_tasks, "BACKOFF_MOST_S", 0.001)
    tasks, never = Tasks(), asyncio.Event()

    async def fails() -> None:
        raise UnavailableError("the server is down")

    with capture_logs():
        tasks.forever("hangs", never.wait, every_s=0.01, watched=True)
        tasks.forever("listens", never.wait, every_s=0.01)
        tasks.forever("fails", fails, watched=True)
        await asyncio.sleep(0.01)
        assert tasks.stuck() == []
        await asyncio.sleep(0.08)
        assert tasks.stuck() == ["hangs"]
    never.set()
    await asyncio.sleep(0.03)
    assert tasks.stuck() == []
    await tasks.stop()
