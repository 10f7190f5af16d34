"""The row about channels runs whole, at a size whose figure says nothing."""

from pathlib import Path

import pytest

from tests.e2e.test_bench import doubts_of, run_bench

pytestmark = pytest.mark.timeout(110)


async def test_every_sale_reaches_the_channel(tmp_path: Path) -> None:
    found, printed = await run_bench(("channels-lag",), ("channels-lag",), tmp_path)
    assert not doubts_of(found), printed
    assert found["channels-lag"]["result"]["details"]["calls"] > 0
