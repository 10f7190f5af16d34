"""Finding the address of an endpoint's host, and refusing those that strangers must not make us call.

The name is looked up and judged before every call, and the call goes to the address that was judged: a name that
points elsewhere a moment later changes nothing.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from inventory.channels.targets import allowed_address
from kit.errors import UnavailableError

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host, for a port; raises OSError or UnicodeError when it has none."""


class NoAddressError(UnavailableError):
    """A host has no address that may be called; ``word`` says why."""

    default_code = "no_address"

    def __init__(self, message: str, word: Literal["no_address", "private_address"]) -> None:
        super().__init__(message, code=word)
        self.word: Literal["no_address", "private_address"] = word


async def system_lookup(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


class Addresses:
    """Finds and judges addresses.

    Args:
        allow_private: whether addresses on this machine and on private networks may be called.
        lookup: how names are resolved.
    """

    def __init__(self, *, allow_private: bool, lookup: Lookup = system_lookup) -> None:
        self.allow_private = allow_private
        self._lookup = lookup

    async def find(self, host: str, port: int) -> str:
        """Return the address to call.

        Raises:
            NoAddressError: there is none, or not all of them are public and they have to be.
        """
        try:
            found = await self._lookup(host, port)
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
