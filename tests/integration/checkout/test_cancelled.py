"""Whoever is cancelled, and at whatever await: connections come back whole, no lock stays, nothing hangs or is lost.

Every ``await`` of our own code that really waits is counted while a stage runs, in all tasks that it makes. The n-th
one is cancelled, as a stopping worker or a caller who goes away would; then the same again with the next.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import pytest

from checkout.order import SaleTerms
from checkout.refund import Refunds
from checkout.refund_rules import RefundRequest
from checkout.refunds_pg import RefundRows
from checkout.submit import CheckoutRequest, Submitter
from kit.errors import ShowdropError
from tests.integration.checkout.checkout_shop import Shop, Worker

OURS = Path(__file__).parents[3]
PACKAGES = "site-packages"
"""May stand inside our folder, and is not our code."""

CONNECTIONS = 8
"""As many as the shop's pool lends."""

Answer = TypeVar("Answer")

QUIET_MOST_S = 5.0
"""A statement whose caller is gone is cancelled by a message of its own, which takes a moment."""

HANG_S = 20.0
AWAITS_MOST = 200


class Axe:
    """Cancels whoever is at the n-th await.

    Args:
        at: counted from one.
    """

    def __init__(self, at: int) -> None:
        self.awaits = 0
        self._at = at

    @property
    def fell(self) -> bool:
        """Whether it came that far."""
        return self.awaits >= self._at

    def make_task(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, Answer] | Generator[Any, None, Answer],
        context: Context | None = None,
    ) -> "asyncio.Task[Answer]":
        """Make a task as the loop does; those of our code are counted, a driver's own are nobody's to cancel."""
        assert isinstance(work, Coroutine)
        code = getattr(work, "cr_code", None)
        path = Path("" if code is None else code.co_filename)
        if OURS not in path.parents or PACKAGES in path.parts:
            return asyncio.Task(work, loop=loop, context=context)
        task = asyncio.Task(self._counted(work), loop=loop, context=context)
        # A task that is cancelled before its first step runs no line of its own.
        task.add_done_callback(lambda _task: work.close())
        return task

    async def _counted(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return await _Steps(work, self)

    def step(self) -> None:
        """Count one await."""
        self.awaits += 1
        if self.awaits == self._at:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()


class _Steps(Generic[Answer]):
    """Awaits a coroutine and tells of every await in it that waits."""

    def __init__(self, work: Coroutine[Any, Any, Answer], axe: Axe) -> None:
        self._work = work
        self._axe = axe

    def __await__(self) -> Generator[Any, Any, Answer]:
        running = self._work.__await__()
        try:
            waits_for = next(running)
            while True:
                self._axe.step()
                try:
                    yield waits_for
                except BaseException as error:  # noqa: BLE001 - handed on, whatever it is
                    waits_for = running.throw(error)
                else:
                    waits_for = next(running)
        except StopIteration as done:
            return cast(Answer, done.value)


@contextlib.asynccontextmanager
async def swinging(axe: Axe) -> AsyncIterator[None]:
    """Let every task that is made meanwhile be counted; wait for those that are left."""
    loop = asyncio.get_running_loop()
    before = asyncio.all_tasks()
    loop.set_task_factory(axe.make_task)
    try:
        yield
    finally:
        loop.set_task_factory(None)
        if left := asyncio.all_tasks() - before:
            _, hanging = await asyncio.wait(left, timeout=HANG_S)
            assert not hanging, f"they hang: {hanging}"


async def check_whole(shop: Shop) -> None:
    """Check that every connection of the pool is there, and none of the database's is in a transaction."""
    async with asyncio.timeout(QUIET_MOST_S):
        while rows := await shop.fetch(_IN_A_TRANSACTION):
            assert rows
            await asyncio.sleep(0.005)
    assert await shop.fetch(_LOCKS) == []
    pool = shop.postgres._pool
    assert pool.get_size() - pool.get_idle_size() == 0, "a connection did not come back"
    assert pool.get_size() <= CONNECTIONS
    async with asyncio.timeout(QUIET_MOST_S), contextlib.AsyncExitStack() as lent:
        for _ in range(CONNECTIONS):
            connection = await lent.enter_async_context(shop.postgres.connection())
            assert await connection.fetchval("SELECT 1") == 1


# Who looks is in a transaction too.
_IN_A_TRANSACTION = """
SELECT pid, state, query FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND (xact_start IS NOT NULL OR state <> 'idle')
"""
_LOCKS = """
SELECT pid, locktype, mode FROM pg_locks
WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()
"""

Stage = Callable[[Shop, SaleTerms, Worker], Awaitable[object]]


async def authorise(_shop: Shop, _terms: SaleTerms, worker: Worker) -> object:
    return await worker.authorise()


async def settle(_shop: Shop, _terms: SaleTerms, worker: Worker) -> object:
    return await worker.settle()


async def capture(_shop: Shop, _terms: SaleTerms, worker: Worker) -> object:
    return await worker.capture()


async def give_back(_shop: Shop, _terms: SaleTerms, worker: Worker) -> object:
    return await worker.give_back()


async def refund(shop: Shop, _terms: SaleTerms, worker: Worker) -> object:
    await shop.execute("UPDATE refunds SET due_at_ms = 0")
    return await worker.refund()


async def resolve(_shop: Shop, _terms: SaleTerms, worker: Worker) -> object:
    return await worker.resolve()


async def relay(_shop: Shop, _terms: SaleTerms, worker: Worker) -> object:
    return await worker.relay()


async def staff_refund(shop: Shop, _terms: SaleTerms, _worker: Worker) -> object:
    order_id = str(await shop.value("SELECT order_id FROM orders WHERE state = 'captured' ORDER BY order_id LIMIT 1"))
    refunds = Refunds(shop.postgres, shop.providers)
    return await refunds.refund(order_id, amount=None, reason="", restock=True, refund_id=f"staff:{order_id}")


async def checkout(shop: Shop, terms: SaleTerms, _worker: Worker) -> object:
    buyer_id = f"buyer of {terms.pool_id}"
    hold = shop.holds.put(terms.pool_id, buyer_id)
    submitter = Submitter(shop.holds, shop.orders, shop.providers)
    return await submitter.submit(
        CheckoutRequest(hold_id=hold.hold_id, buyer_id=buyer_id, terms=terms, payment_method="pm_test_ok")
    )


STAGES: list[tuple[Stage, int]] = [
    (checkout, 3),
    (authorise, 6),
    (settle, 6),
    (capture, 5),
    (give_back, 6),
    (refund, 5),
    (staff_refund, 9),
    (resolve, 2),
    (relay, 2),
]
"""And how many awaits each has at the very least."""


DONE_BEFORE: dict[Stage, int] = {authorise: 0, settle: 1, capture: 2}
"""Of authorising, settling and capturing; the other stages come after all three."""


async def prepared(shop: Shop, stage: Stage) -> SaleTerms:
    """Bring orders before the stage: three for one unit, of which one is charged at once."""
    terms = await shop.pool(1)
    if stage is checkout:
        return terms
    await shop.submitted(terms, "pm_test_ok", count=2)
    await shop.submitted(terms, "pm_test_no_auth")
    worker = Worker(shop)
    before = [worker.authorise, worker.settle, worker.capture]
    for done in before[: DONE_BEFORE.get(stage, len(before))]:
        await done()
    if stage in (refund, staff_refund):
        await shop.finish()
    if stage is refund:
        order_id = str(await shop.value("SELECT order_id FROM orders WHERE state = 'captured' AND refunded = 0"))
        request = RefundRequest(
            refund_id=f"refund:{order_id}", order_id=order_id, amount=None, reason="", restock=False
        )
        assert await RefundRows(shop.postgres).reserve(request) is not None
    return terms


async def _cancel_at(shop: Shop, stage: Stage, at: int) -> bool:
    """Cancel whoever is at this await of a stage, then let others finish; tell whether it came that far."""
    terms = await prepared(shop, stage)
    axe = Axe(at)
    worker = Worker(shop)
    async with asyncio.timeout(HANG_S), swinging(axe):
        task = asyncio.create_task(cast(Coroutine[Any, Any, object], stage(shop, terms, worker)))
        with contextlib.suppress(asyncio.CancelledError, ShowdropError):
            await task
    await check_whole(shop)
    # The bank's own batches may have been cut off with the worker.
    await shop.finish()
    assert await shop.value("SELECT sold FROM pools WHERE pool_id = $1", terms.pool_id) in (0, 1)
    await shop.check_quiet(terms)
    return axe.fell


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("stage", "least"), STAGES, ids=[stage.__name__ for stage, _ in STAGES])
async def test_cancelled_at_any_await_a_stage_leaves_the_pool_whole_and_nothing_undone(
    shop: Shop, stage: Stage, least: int
) -> None:
    at = 1
    while await _cancel_at(shop, stage, at):
        at += 1
        assert at < AWAITS_MOST
    assert at - 1 >= least, f"{at - 1} awaits"


async def test_the_axe_cancels_exactly_the_await_that_it_counts() -> None:
    reached: list[int] = []

    async def work() -> None:
        for number in range(1, 5):
            await asyncio.sleep(0)
            reached.append(number)

    for at in (1, 3, 9):
        reached.clear()
        axe = Axe(at)
        async with swinging(axe):
            task = asyncio.create_task(work())
            with contextlib.suppress(asyncio.CancelledError):
                await task
        assert reached == list(range(1, min(at, 5)))
        assert task.cancelled() == axe.fell == (at < 5)
