"""Looking up names that strangers chose, so that a dead one keeps nobody waiting but those who asked for it.

The loop looks names up on a few threads for the whole process: uvloop on two. Whoever's name servers do not answer
holds one of them for ten seconds and more, and everybody else waits: other merchants' webhooks, the calls to payment
providers, connections to the databases. So these names have threads of their own: one per name, however many ask.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Sequence
from typing import Final

LOOKUPS_MOST: Final = 256
"""Names looked up at once: more than there are endpoints and channels. Each is a thread that mostly waits."""

Addresses = list[str]


class NameLookup:
    """Asks the system's resolver. Calls that are given up leave their thread behind until the resolver gives up too.

    Args:
        most: names at once; beyond, a name counts as one without address.
    """

    def __init__(self, *, most: int = LOOKUPS_MOST) -> None:
        self._most = most
        self._under_way: dict[tuple[str, int], asyncio.Future[Addresses | Exception]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of a host, for a port.

        Raises:
            OSError, UnicodeError: it has none, or too many names are being looked up.
        """
        name = (host, port)
        found = self._under_way.get(name)
        if found is None:
            if len(self._under_way) >= self._most:
                raise OSError("too many names are being looked up")
            found = self._under_way[name] = asyncio.get_running_loop().create_future()
            found.add_done_callback(lambda _found: self._under_way.pop(name))
            # Not a pool: its threads would keep the process from ending while a dead name holds them.
            threading.Thread(target=_look, args=(host, port, found), name="name look-up", daemon=True).start()
        answer = await asyncio.shield(found)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _look(host: str, port: int, found: "asyncio.Future[Addresses | Exception]") -> None:
    answer: Addresses | Exception
    try:
        answer = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except (OSError, UnicodeError) as error:
        answer = error
    # When the loop is closed nobody waits any more.
    with contextlib.suppress(RuntimeError):
        found.get_loop().call_soon_threadsafe(found.set_result, answer)
