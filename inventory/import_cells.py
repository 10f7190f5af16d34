"""The rules for single cells, shared by every file format: text, quantities, image addresses, HTML.

Pure. A wrong cell raises `InvalidError` whose message is the sentence for the rejection.
"""

import html
import re
from collections.abc import Collection, Mapping, Sequence
from html.parser import HTMLParser
from typing import Final

from inventory.catalogue import RecentProducts
from inventory.limits import (
    MAX_DESCRIPTION_CHARS,
    MAX_HTML_CHARS,
    MAX_IMAGE_URL_CHARS,
    MAX_QUANTITY,
    MAX_QUOTED_CHARS,
    MAX_SKU_CHARS,
)
from kit.errors import InvalidError
from kit.money import Money, parse_price

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SEPARATORS = re.compile(r"[\s_-]+")
_WHOLE = re.compile(r"[0-9]+(?:\.0{1,2})?|[0-9]{1,3}(?:[, '\u2019][0-9]{3})+")
_SIMPLE_TAG = re.compile(r"<[^<>]{0,4000}>")
_TAG_START = re.compile(r"<[A-Za-z/!?]")
_DROPPED: Final = frozenset({"script", "style"})
_INLINE: Final = frozenset(
    (
        *("a", "abbr", "b", "bdi", "bdo", "cite", "code", "del", "dfn", "em", "font", "i", "ins", "kbd", "mark", "q"),
        *("s", "samp", "small", "span", "strike", "strong", "sub", "sup", "tt", "u", "var", "wbr"),
    )
)
"""Tags that do not end a word; every other tag does."""


class Columns:
    """Where the known columns of a file stand.

    Args:
        header: the header row as written.
        names: field → the column names that mean it, normalised as `column_name` does; the first that the file has
            counts.
        essential: fields that a row must reach; a row that ends before the last of them is cut off, not merely short.
    """

    def __init__(self, header: Sequence[str], names: Mapping[str, Collection[str]], essential: Collection[str]) -> None:
        normal = [column_name(cell) for cell in header]
        self._width = len(header)
        self._at = {
            field: next(normal.index(name) for name in known if name in normal)
            for field, known in names.items()
            if any(name in normal for name in known)
        }
        self._labels = {field: " ".join(header[at].split()) for field, at in self._at.items()}
        self._needed = 1 + max(self._at[field] for field in essential if field in self._at)

    def has(self, field: str) -> bool:
        """Whether the file has the field's column."""
        return field in self._at

    def label(self, field: str) -> str:
        """The column's name as the file writes it; the field's own name when the file has no such column."""
        return self._labels.get(field, field)

    def cell(self, cells: Sequence[str], field: str) -> str:
        """The field's cell as written; "" when the file or the row has none."""
        at = self._at.get(field)
        return cells[at] if at is not None and at < len(cells) else ""

    def text(self, cells: Sequence[str], field: str) -> str:
        """The field's cell as folded text."""
        cell = self.cell(cells, field)
        return folded(cell) if cell else ""

    def bounded(self, cells: Sequence[str], field: str, most: int) -> str:
        """As `text`, refused when it has more than ``most`` characters."""
        cell = self.cell(cells, field)
        text = folded(cell) if cell else ""
        if len(text) > most:
            raise self.refused(field, text, f"is longer than {most} characters")
        return text

    def price(self, cells: Sequence[str], default_currency: str) -> Money:
        """The field ``price``; blank is refused."""
        text = self.text(cells, "price")
        if not text:
            raise self.missing("price")
        try:
            return parse_price(text, default_currency=default_currency)
        except InvalidError as error:
            raise InvalidError(f"{self.label('price')} {error.message}.", field=self.label("price")) from error

    def sku(self, cells: Sequence[str], field: str) -> str:
        """The SKU or "", refused when too long or when undecodable bytes left holes in it."""
        sku = self.bounded(cells, field, MAX_SKU_CHARS)
        if "\ufffd" in sku:
            raise self.refused(field, sku, "has characters that cannot be read; save the file as UTF-8")
        return sku

    def check_width(self, cells: Sequence[str]) -> None:
        """Refuse a row that was cut off, or that has text where the header has no column."""
        if len(cells) < self._needed:
            raise InvalidError(f"The row has {len(cells)} cells where the header has {self._width}; it seems cut off.")
        if len(cells) > self._width and any(cell.strip() for cell in cells[self._width :]):
            raise InvalidError(
                f'The row has {len(cells)} cells where the header has {self._width}; the first cell too many is "'
                f'{shown(next(cell for cell in cells[self._width :] if cell.strip()))}".'
            )

    def missing(self, field: str, remedy: str = "") -> InvalidError:
        """The error for a cell that must not be blank."""
        return InvalidError(f"{self.label(field)} is empty{remedy}.", field=self.label(field))

    def refused(self, field: str, value: str, why: str) -> InvalidError:
        """The error for a cell with a wrong value."""
        return InvalidError(f'{self.label(field)} "{shown(value)}" {why}.', field=self.label(field))


class RowReader:
    """What the reader of each format holds: the columns, the currency for bare prices, the products seen of late."""

    def __init__(self, columns: Columns, default_currency: str) -> None:
        self.columns = columns
        self.default_currency = default_currency
        self.products = RecentProducts()


def column_name(cell: str) -> str:
    """A column's name for comparing: "\ufeff Variant_SKU " → "variant sku", "g:id" → "id"."""
    name = _SEPARATORS.sub(" ", cell.replace("\ufeff", "")).strip().casefold()
    return name.removeprefix("g:")


def folded(text: str) -> str:
    """The text with control characters and every run of whitespace turned into one space, none at the ends."""
    if text.isascii() and text.isprintable():
        if " " not in text:
            return text
    else:
        text = _CONTROL.sub(" ", text)
    return " ".join(text.split())


def shown(value: str) -> str:
    """A value for a message: folded and cut."""
    text = folded(value[: MAX_QUOTED_CHARS * 4])
    return text if len(text) <= MAX_QUOTED_CHARS else text[: MAX_QUOTED_CHARS - 1] + "…"


def parse_quantity(text: str) -> int | None:
    """Whole units, from 0; None when it is no whole number from 0 to ``MAX_QUANTITY``.

    Blank is 0. "5.0" is 5 (spreadsheets write so) and "1,000" is 1000; "1.000" could be either, "2.5" is neither.
    """
    if not text:
        return 0
    if len(text) < 10 and text.isascii() and text.isdigit():
        return int(text)
    if not _WHOLE.fullmatch(text):
        return None
    digits = re.sub(r"[^0-9]", "", text.partition(".")[0])
    # A very long number is not converted at all: that costs quadratic time.
    return int(digits) if len(digits) <= len(str(MAX_QUANTITY)) and int(digits) <= MAX_QUANTITY else None


def image_url(text: str) -> str | None:
    """An http or https address, or None: a product without a picture is better than a refused one or an odd scheme."""
    url = "https:" + text if text.startswith("//") else text
    is_web = url[:8].lower().startswith(("http://", "https://"))
    return url if is_web and len(url) <= MAX_IMAGE_URL_CHARS and " " not in url else None


def plain_text(source: str) -> str:
    """A description as plain text: tags gone, scripts and styles dropped, entities decoded, whitespace folded, cut.

    A cut text ends in "…" and has ``MAX_DESCRIPTION_CHARS`` characters.
    """
    if len(source) > MAX_HTML_CHARS:
        source = source[:MAX_HTML_CHARS]
        source = source[: source.rfind(">") + 1] or source
    if _TAG_START.search(source):
        # The parser needs quadratic time for tags that never end, so it only sees text whose tags do.
        if _TAG_START.search(_SIMPLE_TAG.sub("", source)):
            source = html.unescape(_SIMPLE_TAG.sub(" ", source))
        else:
            source = _parsed(source)
    elif "&" in source:
        source = html.unescape(source)
    text = folded(source)
    if len(text) > MAX_DESCRIPTION_CHARS:
        text = text[: MAX_DESCRIPTION_CHARS - 1].rstrip() + "…"
    return text


def _parsed(source: str) -> str:
    parser = _TextParser()
    try:
        parser.feed(source)
        parser.close()
    except AssertionError:
        # html.parser of Python 3.11 asserts on unknown marked sections such as <![foo[ ]]>.
        return html.unescape(_SIMPLE_TAG.sub(" ", source))
    return "".join(parser.parts)


class _TextParser(HTMLParser):
    """Collects the text; every tag that is not inline separates words."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._dropped = 0  # how many script or style elements are open

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002 - the base class calls it so
        self._boundary(tag)
        if tag in _DROPPED:
            self._dropped += 1

    def handle_endtag(self, tag: str) -> None:
        self._boundary(tag)
        if tag in _DROPPED and self._dropped:
            self._dropped -= 1

    def handle_data(self, data: str) -> None:
        if not self._dropped:
            self.parts.append(data)

    def _boundary(self, tag: str) -> None:
        if tag not in _INLINE:
            self.parts.append(" ")
