"""Pages of the Graph API: a list says with a cursor how it goes on. Pure."""

from typing import Generic, TypeVar

import msgspec

_One = TypeVar("_One")


class Cursors(msgspec.Struct, frozen=True):
    """``after`` asks for what follows this page."""

    after: str = ""


class Paging(msgspec.Struct, frozen=True):
    """``next`` is an address, and there only if something follows; cursors are there in any case."""

    cursors: Cursors | None = None
    next: str | None = None


class Page(msgspec.Struct, Generic[_One], frozen=True):
    """Some of a list."""

    data: list[_One]
    paging: Paging | None = None

    @property
    def next(self) -> str | None:
        """The cursor of the next page, None at the end. The address is not used: it holds the access token."""
        if self.paging is None or self.paging.next is None or self.paging.cursors is None:
            return None
        return self.paging.cursors.after or None
