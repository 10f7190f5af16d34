"""Ports for the servers that a load test or a test starts.

The system's own choice (port 0) comes from the range that outgoing connections take theirs from: a busy machine may
have given such a port away before its server binds it.
"""

import itertools
import random
import socket
from collections.abc import Iterator
from typing import Final

from loadtests.errors import LoadError

HOST: Final = "127.0.0.1"
PORTS: Final = range(22_000, 32_768)  # below those that systems give to outgoing connections


def free_port() -> int:
    """Return a port that nobody listens on just now, and that this process has not handed out lately."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens on just now, and that this process has not handed out lately.

    Raises:
        LoadError: there are not so many.
    """
    found = list(itertools.islice(filter(is_free, itertools.islice(_in_turn, len(PORTS))), count))
    if len(found) < count:
        raise LoadError(f"fewer than {count} ports from {PORTS.start} to {PORTS.stop - 1} are free on {HOST}")
    return found


def is_free(port: int) -> bool:
    """Tell whether a port can be taken just now."""
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _from(start: int) -> Iterator[int]:
    """Every port in turn, over and over."""
    return itertools.cycle([*PORTS[start:], *PORTS[:start]])


# Another start in each process: many of them choose at the same time.
_in_turn: Final = _from(random.randrange(len(PORTS)))  # noqa: S311 - no secret
