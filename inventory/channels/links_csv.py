"""Reading a file of links: a CSV with the columns ``sku`` and ``item_id``. Pure apart from reading the file."""

import io
import itertools
from collections.abc import Iterator
from typing import BinaryIO, Final

from inventory.catalogue import Rejection
from inventory.channels.limits import ITEM_ID_CHARS, LINKS_MOST
from inventory.channels.links import LeftOut, Link
from inventory.import_cells import column_name, shown
from inventory.import_records import Record, encoding_of, file_records, records
from inventory.limits import MAX_HEADER_BYTES
from kit.errors import InvalidError, TooLargeError

_DELIMITERS: Final = (",", ";", "\t")
_SKU: Final = "sku"
_ITEM: Final = "item id"


def read_links(file: BinaryIO) -> tuple[list[Link], list[LeftOut]]:
    """Return the links of a file, and the lines that hold none.

    Args:
        file: seekable and binary; any encoding and delimiter that a catalogue file may have.

    Raises:
        InvalidError: ``unknown_format`` - the first line does not name both columns.
        TooLargeError: it has more than ``LINKS_MOST`` lines.
    """
    encoding = encoding_of(file)
    file.seek(0)
    head = file.read(MAX_HEADER_BYTES).decode(encoding, errors="replace")
    for delimiter in _DELIMITERS:
        header = next(records(io.StringIO(head, newline=""), delimiter), None)
        names = [column_name(cell) for cell in header.cells] if isinstance(header, Record) else []
        if _SKU in names and _ITEM in names:
            rows = itertools.islice(file_records(file, encoding, delimiter), 1, None)
            return _links(rows, names.index(_SKU), names.index(_ITEM))
    raise InvalidError("The first line must name the columns: sku,item_id", code="unknown_format")


def _links(rows: Iterator[Record | Rejection], sku_at: int, item_at: int) -> tuple[list[Link], list[LeftOut]]:
    links: list[Link] = []
    left_out: list[LeftOut] = []
    for row in rows:
        if len(links) + len(left_out) >= LINKS_MOST:
            raise TooLargeError(f"The file has more than {LINKS_MOST:,} lines; split it.")
        if isinstance(row, Rejection):
            left_out.append(LeftOut(line=row.line, reason=row.reason))
            continue
        sku, item_id = (row.cells[at].strip() if at < len(row.cells) else "" for at in (sku_at, item_at))
        if not sku or not item_id:
            left_out.append(LeftOut(line=row.line, reason=f"{'sku' if not sku else 'item_id'} is missing"))
        elif len(item_id) > ITEM_ID_CHARS or not item_id.isprintable():
            why = f"item_id {shown(item_id)!r} is no id: at most {ITEM_ID_CHARS} printable characters"
            left_out.append(LeftOut(line=row.line, reason=why))
        else:
            links.append(Link(line=row.line, sku=sku, item_id=item_id))
    return links, left_out
