"""CSV answers: who wants one, cells that start no formula, lines as RFC 4180 has them, and the file itself.

The files of orders and lines are written by Postgres, which does the same (``csv_cell`` in its schema).
"""

import csv
import io
from collections.abc import AsyncGenerator, Iterable
from typing import Final

from live.api.endpoint import Chunks
from live.api.limits import PAGE_DEFAULT_ITEMS

# A cell that starts with one of these may be taken for a formula; OWASP's list for CSV injection.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def wants_csv(accept: str) -> bool:
    """Tell whether an Accept header names CSV before JSON and before "anything"."""
    for part in accept.split(","):
        media = part.partition(";")[0].strip().lower()
        if media == "text/csv":
            return True
        if media in ("application/json", "*/*"):
            return False
    return False


def csv_limit(limit: int | None, after: str | None) -> int | None:
    """Return how many rows a file has: None for all of them, unless a page was asked for.

    As in JSON, a page has the usual length where only its begin is said.
    """
    return limit or (None if after is None else PAGE_DEFAULT_ITEMS)


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
