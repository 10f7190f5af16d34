"""Prefixed ULIDs.

An id is ``<prefix>_<26 characters of Crockford base 32>``: sortable by creation time, safe in a URL.
"""

import re

from ulid import ULID

ULID_PATTERN = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"
_ULID = re.compile(ULID_PATTERN)


def new_id(prefix: str) -> str:
    """Return a fresh id such as ``show_01JD…``."""
    return f"{prefix}_{ULID()}"


def new_ulid() -> str:
    """Return a fresh bare ULID, 26 characters."""
    return str(ULID())


def is_ulid(text: str) -> bool:
    """Tell whether ``text`` is a canonical, upper-case ULID."""
    return _ULID.fullmatch(text) is not None


def is_id(text: str, prefix: str) -> bool:
    """Tell whether ``text`` is an id of this prefix."""
    head, _, tail = text.partition("_")
    return head == prefix and is_ulid(tail)
