"""What probes bring back, not judged yet. Times are milliseconds; ``ahead_ms`` is how far a clock is before ours."""

from collections.abc import Mapping
from typing import Literal

import msgspec


class RedisFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One Redis server, or one master of a cluster.

    Attributes:
        name: how lines call it.
        in_cluster: whether the server itself is one of a cluster.
        asked_as_cluster: whether REDIS_URL says that it is.
        appendfsync: None when it may not be asked for.
        embedded: whether it is our own, on this machine.
        maxmemory_bytes: 0 for no limit.
    """

    name: str
    version: str
    role: str
    replicas: int
    in_cluster: bool
    asked_as_cluster: bool
    loading: bool
    append_only: bool
    appendfsync: str | None
    last_write_ok: bool
    eviction: str
    used_bytes: int
    maxmemory_bytes: int
    embedded: bool
    latency_ms: float
    ahead_ms: float


class BookFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The hold books of unfinished offers, and those among them that sell nothing before they are rebuilt."""

    pools: int
    recovering: tuple[str, ...]


class PostgresFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The database.

    Attributes:
        version: such as 18.1; ``major`` is its first number.
        settings: by name, as ``SHOW`` tells them.
        reserved: connections that our roles never get.
        others: connections of programs other than ours.
        applied: ids of its migrations; empty when it has none.
    """

    version: str
    major: int
    is_standby: bool
    settings: Mapping[str, str]
    max_connections: int
    reserved: int
    others: int
    applied: frozenset[str]
    latency_ms: float
    ahead_ms: float


class ChannelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One sales channel."""

    name: str
    kind: str
    state: str
    behind: int
    lag_ms: int
    oversold: int


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """A number for each role, such as how many processes of it the deployment is to have."""

    api: int = 1
    gateways: int = 1
    workers: int = 1


class SecretFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The secret without what it says.

    Attributes:
        source: the environment, the file of the data directory, or nowhere yet.
        length: characters.
        distinct: different characters.
        readable_by_others: of the file.
    """

    source: Literal["environment", "file", "none"]
    length: int = 0
    distinct: int = 0
    readable_by_others: bool = False


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """This machine; ``open_files`` is the hard limit, None for none."""

    open_files: int | None
    data_dir: str
    free_bytes: int
    writable: bool


class CollectorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Where traces go.

    Attributes:
        address: host and port of the collector; empty when there is to be none.
        proxy: host and port of the proxy on the way to it, which is who is connected to; empty without one.
        refused: what a role that starts would end with; empty when it takes these settings.
        error: why the collector took no connection; empty when it did.
    """

    address: str = ""
    proxy: str = ""
    refused: str = ""
    error: str = ""


class DoorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One of our ports.

    Attributes:
        variable: the setting of its number.
        address: host and port.
        free: whether we could listen there; else ``error`` says why not.
        ours: whether Showdrop answers there.
        role: which of our roles answers, when it is another than this door's.
        failing: what its ``/readyz`` names, or that there was no answer, or the loops that are stuck, of a worker.
    """

    name: str
    variable: str
    address: str
    free: bool = False
    error: str = ""
    ours: bool = False
    role: str = ""
    ready: bool = False
    failing: tuple[str, ...] = ()
