"""Too little disk is told before the first row, and only to whom it concerns."""

from pathlib import Path

import pytest

from loadtests.bench.disk import require_room
from loadtests.bench.limits import FULL, QUICK
from loadtests.errors import LoadError

TEN_GB = 10_000_000_000
FOLDER = Path("/data")


def test_ten_million_orders_need_the_room_that_the_documents_name() -> None:
    with pytest.raises(LoadError) as refused:
        require_room(("one", "paid-grown", "export"), FULL.grown_orders, folder=FOLDER, free_bytes=TEN_GB)
    assert str(refused.value) == (
        "paid-grown needs 40.0 GB of disk in /data, and 10.0 GB are free; set TMPDIR to a larger disk, "
        "or leave it out: python -m loadtests.bench one export"
    )
    require_room(("paid-grown",), FULL.grown_orders, folder=FOLDER, free_bytes=4 * TEN_GB)


def test_who_does_not_fill_a_table_needs_no_room() -> None:
    require_room(("one", "paid"), FULL.grown_orders, folder=FOLDER, free_bytes=0)
    require_room(("paid-grown",), QUICK.grown_orders, folder=FOLDER, free_bytes=TEN_GB)
