"""From the bytes of a CSV file to its records, each with the line where it starts. Nothing here knows a column.

The standard library's ``csv`` splits the cells. Around it stand what real exports need: the encoding is decided by a
scan of the whole file, a record has a size limit, and after a record with broken quotes reading goes on at its second
line. The process-wide ``csv.field_size_limit`` is not touched: ``MAX_RECORD_CHARS`` equals its default.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Final, Protocol

import msgspec

from inventory.catalogue import Rejection
from inventory.limits import MAX_RECORD_CHARS, MAX_RESCAN_CHARS

_SCAN_BYTES: Final = 1024 * 1024


class Record(msgspec.Struct, frozen=True, gc=False):
    """One CSV record.

    Attributes:
        line: physical line (from 1) where it starts; line ends are CRLF, LF or CR.
        cells: as written, never empty as a list.
    """

    line: int
    cells: list[str]


class TextLines(Protocol):
    """A text stream that keeps its line ends as they are (``newline=""``)."""

    def readline(self, size: int = -1, /) -> str:
        """The next line with its end, or at most ``size`` characters of it; "" at the end."""


class _TooLongError(Exception):
    """The record passed ``MAX_RECORD_CHARS``; the csv reader starts afresh after it."""


class _Lines:
    """Feeds physical lines to the csv reader, counts them, and can take back those of a broken record.

    Attributes:
        start: line where the current record starts.
        nul: whether the current record holds a NUL character.
    """

    def __init__(self, text: TextLines) -> None:
        self.start = 1
        self.nul = False
        self._text = text
        self._taken: list[str] = []  # lines of the current record
        self._chars = 0  # their length
        self._again: deque[str] = deque()  # lines taken back, to be read once more
        self._rescans_left = MAX_RESCAN_CHARS  # characters that may still be taken back
        self._behind_cr = False  # a piece was cut behind CR, so LF alone would not be one more line

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        fresh = not self._again
        line = self._fresh() if fresh else self._again.popleft()
        if not line:
            raise StopIteration
        self._taken.append(line)
        self._chars += len(line)
        if self._chars > MAX_RECORD_CHARS:
            if fresh and len(line) > MAX_RECORD_CHARS:
                self._skip_to_line_end(line)
            raise _TooLongError
        if "\0" in line:
            self.nul = True
        return line

    def begin(self) -> None:
        """The record before is done; the next line starts a new one."""
        self.start += len(self._taken)
        self._taken.clear()
        self._chars = 0
        self.nul = False

    def take_back(self) -> int:
        """Put all lines but the first back, as far as the allowance goes; returns the last line that is given up."""
        if self._chars > self._rescans_left or len(self._taken) < 2:
            return self.start + len(self._taken) - 1
        self._rescans_left -= self._chars
        self._again.extendleft(reversed(self._taken[1:]))
        del self._taken[1:]
        return self.start

    def _fresh(self) -> str:
        """The next line that was not read before, or its first ``MAX_RECORD_CHARS + 1`` characters."""
        line = self._text.readline(MAX_RECORD_CHARS + 1)
        if self._behind_cr and line == "\n":
            line = self._text.readline(MAX_RECORD_CHARS + 1)
        self._behind_cr = False
        return line

    def _skip_to_line_end(self, line: str) -> None:
        """Drop the rest of a line; its first characters stay, to be refused on their own line number."""
        while line and line[-1] not in "\r\n":
            line = self._text.readline(MAX_RECORD_CHARS)
        self._behind_cr = line.endswith("\r")


def encoding_of(file: BinaryIO) -> str:
    """The codec for a whole file: by its byte order mark, else UTF-8 if every byte fits, else Windows-1252.

    Reads the file once from its start in pieces and leaves it at its end. A UTF-8 file that was cut within its last
    character is still UTF-8 when other characters prove that it is.
    """
    file.seek(0)
    piece = file.read(_SCAN_BYTES)
    if piece.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if piece.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    decoder = codecs.getincrementaldecoder("utf-8")()
    proven = False
    while piece:
        try:
            proven = not decoder.decode(piece).isascii() or proven
        except UnicodeDecodeError:
            return "cp1252"
        piece = file.read(_SCAN_BYTES)
    unfinished = decoder.getstate()[0]
    return "cp1252" if unfinished and not proven else "utf-8"


def file_records(file: BinaryIO, encoding: str, delimiter: str) -> Iterator[Record | Rejection]:
    """The records of a seekable binary file, from its start; the file stays open and belongs to the caller.

    Bytes that do not fit the encoding become U+FFFD.
    """
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")
    try:
        yield from records(text, delimiter)
    finally:
        text.detach()


def records(text: TextLines, delimiter: str) -> Iterator[Record | Rejection]:
    """The records of a text; blank lines yield nothing.

    A broken record is a rejection, and reading goes on behind its first line.
    """
    lines = _Lines(text)
    rows = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        lines.begin()
        try:
            cells = next(rows)
        except StopIteration:
            return
        except _TooLongError:
            yield _broken(lines, f"the record is longer than {MAX_RECORD_CHARS} characters; is a quote never closed?")
        except csv.Error as error:
            why = "a quote is never closed" if "end of data" in str(error) else f"its quotes do not pair ({error})"
            yield _broken(lines, f"the record cannot be read: {why}")
        else:
            if lines.nul:
                yield Rejection(
                    line=lines.start, reason="The record holds NUL characters; save the file as plain UTF-8 text."
                )
            elif cells:
                yield Record(lines.start, cells)


def _broken(lines: _Lines, why: str) -> Rejection:
    last = lines.take_back()
    upto = f", so lines {lines.start} to {last} are skipped" if last > lines.start else ""
    return Rejection(line=lines.start, reason=f"{why[0].upper()}{why[1:]}{upto}.")
