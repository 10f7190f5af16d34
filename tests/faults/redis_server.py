"""A Redis that a trial owns: it is killed, paused, emptied, put back to an older state, or replaced by a replica.

It listens on a Unix socket. That makes the takeover of a replica simple: its socket is renamed to the master's. For the
replica's sake the master also listens on a free loopback port.
"""

import os
import shutil
import signal
from pathlib import Path
from typing import Literal

from redis.asyncio import Redis

from kit.child_process import ChildProcess
from kit.embedded_redis import answers_ping, arguments, find_binary, socket_in, url_for
from kit.redis_client import connect_redis
from loadtests.free_ports import free_port
from tests.faults.limits import READY_S

Fsync = Literal["always", "everysec"]


class RedisServer:
    """One server with its folder.

    Args:
        folder: made when missing; data, socket and log go there.
        fsync: when the append-only file goes to the disk.
    """

    def __init__(self, folder: Path, fsync: Fsync) -> None:
        folder.mkdir(exist_ok=True)
        self.socket_dir = folder
        self.data = folder / "data"
        self.port = free_port()
        self.url = url_for(folder)
        self._fsync = fsync
        self._log = folder / "redis.log"
        self._child: ChildProcess | None = None
        self._client: Redis | None = None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return socket_in(self.socket_dir)

    @property
    def client(self) -> Redis:
        """A client of whoever answers at the socket."""
        if self._client is None:
            self._client = connect_redis(self.url, max_connections=4)
        return self._client

    async def start(self, *words: str) -> None:
        """Start on the data that is there; ``words`` are further options."""
        self.data.mkdir(exist_ok=True)
        options = arguments(self.data, self.socket_dir, durable=True)
        # Later ones win.
        options += ["--appendfsync", self._fsync, "--port", str(self.port), "--bind", "127.0.0.1", *words]
        self._child = await ChildProcess.spawn(
            "Redis", [find_binary(), *options], cwd=self.data, log_path=self._log, death_signal=signal.SIGKILL
        )
        await self._child.wait_ready(lambda: answers_ping(self.socket), READY_S)

    async def kill(self) -> None:
        """End it as the kernel does when memory is short."""
        assert self._child is not None
        await self._child.stop([])

    def pause(self) -> None:
        """Stop it in its tracks: it takes connections, as its kernel does, and answers nothing."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._child is not None
        os.kill(self._child.pid, signal.SIGCONT)

    def copy_data(self) -> Path:
        """Copy the data as it is now, under the running server; the last command may be cut in half."""
        copy = self.data.with_name("copy")
        shutil.copytree(self.data, copy)
        return copy

    def forget(self) -> None:
        """Remove all data of the stopped server."""
        shutil.rmtree(self.data)

    def put_back(self, copy: Path) -> None:
        """Replace the data of the stopped server by an older copy."""
        self.forget()
        copy.rename(self.data)

    async def take_over(self, lost: "RedisServer") -> None:
        """Become a master, at the address of another server that is gone."""
        await self.client.replicaof("NO", "ONE")
        os.replace(self.socket, lost.socket)

    async def close(self) -> None:
        """End it, whatever state it is in."""
        if self._client is not None:
            await self._client.aclose()
        if self._child is not None:
            await self._child.stop([])
