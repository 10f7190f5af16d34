import asyncio
import gc

from kit.errors import UnavailableError
from live.api.health import Readiness, failing_checks, once_passed


async def works() -> None:
    return


async def is_down() -> None:
    raise UnavailableError("Postgres does not answer: OSError")


async def breaks() -> None:
    raise ValueError("password=hunter2")


async def hangs() -> None:
    await asyncio.sleep(60)


async def test_nothing_fails_when_every_check_returns() -> None:
    assert await failing_checks({"postgres": works, "redis": works}, timeout_s=1) == {}


async def test_every_failing_check_is_named_with_its_reason() -> None:
    checks = {"postgres": is_down, "redis": works, "gateway": hangs, "bank": breaks}
    assert await failing_checks(checks, timeout_s=0.05) == {
        "postgres": "Postgres does not answer: OSError",
        "gateway": "no answer within 0.05 s",
        "bank": "ValueError",
    }


async def test_checks_run_side_by_side() -> None:
    started = asyncio.get_running_loop().time()
    await failing_checks({str(number): hangs for number in range(100)}, timeout_s=0.1)
    assert asyncio.get_running_loop().time() - started < 5


async def test_a_check_that_takes_long_to_let_go_is_not_waited_for() -> None:
    lets_go = asyncio.Event()

    async def holds_on() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await lets_go.wait()
            raise ValueError("too late for anybody")

    complaints: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    async with asyncio.timeout(10):
        assert await failing_checks({"postgres": holds_on}, timeout_s=0.02) == {"postgres": "no answer within 0.02 s"}
    asked = asyncio.create_task(failing_checks({"postgres": holds_on}, timeout_s=60))
    await asyncio.sleep(0.01)
    asked.cancel()
    assert await asyncio.wait((asked,), timeout=10) == ({asked}, set())
    lets_go.set()
    await asyncio.sleep(0.01)
    gc.collect()
    assert complaints == []
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_check_that_was_cancelled_from_elsewhere_is_named() -> None:
    async def is_cancelled() -> None:
        raise asyncio.CancelledError

    assert await failing_checks({"postgres": is_cancelled}, timeout_s=1) == {"postgres": "CancelledError"}


async def test_a_check_that_has_passed_once_is_not_asked_again_and_one_that_failed_is() -> None:
    asked = 0

    async def fails_at_first() -> None:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise UnavailableError("not yet")

    check = once_passed(fails_at_first)
    assert await failing_checks({"schema": check}, timeout_s=1) == {"schema": "not yet"}
    for _ in range(2):
        assert await failing_checks({"schema": check}, timeout_s=1) == {}
    assert asked == 2


async def test_a_check_that_hangs_is_not_begun_again_beside_itself() -> None:
    began = 0
    answered = asyncio.Event()

    async def hangs_at_first() -> None:
        nonlocal began
        began += 1
        await answered.wait()
        if began == 1:
            raise UnavailableError("not yet")

    check = once_passed(hangs_at_first)
    for _ in range(3):
        assert await failing_checks({"schema": check}, timeout_s=0.02) == {"schema": "no answer within 0.02 s"}
    assert began == 1
    last = asyncio.create_task(failing_checks({"schema": check}, timeout_s=5))
    await asyncio.sleep(0.01)
    answered.set()
    assert await last == {"schema": "not yet"}
    assert await failing_checks({"schema": check}, timeout_s=5) == {}
    assert began == 2


async def test_many_who_ask_at_once_cost_one_question_and_the_next_one_asks_anew() -> None:
    asked = 0
    answered = asyncio.Event()

    async def answers() -> None:
        nonlocal asked
        asked += 1
        await answered.wait()

    readiness = Readiness({"postgres": answers, "redis": is_down}, timeout_s=5)
    crowd = [asyncio.create_task(readiness.failing()) for _ in range(100)]
    await asyncio.sleep(0.01)
    crowd[0].cancel()  # who asked first hangs up
    await asyncio.sleep(0)
    answered.set()
    said = await asyncio.gather(*crowd[1:])
    assert all(set(one) == {"redis"} for one in said)
    assert asked == 1
    assert set(await readiness.failing()) == {"redis"}
    assert asked == 2
