import asyncio
from collections import deque

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from checkout.payment_call import call
from checkout.payments.provider import PaymentUnknownError, Providers
from checkout.stage import BatchLoop, RowLoop
from kit.errors import UnavailableError


async def test_a_slow_row_holds_up_no_other_and_the_bound_is_kept() -> None:
    waiting = deque(range(20))
    slow = asyncio.Event()
    done: list[int] = []
    running = [0, 0]

    async def take(limit: int) -> list[int]:
        return [waiting.popleft() for _ in range(min(limit, len(waiting)))]

    async def handle(row: int) -> None:
        running[0] += 1
        running[1] = max(running)
        await (slow.wait() if row == 0 else asyncio.sleep(0))
        running[0] -= 1
        done.append(row)

    loop = RowLoop("test", take, handle, in_flight=4, poll_ms=5)
    async with asyncio.timeout(5):
        while len(done) < 19:
            await loop.step()
    assert 0 not in done
    assert running[1] == 4
    slow.set()
    await loop.close()


async def test_a_row_that_fails_stops_nobody() -> None:
    done: list[int] = []

    async def take(limit: int) -> list[int]:
        assert limit == 3
        return [1, 2, 3]

    async def handle(row: int) -> None:
        if row == 2:
            raise UnavailableError("down")
        done.append(row)

    assert await RowLoop("test", take, handle, in_flight=3).round() == 3
    assert done == [1, 3]


async def test_full_batches_follow_each_other_without_a_pause() -> None:
    batches = deque([10, 10, 3])
    loop_time = asyncio.get_running_loop().time

    async def work() -> int:
        return batches.popleft()

    loop = BatchLoop(work, full=10, poll_ms=60_000)
    began = loop_time()
    await loop.step()
    await loop.step()
    loop.wakeup.set()
    await loop.step()
    assert loop_time() - began < 5
    assert not batches


@pytest.mark.parametrize("error", [TimeoutError(), UnavailableError("down"), PaymentUnknownError("lost")])
async def test_every_way_of_not_answering_is_an_unknown_outcome(error: Exception) -> None:
    async def ask() -> None:
        raise error

    with pytest.raises(PaymentUnknownError):
        await call(ask())


def test_an_order_of_a_provider_that_is_not_set_up_waits() -> None:
    with pytest.raises(PaymentUnknownError):
        Providers([]).of_order("gone")


async def test_lines_about_a_row_have_its_ids_and_trouble_is_counted() -> None:
    trouble: list[str] = []

    async def take(_limit: int) -> list[int]:
        return [1, 2]

    async def handle(row: int) -> None:
        raise UnavailableError("down") if row == 1 else ValueError("odd")

    loop = RowLoop(
        "test", take, handle, in_flight=2, ids_of=lambda row: {"order_id": f"order_{row}"}, on_trouble=trouble.append
    )
    with capture_logs([merge_contextvars]) as lines:
        await loop.round()
    assert {(line["event"], line["order_id"]) for line in lines} == {
        ("row_waits", "order_1"),
        ("row_failed", "order_2"),
    }
    assert sorted(trouble) == ["failed", "waits"]
