"""The catalogue-file reader: a merchant's export in, variants and rejections out, one at a time.

Layers, from the bytes up: `import_records` (encoding, lines, records), `import_cells` (rules for one cell),
`import_shopify` and `import_feed` (rows of one format), and here the recognition of a file and the rules for a whole
file. Pure apart from reading the file it is handed; memory is bounded by the limits in `inventory.limits`.
"""

import codecs
import io
import itertools
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import BinaryIO, Final

from inventory import import_feed, import_shopify
from inventory.catalogue import Rejection, Variant
from inventory.import_cells import column_name, shown
from inventory.import_records import Record, encoding_of, file_records, records
from inventory.limits import (
    MAX_HEADER_BYTES,
    MAX_HEADER_RECORD,
    MAX_IMPORT_BYTES,
    MAX_IMPORT_REJECTIONS,
    MAX_IMPORT_VARIANTS,
)
from kit.errors import InvalidError, TooLargeError
from kit.money import known_currency

_DELIMITERS: Final = (",", ";", "\t")
_FOUND_NAMES: Final = 5
"""Column names that an error lists."""

_EXPECTED: Final[dict[str, list[str]]] = {
    "shopify": ["Handle", "Title", "Variant Price"],
    "feed": ["id", "title", "price"],
}


class FileFormat(StrEnum):
    """The kinds of catalogue files."""

    SHOPIFY = "shopify"
    FEED = "feed"


def recognise(head: bytes) -> FileFormat:
    """The format of a file, from its header row.

    Args:
        head: the start of the file; the first ``MAX_HEADER_BYTES`` bytes are looked at.

    Raises:
        InvalidError: ``unknown_format``; ``details`` has ``found`` (at most five legible column names) and
            ``expected`` (by format).
    """
    return _recognised(head)[0]


def read_catalogue(file: BinaryIO, *, default_currency: str) -> Iterator[Variant | Rejection]:
    """Read a catalogue file.

    The header is checked before this returns; the rows are read as the iterator is used. Items come in the order of
    lines. Every record yields one item, except blank rows and a Shopify file's image-only rows. Where reading stops
    early because a limit is reached, the last item is a rejection that says so.

    Args:
        file: seekable and binary, at any position; it is read from its start (twice), left open, and must not be used
            by others meanwhile.
        default_currency: an ISO 4217 code for prices that name none.

    Raises:
        InvalidError: ``unknown_format`` as `recognise`, or ``unknown_currency``.
        TooLargeError: the file has more than ``MAX_IMPORT_BYTES`` bytes.
    """
    currency = known_currency(default_currency)
    if file.seek(0, io.SEEK_END) > MAX_IMPORT_BYTES:
        raise TooLargeError(f"The file is larger than {MAX_IMPORT_BYTES // 1024**2} MiB; split it.")
    file.seek(0)
    head = file.read(MAX_HEADER_BYTES)
    file_format, delimiter, position = _recognised(head)
    rows = file_records(file, encoding_of(file), delimiter)
    header = next(itertools.islice(rows, position, None), None)
    # Only a broken quote before the header can make the whole file read differently from its head.
    if not isinstance(header, Record) or _format_of(header.cells) is not file_format:
        raise _unknown(head, [])
    make = import_shopify.reader if file_format is FileFormat.SHOPIFY else import_feed.reader
    return _within_limits(_without_duplicates(make(header.cells, currency).read(rows)))


def _recognised(head: bytes) -> tuple[FileFormat, str, int]:
    """Format, delimiter, and how many records stand before the header."""
    text = _decoded(head[:MAX_HEADER_BYTES])
    found: list[str] = []
    for delimiter in _DELIMITERS:
        first = itertools.islice(records(io.StringIO(text, newline=""), delimiter), MAX_HEADER_RECORD)
        for position, record in enumerate(first):
            if not isinstance(record, Record):
                continue
            file_format = _format_of(record.cells)
            if file_format is not None:
                return file_format, delimiter, position
            if len(record.cells) > len(found):
                found = record.cells
    raise _unknown(head, _legible(found)[:_FOUND_NAMES])


def _format_of(header: list[str]) -> FileFormat | None:
    names = {column_name(cell) for cell in header}
    for file_format, module in ((FileFormat.SHOPIFY, import_shopify), (FileFormat.FEED, import_feed)):
        if all(not names.isdisjoint(module.COLUMNS[field]) for field in module.REQUIRED):
            return file_format
    return None


def _legible(cells: list[str]) -> list[str]:
    """The names that can be shown: in a wrong encoding, most of them are signs that help nobody."""
    names = [cell.strip() for cell in cells]
    return [shown(name) for name in names if name and name.isascii() and name.isprintable()]


def _decoded(head: bytes) -> str:
    encoding = encoding_of(io.BytesIO(head))
    return codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)


def _unknown(head: bytes, found: list[str]) -> InvalidError:
    if not head.strip():
        what = "The file is empty."
    elif head.startswith(b"PK\x03\x04"):
        what = "The file is a spreadsheet or an archive; save it as CSV first."
    else:
        what = f"The file's columns ({', '.join(found) or 'unreadable'}) are those of no known format."
    expected = "; ".join(f"{name}: {', '.join(columns)}" for name, columns in _EXPECTED.items())
    return InvalidError(
        f"{what} Expected at least, for {expected}.",
        code="unknown_format",
        details={"found": found, "expected": _EXPECTED},
    )


def _without_duplicates(items: Iterable[Variant | Rejection]) -> Iterator[Variant | Rejection]:
    """A SKU counts once: its second variant becomes a rejection that names the line of the first."""
    lines: dict[str, int] = {}
    for item in items:
        if isinstance(item, Variant):
            first = lines.setdefault(item.sku, item.line)
            if first != item.line:
                yield Rejection(line=item.line, reason=f'SKU "{shown(item.sku)}" is already used by line {first}.')
                continue
        yield item


def _within_limits(items: Iterable[Variant | Rejection]) -> Iterator[Variant | Rejection]:
    variants = rejections = 0
    for item in items:
        if isinstance(item, Variant):
            variants += 1
            if variants > MAX_IMPORT_VARIANTS:
                reason = f"The file has more than {MAX_IMPORT_VARIANTS} variants; from this line on it was not read."
                yield Rejection(line=item.line, reason=reason)
                return
        else:
            rejections += 1
            if rejections > MAX_IMPORT_REJECTIONS:
                reason = (
                    f"More than {MAX_IMPORT_REJECTIONS} records were rejected; from this line on the file was not read."
                )
                yield Rejection(line=item.line, reason=reason)
                return
        yield item
