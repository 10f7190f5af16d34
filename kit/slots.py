"""The rules of Redis Cluster that need no connection: which slot a key has, whose it is, and how a cluster is named.

Of the Redis Cluster specification (https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/).
"""

from binascii import crc_hqx
from collections.abc import Sequence
from typing import Final, NamedTuple, cast
from urllib.parse import urlsplit

SLOTS: Final = 16_384
"""Of every cluster."""

CLUSTER_SCHEMES: Final = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
"""How a URL says that it is of a cluster, and how the URL of one of its nodes begins."""

DEFAULT_PORT: Final = 6379

_MALFORMED: Final = "malformed URL of a cluster; write it like redis+cluster://host:port,host:port"

_SCRIPT_CALLS = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO"})
_ANY_NODE = frozenset({"PING", "PUBLISH", "INFO", "TIME", "ECHO"})
_VERBS = {
    "": ("GET", "SET", "TYPE", "PERSIST", "EXPIRE", "PEXPIRE", "TTL", "PTTL"),
    "H": ("GET", "SET", "SETNX", "DEL", "MGET", "GETALL", "VALS", "KEYS", "LEN", "EXISTS", "INCRBY", "SCAN"),
    "L": ("PUSH", "POP", "LEN", "RANGE", "TRIM", "INDEX"),
    "S": ("ADD", "REM", "CARD", "MEMBERS", "ISMEMBER", "MISMEMBER", "SCAN"),
    "X": ("ADD", "DEL", "LEN", "RANGE", "REVRANGE", "TRIM"),
    "Z": ("ADD", "REM", "CARD", "COUNT", "RANGE", "RANGEBYSCORE", "SCORE", "MSCORE", "RANK", "SCAN"),
}  # of one key, by the letter of their type
_ONE_KEY = frozenset(letter + verb for letter, verbs in _VERBS.items() for verb in verbs)
_ALL_KEYS = frozenset({"DEL", "EXISTS", "UNLINK"})


class Address(NamedTuple):
    """Where a node listens."""

    host: str
    port: int


class ClusterUrl(NamedTuple):
    """What a cluster's URL says.

    Attributes:
        seeds: the nodes that are asked first who else there is; at least one.
        scheme: of one node's URL.
        credentials: ``user:password@`` as written, or nothing.
        query: ``?option=value`` as written, or nothing.
    """

    seeds: tuple[Address, ...]
    scheme: str
    credentials: str
    query: str

    def of_node(self, node: Address) -> str:
        """Return the URL of one node."""
        host = f"[{node.host}]" if ":" in node.host else node.host
        return f"{self.scheme}://{self.credentials}{host}:{node.port}{self.query}"


def is_cluster(url: str) -> bool:
    """Whether a URL is that of a cluster."""
    return url.partition("://")[0] in CLUSTER_SCHEMES


def parse_cluster_url(url: str) -> ClusterUrl:
    """Take ``redis+cluster://[user:password@]host[:port][,host[:port]…][?option=value]`` apart.

    Raises:
        ValueError: it is malformed, or names a database: a cluster has only the one. The message does not repeat it.
    """
    try:
        parts = urlsplit(url)
        credentials, at, hosts = parts.netloc.rpartition("@")
        nodes = [urlsplit(f"//{text}") for text in hosts.split(",")]
        seeds = tuple(Address(one.hostname or "", DEFAULT_PORT if one.port is None else one.port) for one in nodes)
    except ValueError as error:
        raise ValueError(_MALFORMED) from error
    is_named = all(one.host and one.port and not any(map(str.isspace, one.host)) for one in seeds)
    if parts.scheme not in CLUSTER_SCHEMES or parts.path not in ("", "/", "/0") or parts.fragment or not is_named:
        raise ValueError(_MALFORMED)
    query = f"?{parts.query}" if parts.query else ""
    return ClusterUrl(seeds, CLUSTER_SCHEMES[parts.scheme], credentials + at, query)


def slot_of(key: str | bytes) -> int:
    """Return the slot of a key: of what stands between its first braces, if anything does, else of the whole key."""
    data = key.encode() if isinstance(key, str) else key
    begin = data.find(b"{")
    if begin >= 0:
        end = data.find(b"}", begin + 1)
        if end > begin + 1:
            data = data[begin + 1 : end]
    # CRC16 as the specification has it: XMODEM, which is the standard library's with 0 to begin with.
    return crc_hqx(data, 0) % SLOTS


def slot_of_command(command: Sequence[object]) -> int | None:
    """Return the slot that a command belongs to; None when any node may answer it.

    Raises:
        ValueError: its keys are of several slots, or it is not known where its keys stand: then the caller has to
            say which node is meant.
    """
    name = str(command[0]).upper()
    if name in _ANY_NODE:
        return None
    if name in _SCRIPT_CALLS:
        keys = command[3 : 3 + int(cast(int | str | bytes, command[2]))]
    elif name in _ALL_KEYS:
        keys = command[1:]
    elif name in _ONE_KEY:
        keys = command[1:2]
    else:
        raise ValueError(f"{name} is for one node, or not known to be for one key; ask the node itself")
    slots = {slot_of(key) for key in keys if isinstance(key, str | bytes)}
    if len(slots) != 1:
        raise ValueError(f"{name}: keys of {len(slots)} slots, where one is needed")
    return slots.pop()


def masters_by_slot(reply: Sequence[Sequence[object]], asked: Address) -> list[Address | None]:
    """Return each slot's master, from the answer to ``CLUSTER SLOTS``; None where nobody serves it.

    Args:
        reply: rows of first slot, last slot, and the nodes, each with host and port; the first one is the master.
        asked: who answered. A node that does not know by which name it is reached leaves its host out.
    """
    owners: list[Address | None] = [None] * SLOTS
    for first, last, master, *_ in reply:
        assert isinstance(first, int)
        assert isinstance(last, int)
        assert isinstance(master, Sequence)
        host, port = master[0], int(master[1])
        named = host.decode() if isinstance(host, bytes) else host
        owner = Address(named or asked.host, port)
        owners[first : last + 1] = [owner] * (last - first + 1)
    return owners
