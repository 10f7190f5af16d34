"""Keeping our secrets out of what a channel says: it may repeat what it was given. Pure."""

from collections.abc import Iterable
from typing import Final

SHORTEST_HIDDEN: Final = 4
"""Characters of the shortest secret that is looked for in a text; a shorter one says nothing."""


def hidden(text: str, secrets: Iterable[str]) -> str:
    """Return a text with ``…`` wherever it repeats one of the secrets."""
    # The longest first: one may be a part of another, and what would be left of that is too much.
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_HIDDEN:
            text = text.replace(secret, "…")
    return text
