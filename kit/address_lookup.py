"""Finding the address of a host that a stranger named, and refusing those that strangers must not make us call.

The name is looked up and judged before every call, and the call goes to the address that was judged: a name that
points elsewhere a moment later changes nothing.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal
from urllib.parse import urlsplit

from kit.errors import UnavailableError
from kit.lookup import NameLookup
from kit.public_addresses import allowed_address

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host, for a port; raises OSError or UnicodeError when it has none."""


class NoAddressError(UnavailableError):
    """A host has no address that may be called; ``word`` says why."""

    default_code = "no_address"

    def __init__(self, message: str, word: Literal["no_address", "private_address"]) -> None:
        super().__init__(message, code=word)
        self.word: Literal["no_address", "private_address"] = word


class Addresses:
    """Finds and judges addresses.

    Args:
        allow_private: whether addresses on this machine and on private networks may be called.
        lookup: how names are resolved; by the system unless told otherwise.
    """

    def __init__(self, *, allow_private: bool, lookup: Lookup | None = None) -> None:
        self.allow_private = allow_private
        self._lookup = lookup or NameLookup()

    async def find(self, url: str) -> str:
        """Return the address to call for a URL that ``checked_url`` took.

        Raises:
            NoAddressError: there is none, or not all of them are public and they have to be.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            found = await self._lookup(host, parts.port or (443 if parts.scheme == "https" else 80))
        except (OSError, UnicodeError) as error:
            raise NoAddressError(f"the host {host!r} has no address", "no_address") from error
        if not found:
            raise NoAddressError(f"the host {host!r} has no address", "no_address")
        address = allowed_address(found, allow_private=self.allow_private)
        if address is None:
            raise NoAddressError(
                f"the host {host!r} has a private address, which is not allowed here", "private_address"
            )
        return address
