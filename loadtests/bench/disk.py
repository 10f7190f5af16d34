"""What the rows leave on the disk while they run, and whether there is room for it. Pure."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from loadtests.errors import LoadError

GROWN_ORDER_BYTES: Final = 4_000
"""Disk that one order of ``paid-grown`` takes at the most: its row, movements and indexes, and the log of Postgres,
which filling does not let go of."""

_GB: Final = 1_000_000_000


def require_room(names: Sequence[str], grown_orders: int, *, folder: Path, free_bytes: int) -> None:
    """Refuse rows that would fill the disk, before the first of them has taken its time.

    Args:
        names: of the rows.
        grown_orders: what ``paid-grown`` fills its table with.
        folder: where the servers keep their data.
        free_bytes: there.

    Raises:
        LoadError: there is too little; one line with the remedies.
    """
    needed = grown_orders * GROWN_ORDER_BYTES
    if "paid-grown" in names and free_bytes < needed:
        others = " ".join(name for name in names if name != "paid-grown")
        raise LoadError(
            f"paid-grown needs {needed / _GB:.1f} GB of disk in {folder}, and {free_bytes / _GB:.1f} GB are free; "
            "set TMPDIR to a larger disk" + (f", or leave it out: python -m loadtests.bench {others}" if others else "")
        )
