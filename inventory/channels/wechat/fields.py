"""Reading what WeChat sends, JSON or XML. Pure.

Of XML only elements and text are read: a document type, and with it every entity, ends the reading at once.
"""

from typing import Final
from xml.parsers import expat

import msgspec

from inventory.channels.unreadable import UNREADABLE

BODY_BYTES: Final = 64 * 1024
"""The longest message that is read; the longest known has less than one kilobyte."""

XML_DEPTH: Final = 8
"""Elements inside each other; known events have three."""

XML_ELEMENTS: Final = 500
"""Elements of one message."""

Fields = dict[str, object]
"""Texts and numbers by name; an object is ``Fields`` again."""


class UnreadableError(ValueError):
    """It is neither a JSON object nor an XML element, or too much of it."""


def read_fields(body: bytes) -> Fields:
    """Return the fields of a message: a JSON object's, or those inside the outermost XML element.

    In XML every value is text, and of a name that stands there twice the last one counts.

    Raises:
        UnreadableError: it has none.
    """
    if len(body) > BODY_BYTES:
        raise UnreadableError(f"it has more than {BODY_BYTES} bytes")
    if body.lstrip()[:1] == b"<":
        return _Reading().read(body)
    try:
        return msgspec.json.decode(body, type=Fields)
    except UNREADABLE as error:
        raise UnreadableError("it is no JSON object") from error


def text_of(fields: Fields, name: str) -> str:
    """Return a text or an integer as text; nothing where there is none."""
    value = fields.get(name)
    return str(value) if isinstance(value, str) or type(value) is int else ""


def object_of(fields: Fields, name: str) -> Fields:
    """Return an object; an empty one where there is none."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


class _Reading:
    """One document."""

    def __init__(self) -> None:
        self._outermost: Fields | None = None
        self._open: list[tuple[str, Fields, list[str]]] = []
        self._elements = 0

    def read(self, body: bytes) -> Fields:
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        try:
            parser.Parse(body, True)
        except UnreadableError:
            raise
        except (expat.ExpatError, LookupError, ValueError) as error:
            raise UnreadableError("it is no XML") from error
        if self._outermost is None:
            raise UnreadableError("it has no fields")
        return self._outermost

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > XML_ELEMENTS or len(self._open) >= XML_DEPTH:
            raise UnreadableError("it has too many elements")
        self._open.append((name, {}, []))

    def _end(self, _name: str) -> None:
        name, fields, texts = self._open.pop()
        if not self._open:
            self._outermost = fields
            return
        self._open[-1][1][name] = fields or "".join(texts).strip()

    def _text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def _refuse(self, *_: object) -> None:
        raise UnreadableError("it has a document type")
