"""The table of a run, on screen and as JSON."""

import msgspec
from rich import box
from rich.table import Table
from rich.text import Text

from tests.faults.verdict import Verdict


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One trial.

    Attributes:
        seed: of what its buyers did.
        took_s: from the start of its servers to their end.
    """

    fault: str
    proves: str
    seed: int
    units: int
    buyers: int
    took_s: float
    verdict: Verdict

    @property
    def had_load(self) -> bool:
        """Whether enough buyers claimed for the verdict to say something."""
        return self.verdict.claims > self.buyers / 2

    @property
    def holds(self) -> bool:
        """Whether the promise held, under load."""
        return self.had_load and self.verdict.holds

    @property
    def complaints(self) -> list[str]:
        """Return what is wrong, one line each."""
        verdict = self.verdict
        return [
            *([] if self.had_load else ["there was no load"]),
            *([f"{verdict.oversold} units were sold twice"] if verdict.oversold else []),
            *([f"{verdict.undersold} units were left, though somebody wanted them"] if verdict.undersold else []),
            *verdict.faults,
        ]


def make_table(rows: list[Row]) -> Table:
    """Return the table for the screen: what has to be zero, and how long it was felt. The rest stands in the JSON."""
    table = Table(title="Faults under load", title_justify="left", box=box.SIMPLE)
    table.add_column("fault", no_wrap=True)
    for name in ("load", "claims", "over", "under", "lost", "gone", "again after", "slowest"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for row in rows:
        verdict = row.verdict
        table.add_row(
            row.fault,
            f"{row.buyers}:{row.units}",
            str(verdict.claims),
            *(_count(count) for count in (verdict.oversold, verdict.undersold, verdict.lost)),
            str(verdict.forgotten),
            f"{verdict.recovered_ms} ms" if verdict.recovering else "-",
            f"{verdict.slowest_answer_ms} ms",
            _word(row),
        )
    table.caption = (
        "load: buyers to units. over, under: units sold twice, or left although somebody wanted them. gone: holds that "
        "a Redis without its last seconds forgot. again after: ms until the last claim was told to come again."
    )
    table.caption_justify = "left"
    return table


def _word(row: Row) -> Text:
    if row.verdict.untried:
        return Text("NOT TRIED", style="bold yellow")
    return Text("holds", style="green") if row.holds else Text("BROKEN", style="bold red")


def _count(count: int) -> Text:
    return Text(str(count), style="bold red" if count else "green")
