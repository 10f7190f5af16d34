"""What a soak finds, show by show, and what it comes to; pure."""

import msgspec

from loadtests.limits import EXIT_CANNOT, GROWTH_MOST
from loadtests.memory import Memory
from loadtests.names import STORES
from loadtests.stored import Growth
from loadtests.verifier.table import Report


class SoakReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a soak found.

    Attributes:
        shows: how many were played and judged.
        broken: shows that were not held, roles that grew or ended by themselves, and what could not be played or looked
            at.
        orders: of all shows.
        memory: of each role; empty when there was no time for a warm-up and two windows.
        stored: what Redis and Postgres kept after the warm-up and at the end.
        exit_code: 0 when all is held, 1 when something is not, 2 when nothing is known to be broken but something could
            not be played or looked at.
    """

    took_s: float
    shows: int
    broken: list[str]
    orders: int
    memory: list[Memory]
    stored: list[Growth]
    exit_code: int


class SoakNotes:
    """Keeps what a soak finds.

    Attributes:
        shows: how many were played and judged.
    """

    def __init__(self) -> None:
        self.shows = 0
        self._orders = 0
        self._broken: list[str] = []
        self._unable: list[str] = []

    def played(self, report: Report) -> None:
        """Count a show that was judged."""
        self.shows += 1
        self._orders += report.waits["confirm"].count if "confirm" in report.waits else 0
        if not report.held:
            self._broken.append(f"show {self.shows}: {report.verdict}")

    def ended(self, roles: list[str]) -> None:
        """Keep which roles ended by themselves, and how."""
        self._broken += roles

    def unable(self, why: str) -> None:
        """Keep what could not be played or looked at."""
        self._unable.append(why)

    def report(self, *, took_s: float, memory: list[Memory], stored: list[Growth]) -> SoakReport:
        """Return what it comes to; what the stores keep was bought, and is shown only."""
        grown = [one.role for one in memory if one.role not in STORES and one.growth > GROWTH_MOST]
        broken = self._broken + [f"{role} grew" for role in grown]
        return SoakReport(
            took_s=took_s,
            shows=self.shows,
            broken=broken + self._unable,
            orders=self._orders,
            memory=memory,
            stored=stored,
            exit_code=1 if broken else EXIT_CANNOT if self._unable else 0,
        )
