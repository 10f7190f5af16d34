"""Refusals as clients see them: one shape for every error, and the rules that map errors to it. Pure."""

import math
import re
from typing import Final

import msgspec

from kit.errors import InvalidError, RateLimitedError, RequestError, ShowdropError, UnauthorisedError, UnavailableError
from live.api.field_types import choices_at, said_at
from live.api.limits import RETRY_AFTER_S


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong.

    Attributes:
        code: a stable, machine-readable name.
        message: one sentence for a person.
        temporary: whether the same call may succeed later.
        details: what a program needs to react, such as the ``field`` at fault.
    """

    code: str
    message: str
    temporary: bool
    details: dict[str, object]


class ErrorAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer that is not a success."""

    error: ErrorBody


class MalformedError(RequestError):
    """The body is not JSON at all."""

    status = 400
    default_code = "malformed_json"


class NoSuchMethodError(RequestError):
    """The path exists, but not with this method."""

    status = 405
    default_code = "method_not_allowed"


_PLACE: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<place>.*)`)?$", re.DOTALL)
_ENUM: Final = "Invalid enum value "
_PATTERN: Final = "Expected `str` matching regex "
_NAMED: Final = re.compile(r"^Object (?:missing required|contains unknown) field `(?P<field>.*)`$", re.DOTALL)
NAME_SHOWN_MAX_CHARS: Final = 100
"""Characters of an unknown field's name that a refusal repeats."""


def status_of(error: ShowdropError) -> int:
    """Return the HTTP status that says this error."""
    if isinstance(error, RequestError):
        return error.status
    return 503 if isinstance(error, UnavailableError) else 500


def answer_of(error: ShowdropError) -> ErrorAnswer:
    """Return an error in the shape that clients get."""
    return ErrorAnswer(
        error=ErrorBody(code=error.code, message=error.message, temporary=error.temporary, details=error.details)
    )


def headers_of(error: ShowdropError) -> dict[str, str]:
    """Return the headers that belong to an error: when to come back, or how to sign in."""
    if isinstance(error, UnauthorisedError):
        return {"www-authenticate": "Bearer"}
    if isinstance(error, RateLimitedError):
        wait_ms = error.details.get("retry_after_ms")
        return {"retry-after": str(max(1, math.ceil(wait_ms / 1000)) if isinstance(wait_ms, int) else RETRY_AFTER_S)}
    return {"retry-after": str(RETRY_AFTER_S)} if error.temporary else {}


def invalid_of(error: msgspec.ValidationError, as_type: type[msgspec.Struct]) -> InvalidError:
    """Return what msgspec found wrong, with the field as a path such as ``price.amount`` or ``product_ids[0]``.

    Args:
        error: of decoding.
        as_type: what was to be decoded; it knows which values a field takes.
    """
    match = _PLACE.match(str(error))
    what, place = (match["what"], match["place"] or "") if match else (str(error), "")
    place = place.removeprefix("$").removeprefix(".")
    named = _NAMED.match(what)
    if named is not None:
        name = named["field"][:NAME_SHOWN_MAX_CHARS]
        field = f"{place}.{name}" if place else name
        said = "is missing" if what.startswith("Object missing") else "is not known here"
        return InvalidError(f"{field} {said}", field=field)
    if not place:
        return InvalidError(f"the body is not as it should be: {_lower_first(what)}")
    return InvalidError(f"{place}: {_in_words(what, as_type, place) or _lower_first(what)}", field=place)


def _in_words(what: str, as_type: type[msgspec.Struct], place: str) -> str | None:
    if what.startswith(_ENUM) and (choices := choices_at(as_type, place)):
        return f"expected one of {', '.join(choices)}"
    if what.startswith(_PATTERN) and (said := said_at(as_type, place)):
        return f"expected {said}"
    return None


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
