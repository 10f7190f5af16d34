"""Whole programs as an operator runs them: subprocesses, free ports, a data directory of the test's own."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from kit.embedded import ServerUrls, find_running
from loadtests.free_ports import free_port

SHOWDROP = Path(sys.executable).with_name("showdrop")
READY_S = 20.0
STOP_S = 15.0


class Program:
    """A running ``showdrop`` command and all that it printed."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.printed = ""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            self.printed += line.decode()

    async def until_printed(self, text: str, *, within_s: float) -> None:
        async with asyncio.timeout(within_s):
            while text not in self.printed:
                assert not self._reading.done(), f"ended without {text!r}:\n{self.printed}"
                await asyncio.sleep(0.02)

    async def ended(self, *, within_s: float) -> int:
        """Wait for its end and return the exit code; what it printed is complete then."""
        async with asyncio.timeout(within_s):
            code = await self.process.wait()
            await self._reading
        return code

    def kill_nine(self) -> None:
        """As the kernel does when memory is short: this process only."""
        self.process.send_signal(signal.SIGKILL)


class Deployment:
    """One data directory, two ports."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.http_port, self.ws_port = free_port(), free_port()
        self._programs: list[Program] = []

    async def run(self, *words: str, knows_ports: bool = True) -> Program:
        """Start a command in this deployment; without the ports it is as in a second terminal."""
        unset = ("REDIS_URL", "DATABASE_URL")
        environment = {name: value for name, value in os.environ.items() if name not in unset} | {
            "SHOWDROP_DATA_DIR": str(self.data_dir),
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "160",
        }
        if knows_ports:
            environment |= {"SHOWDROP_HTTP_PORT": str(self.http_port), "SHOWDROP_WS_PORT": str(self.ws_port)}
        process = await asyncio.create_subprocess_exec(SHOWDROP, *words, env=environment, stdout=PIPE, stderr=STDOUT)
        program = Program(process)
        self._programs.append(program)
        return program

    async def start_dev(self, *flags: str) -> Program:
        """Start everything and wait until it is ready."""
        dev = await self.run("dev", *flags)
        await dev.until_printed("Showdrop is ready", within_s=READY_S)
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"http://127.0.0.1:{self.http_port}/readyz")
            assert answer.status_code == 200, answer.text
        return dev

    def servers(self) -> ServerUrls:
        """Where Redis and Postgres are, while they run."""
        running = find_running(self.data_dir)
        assert running is not None
        return running

    async def stop(self) -> None:
        """End whatever is left."""
        for program in reversed(self._programs):
            if program.process.returncode is None:
                program.process.send_signal(signal.SIGINT)
                try:
                    await program.ended(within_s=STOP_S)
                except TimeoutError:
                    program.kill_nine()
                    await program.ended(within_s=STOP_S)


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Deployment]:
    """A deployment that has never been started."""
    made = Deployment(tmp_path / "data")
    yield made
    await made.stop()
