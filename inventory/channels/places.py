"""Where a look through a channel's list is, between two of its pages. Pure."""

from typing import Self

import msgspec


class Place(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A place in a list of what changed; each kind adds which page of the list it is.

    Attributes:
        until_s: the end of the look, seconds since the epoch.
        start_s: what changed from then on is listed.
    """

    until_s: int
    start_s: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the place that a text of ``text`` says."""
        return msgspec.json.decode(text, type=cls)

    def text(self) -> str:
        """Return it as text: ``OrderPage.next``."""
        return msgspec.json.encode(self).decode()
