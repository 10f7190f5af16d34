"""The order of a draw as CSV, for who checks it. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from live.api.csv_answers import csv_rows, safe_cell

COLUMNS: Final = ("rank", "buyer_id", "digest", "entered_at_ms")


class DrawnBuyer(msgspec.Struct, frozen=True, kw_only=True):
    """A place in the order of a draw.

    Attributes:
        rank: from 1; the first are served first.
        digest: SHA-256 of ``seed:buyer_id``, hexadecimal; the order is its ascending one.
    """

    rank: int
    buyer_id: str
    digest: str
    entered_at_ms: int


def draw_csv_header() -> bytes:
    """Return the header line."""
    return csv_rows([COLUMNS])


def draw_csv_lines(buyers: Sequence[DrawnBuyer]) -> bytes:
    """Return one line per buyer; an apostrophe stands before an id that a spreadsheet might take for a formula."""
    return csv_rows([(one.rank, safe_cell(one.buyer_id), one.digest, one.entered_at_ms) for one in buyers])
