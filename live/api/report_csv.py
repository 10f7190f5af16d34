"""A show's report as CSV: one figure per line. Pure."""

from collections.abc import Iterator
from typing import Final

import msgspec

from checkout.reports_pg import ShowReport
from live.api.csv_answers import csv_rows, safe_cell

COLUMNS: Final = ("section", "name", "figure", "value")

_TABLES: Final = {"by_offer": ("offer", "offer_id"), "by_payment_method": ("payment_method", "payment_method")}
_COUNTS: Final = {"by_state": ("state", "orders"), "declines": ("decline", "orders")}


def report_csv(report: ShowReport) -> bytes:
    """Return the whole file. Amounts are minor units of the figure ``currency``, which comes first.

    ``section`` is ``show``, ``claims``, ``offer``, ``payment_method``, ``state`` or ``decline``; ``name`` says which
    one of it. Figures are called as in the JSON report.
    """
    rows = ((section, safe_cell(name), figure, value) for section, name, figure, value in _figures(report))
    return csv_rows([COLUMNS, *rows])


def _figures(report: ShowReport) -> Iterator[tuple[str, str, str, object]]:
    figures = msgspec.to_builtins(report)
    yield "show", report.show_id, "currency", report.gmv.currency
    for figure, value in figures.items():
        if figure not in {"show_id", "claims", *_TABLES, *_COUNTS}:
            yield "show", report.show_id, figure, _cell(value)
    yield "claims", "accepted", "claims", report.claims.accepted
    for reason, claims in report.claims.refused.items():
        yield "claims", reason, "claims", claims
    for table, (section, name) in _TABLES.items():
        for row in figures[table]:
            for figure, value in row.items():
                if figure != name:
                    yield section, row[name], figure, _cell(value)
    for counts, (section, figure) in _COUNTS.items():
        for name, count in figures[counts].items():
            yield section, name, figure, count


def _cell(value: object) -> object:
    if isinstance(value, dict):
        return value["amount"]
    return safe_cell(value) if isinstance(value, str) else value
