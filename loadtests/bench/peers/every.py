"""All peers, in the order of the table."""

from pathlib import Path

from loadtests.bench.peers.nats import Nats, NatsWebSocket
from loadtests.bench.peers.nchan import Nchan
from loadtests.bench.peers.node import SocketIo, Ws
from loadtests.bench.peers.peer import Peer
from loadtests.bench.peers.python_server import StarletteUvicorn, Websockets


def every_peer(cores: frozenset[int] = frozenset(), node_modules: Path | None = None) -> list[Peer]:
    """Return every peer that we know, present or not, none started.

    Args:
        cores: where each of them runs, alone; empty leaves it to the system.
        node_modules: the folder where the Node packages are; without it NODE_PATH says.
    """
    return [
        Nchan(cores),
        Nats(cores),
        NatsWebSocket(cores),
        Ws(cores, node_modules),
        SocketIo(cores, node_modules),
        Websockets(cores),
        StarletteUvicorn(cores),
    ]
