"""A Redis Cluster of three masters on free ports of this machine. It ends with the tests, however they end."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from kit.child_process import ChildProcess
from kit.cluster_redis import ClusterRedis
from kit.embedded_redis import find_binary
from kit.ids import new_id
from kit.redis_client import pipelined
from kit.slots import SLOTS
from loadtests.free_ports import is_free

MASTERS = 3
BUS = 10_000  # the port of the cluster bus is the node's own plus this
PORTS = range(10_000, 12_000)  # below those of `loadtests.free_ports`, and so is the bus
START_S = 10.0
NODE_TIMEOUT_MS = 1_000


def free_node_ports() -> list[int]:
    """Return ports that are free, and so are those of their buses."""
    found: list[int] = []
    while len(found) < MASTERS:
        port = random.choice(PORTS)
        if port not in found and is_free(port) and is_free(port + BUS):
            found.append(port)
    return found


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(START_S):
        while not await happened():
            await asyncio.sleep(0.02)


class ThreeMasters:
    """Made by ``start``.

    Attributes:
        ports: where the masters listen; each owns a third of the slots, in order.
    """

    def __init__(self, directory: Path, ports: list[int], children: list[ChildProcess]) -> None:
        self.ports = ports
        self._directory = directory
        self._children = dict(zip(ports, children, strict=True))

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in self.ports)

    @classmethod
    async def start(cls, directory: Path) -> "ThreeMasters":
        """Start on an empty directory; returns when all three take writes and know each other."""
        binary = await asyncio.to_thread(find_binary)
        ports = free_node_ports()
        children = [await _spawn(binary, directory / str(port), port) for port in ports]
        cluster = cls(directory, ports, children)
        try:
            await cluster._join()
        except BaseException:
            await cluster.stop()
            raise
        return cluster

    async def _join(self) -> None:
        nodes = [Redis(port=port, protocol=2) for port in self.ports]
        try:
            for child, node in zip(self._children.values(), nodes, strict=True):
                await child.wait_ready(partial(_answers, node), START_S)
            for n, node in enumerate(nodes):
                mine = range(SLOTS * n // MASTERS, SLOTS * (n + 1) // MASTERS)
                await pipelined(node, [("CLUSTER", "SET-CONFIG-EPOCH", n + 1), ("CLUSTER", "ADDSLOTS", *mine)])
            for node in nodes:
                # Everyone meets everyone: word of mouth takes longer.
                await pipelined(node, [("CLUSTER", "MEET", "127.0.0.1", port) for port in self.ports])
            for node in nodes:
                await until(partial(_is_whole, node))
        finally:
            for node in nodes:
                await node.aclose()

    async def add_replica(self, master_port: int) -> Redis:
        """Start a fourth node that follows a master; return its client when it has what the master has."""
        port = free_node_ports()[0]
        directory = self._directory / str(port)
        self._children[port] = await _spawn(await asyncio.to_thread(find_binary), directory, port)
        replica, master = Redis(port=port, protocol=2), Redis(port=master_port, protocol=2)
        await self._children[port].wait_ready(partial(_answers, replica), START_S)
        [master_id, *_] = await pipelined(master, [("CLUSTER", "MYID"), ("CLUSTER", "MEET", "127.0.0.1", port)])
        await master.aclose()

        async def may_follow() -> bool:
            try:
                await pipelined(replica, [("CLUSTER", "REPLICATE", master_id)])
            except ResponseError:  # it has not heard of its master yet
                return False
            return True

        async def follows() -> bool:
            return (await replica.info("replication")).get("master_link_status") == "up"

        await until(may_follow)
        await until(follows)
        await until(partial(_is_whole, replica))  # it takes over only the slots that it has heard of
        return replica

    def signal(self, port: int, number: signal.Signals) -> None:
        os.kill(self._children[port].pid, number)

    async def kill(self, port: int) -> None:
        await self._children[port].stop([])

    async def stop(self) -> None:
        await asyncio.gather(*(child.stop([]) for child in self._children.values()))


async def port_of(client: ClusterRedis, key: str) -> int:
    """Return the port of the node that owns a key."""
    return int((await client.owner(key)).connection_pool.connection_kwargs["port"])


async def a_key_on(client: ClusterRedis, port: int) -> str:
    while True:
        key = f"{{{new_id('offer')}}}:k"
        if await port_of(client, key) == port:
            return key


async def keys_on_all(client: ClusterRedis, cluster: ThreeMasters) -> list[str]:
    """Return a key of each master, in the order of the ports."""
    return [await a_key_on(client, port) for port in cluster.ports]


async def _spawn(binary: str, directory: Path, port: int) -> ChildProcess:
    await asyncio.to_thread(directory.mkdir)
    settings = {
        "port": port,
        "bind": "127.0.0.1",
        "dir": directory,
        "cluster-enabled": "yes",
        "cluster-config-file": directory / "nodes.conf",
        "cluster-node-timeout": NODE_TIMEOUT_MS,
        # One lost master must not stop the sale of what the others have.
        "cluster-require-full-coverage": "no",
        "save": "",
        "repl-diskless-sync-delay": 0,
        "loglevel": "warning",
    }
    argv = [binary, *(str(part) for name, value in settings.items() for part in (f"--{name}", value))]
    return await ChildProcess.spawn(
        "Redis", argv, cwd=directory, log_path=directory / "log", death_signal=signal.SIGKILL
    )


async def _answers(node: Redis) -> bool:
    try:
        await node.ping()
    except (RedisError, OSError):
        return False
    return True


async def _is_whole(node: Redis) -> bool:
    info, rows = await pipelined(node, [("CLUSTER", "INFO"), ("CLUSTER", "SLOTS")])
    return b"cluster_state:ok" in info and len({row[2][1] for row in rows}) == MASTERS
