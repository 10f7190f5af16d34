"""Every fault once, small, a few side by side: nothing is sold twice, left over or lost.

``FAULTS_SEED=123`` repeats what buyers do; ``python -m tests.faults`` is the larger run.
"""

import asyncio
import os
import random
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.faults import FAULTS, LONGEST_FIRST
from tests.faults.postgres_server import databases
from tests.faults.scene import Fault
from tests.faults.small_disk import NoSmallDiskError, small_disk
from tests.faults.trial import Size, Trial
from tests.faults.verdict import Verdict

SIZE = Size(units=60, buyers=45)
AT_ONCE = 3
"""Trials side by side: most of a trial is waiting for holds to run out."""

PROVED_ELSEWHERE = frozenset({"worker_killed_often", "deadlocks", "pool_exhausted", "commit_cut"})
"""Faults that ``make faults`` shows under load, and quicker tests of ``tests/integration/checkout`` step by step."""

SEED = int(os.environ.get("FAULTS_SEED") or random.randrange(1_000_000))

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

Trials = dict[str, "asyncio.Task[Verdict]"]


def possible() -> list[Fault]:
    """Return the faults that this machine can show, in the order in which they are tried."""
    here = [fault for fault in FAULTS if fault.name not in PROVED_ELSEWHERE]
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        try:
            with small_disk(Path(folder) / "disk"):
                pass
        except NoSmallDiskError:
            here = [fault for fault in here if not fault.small_disk]
    return sorted(here, key=lambda fault: fault.name not in LONGEST_FIRST)


def sentence(fault: Fault) -> str:
    """Name a test by what it proves."""
    return fault.proves.replace(" ", "_").replace(",", "")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def trials(request: pytest.FixtureRequest) -> AsyncIterator[Trials]:
    """The trials of all tests that were asked for, under way."""
    asked = {
        item.callspec.params["fault"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module
    }
    gate = asyncio.Semaphore(AT_ONCE)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        async with databases(Path(folder)) as postgres:

            async def run(fault: Fault) -> Verdict:
                async with gate:
                    return await Trial(fault, SIZE, seed=SEED, databases=postgres).run()

            tasks = {fault.name: asyncio.create_task(run(fault)) for fault in possible() if fault in asked}
            try:
                yield tasks
            finally:
                for task in tasks.values():
                    task.cancel()
                await asyncio.gather(*tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("fault", possible(), ids=sentence)
async def test_under_load(fault: Fault, trials: Trials) -> None:
    verdict = await trials[fault.name]
    again = f"FAULTS_SEED={SEED}, or python -m tests.faults --faults {fault.name} --seed {SEED}"
    assert verdict.claims > SIZE.buyers / 2, "there was no load"
    assert (verdict.oversold, verdict.undersold, verdict.lost) == (0, 0, 0), f"{verdict}\nagain: {again}"
    assert verdict.holds, "\n".join([*verdict.faults, f"again: {again}"])
