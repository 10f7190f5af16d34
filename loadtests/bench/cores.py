"""Who runs where: the server alone on one core, everything else beside it."""

import contextlib
import os
from collections.abc import Iterator

import msgspec


class Cores(msgspec.Struct, frozen=True, kw_only=True):
    """Where the processes of a run go; an empty set leaves the choice to the system.

    Attributes:
        server: the gateway, or the floor, or a peer.
        rest: the crowd, this process, Redis and Postgres.
    """

    server: frozenset[int]
    rest: frozenset[int]


ANYWHERE = Cores(server=frozenset(), rest=frozenset())


def choose_cores() -> Cores:
    """Return the server's core and the rest; ``ANYWHERE`` on a machine with a single one."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        return ANYWHERE
    return Cores(server=frozenset(allowed[:1]), rest=frozenset(allowed[1:]))


@contextlib.contextmanager
def running_on(cores: frozenset[int]) -> Iterator[None]:
    """Run this process, and so the children it starts, on some cores for a while."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
