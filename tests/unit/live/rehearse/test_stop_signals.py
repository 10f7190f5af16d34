"""Signals stop the show of a rehearsal and nothing else."""

import asyncio
import os
import signal

import pytest

from live.rehearse.stop_signals import StopSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_cancels_the_work_and_only_the_work(number: signal.Signals) -> None:
    async def work() -> None:
        os.kill(os.getpid(), number)
        await asyncio.sleep(5)

    with StopSignals() as signals:
        with pytest.raises(asyncio.CancelledError):
            await signals.stopping(work())
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.01)
        assert signals.heard is number


async def test_work_does_not_begin_after_a_signal() -> None:
    begun = False

    async def work() -> None:
        nonlocal begun
        begun = True

    with StopSignals() as signals:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0.01)
        with pytest.raises(asyncio.CancelledError):
            await signals.stopping(work())
    assert not begun


async def test_work_that_ends_by_itself_gives_its_result() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    with StopSignals() as signals:
        assert await signals.stopping(work()) == 7
        assert signals.heard is None
