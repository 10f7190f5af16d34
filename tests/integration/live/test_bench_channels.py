"""The benchmarks of channels run whole, at sizes whose figures say nothing: what is counted must be right."""

from pathlib import Path

import pytest

from live.bench.channel_limits import QUICK
from live.bench.channels import bench_channels
from live.bench.result import LimitResult

pytestmark = pytest.mark.timeout(100)


async def test_nine_channels_converge_with_the_least_calls_and_a_dead_one_is_told_once(
    database_url: str, tmp_path: Path
) -> None:
    lines: list[str] = []
    results = await bench_channels(database_url, tmp_path, QUICK, lines.append)
    found = {result.name: result for result in results if isinstance(result, LimitResult)}
    assert set(found) == {"channels-converge", "channels-dead", "channels-dead-memory", "channels-dead-told"}
    assert not [doubt for result in found.values() for doubt in result.doubts]
    converged = found["channels-converge"]
    # Of so few SKUs one call more or less is much for one channel, and a busy machine is late: all of them count.
    calls, least = converged.details["calls of all"], converged.details["least possible of all"]
    assert isinstance(calls, int)
    assert isinstance(least, int)
    assert least <= calls <= 1.1 * least, converged.details
    assert converged.details["pinterest: calls"] == 2, "one batch of what sold out, and one question"
    told = found["channels-dead-told"]
    assert told.reached, told.details
    # Sales hit SKUs at random, and fewer of them on a busy machine.
    skus = told.details["SKUs told"]
    assert isinstance(skus, int)
    assert skus == told.details["SKUs that changed"]
    assert 0.8 * QUICK.dead_skus <= skus <= QUICK.dead_skus
    assert found["channels-dead-memory"].reached, found["channels-dead-memory"].details
    assert lines
