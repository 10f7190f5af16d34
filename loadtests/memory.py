"""The memory of each role while a load test is played, and by how much it grows; pure."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

MIB: Final = 1024 * 1024


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What one role used.

    Attributes:
        first_mib: median of the window after the warm-up.
        last_mib: median of the last window.
        most_mib: at any time.
    """

    role: str
    first_mib: float
    last_mib: float
    most_mib: float

    @property
    def growth(self) -> float:
        """By what share it grew from the first window to the last."""
        return self.last_mib / self.first_mib - 1 if self.first_mib else 0.0


class Samples:
    """Memory by role over time; pure.

    Attributes:
        at_s: seconds since the beginning, one per sample.
        bytes_of: by role, one figure per sample.
    """

    def __init__(self, roles: Sequence[str]) -> None:
        self.at_s: list[float] = []
        self.bytes_of: dict[str, list[int]] = {role: [] for role in roles}

    def add(self, at_s: float, used: Mapping[str, int]) -> None:
        """Keep one sample of every role."""
        for role, figures in self.bytes_of.items():
            figures.append(used[role])
        self.at_s.append(at_s)  # last: whoever writes at this moment finds a figure for each time

    def summary(self, warm_up_s: float, window_s: float) -> list[Memory]:
        """Return what each role used in the first and in the last ``window_s`` seconds after a warm-up.

        Empty while there is no time for both windows, and where there is no sample in the first one.
        """
        if not self.at_s or self.at_s[-1] < warm_up_s + 2 * window_s:
            return []
        last_s = self.at_s[-1] - window_s
        found = []
        for role, figures in self.bytes_of.items():
            pairs = list(zip(self.at_s, figures, strict=True))
            first = [used for at_s, used in pairs if warm_up_s <= at_s < warm_up_s + window_s]
            last = [used for at_s, used in pairs if at_s >= last_s]
            if not first:  # the machine was held meanwhile
                return []
            found.append(
                Memory(
                    role=role,
                    first_mib=round(median(first) / MIB, 2),
                    last_mib=round(median(last) / MIB, 2),
                    most_mib=round(max(figures) / MIB, 2),
                )
            )
        return found

    def write(self, path: Path) -> None:
        """Write all samples as CSV: seconds, and MiB by role."""
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["seconds", *self.bytes_of])
            for place, at_s in enumerate(self.at_s):
                rows.writerow([f"{at_s:.0f}", *(f"{used[place] / MIB:.2f}" for used in self.bytes_of.values())])
