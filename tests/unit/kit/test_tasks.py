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
        await asyncio.wait_for(done.wait(), 2)
        await tasks.stop()
    assert [(one["event"], one["loop"]) for one in said] == [("loop_waits", "worker"), ("loop_failed", "worker")]
    assert "exc_info" not in said[0]
    assert said[1]["exc_info"]


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


async def test_a_wakeup_ends_a_wait_and_is_not_lost_before_it() -> None:
    wakeup = Wakeup()
    wakeup.set()
    await asyncio.wait_for(wakeup.wait(60), 1)
    waiting = asyncio.create_task(wakeup.wait(60))
    await asyncio.sleep(0)
    assert not waiting.done()
    wakeup.set()
    await asyncio.wait_for(waiting, 1)
    await asyncio.wait_for(wakeup.wait(0.01), 1)
