"""CSV for spreadsheets: cells that start no formula, lines as RFC 4180 has them, and the answer that carries them.

The files of orders and lines are written by Postgres, which does the same (``csv_cell`` in its schema).
"""

import csv
import io
from collections.abc import AsyncGenerator, Iterable
from typing import Final

from live.api.endpoint import Chunks

# A cell that starts with one of these may be taken for a formula; OWASP's list for CSV injection.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: an apostrophe goes before what could start one."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def csv_rows(rows: Iterable[Iterable[object]]) -> bytes:
    """Return rows as lines of a file. Cells are written as they are: ``safe_cell`` is the caller's."""
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def csv_file(name: str, content: AsyncGenerator[bytes, None]) -> Chunks:
    """Return the answer that a browser saves as the file ``name``."""
    return Chunks(
        content=content,
        media_type="text/csv; charset=utf-8; header=present",
        headers={"content-disposition": f'attachment; filename="{name}"', "vary": "accept"},
    )
