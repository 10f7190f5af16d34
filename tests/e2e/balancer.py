"""What stands in front of the roles in a cluster: new connections go to whoever is ready.

``python -m tests.e2e.balancer 8000=8101,8102 8001=8201,8202`` listens on the first port of each list and shares the
connections out among the others. Like a Service with readiness probes, it asks every backend's ``/readyz`` all the
time, and may hear a little late that one has gone: then the next one is tried.
"""

import asyncio
import sys
from typing import Final, cast

import uvloop

PROBE_EVERY_S: Final = 0.2
PROBE_TIMEOUT_S: Final = 2.0
WAIT_FOR_BACKEND_S: Final = 5.0


class Side(asyncio.Protocol):
    """One end of a connection: what it hears goes to the other end."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: Side | None = None
        self.early = b""
        self._ended = False

    def is_over(self) -> bool:
        return self._ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one, and does not say so

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self.early += data
        elif self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._ended = True
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class Door:
    """One port and the backends behind it."""

    def __init__(self, backends: list[int]) -> None:
        self.ready = dict.fromkeys(backends, False)
        self.open = dict.fromkeys(backends, 0)
        self.tasks: set[asyncio.Task[None]] = set()

    async def probe(self, port: int) -> None:
        while True:
            self.ready[port] = await is_ready(port)
            await asyncio.sleep(PROBE_EVERY_S)

    def front(self) -> "Front":
        return Front(self)

    async def connect(self, front: "Front") -> None:
        """Find a backend for a viewer; whoever finds none for a while is cut."""
        loop = asyncio.get_running_loop()
        gives_up = loop.time() + WAIT_FOR_BACKEND_S
        while loop.time() < gives_up and not front.is_over():
            for port in sorted((one for one, ready in self.ready.items() if ready), key=self.open.__getitem__):
                try:
                    _, back = await loop.create_connection(lambda: Back(self, port), "127.0.0.1", port)  # noqa: B023 - called at once
                except OSError:
                    self.ready[port] = False
                    continue
                front.other, back.other = back, front
                assert back.transport is not None
                if front.is_over():
                    back.transport.close()
                elif front.early:
                    back.transport.write(front.early)
                return
            await asyncio.sleep(PROBE_EVERY_S / 4)
        if front.transport is not None:
            front.transport.abort()


class Front(Side):
    """The viewers' end: what it says before there is a backend is kept."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self._door = door

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        task = asyncio.create_task(self._door.connect(self))
        self._door.tasks.add(task)
        task.add_done_callback(self._door.tasks.discard)


class Back(Side):
    """A backend's end."""

    def __init__(self, door: Door, port: int) -> None:
        super().__init__()
        self._door = door
        self._port = port
        door.open[port] += 1

    def connection_lost(self, _exc: Exception | None) -> None:
        self._door.open[self._port] -= 1
        super().connection_lost(_exc)


async def is_ready(port: int) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return (await reader.readline()).split(b" ")[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def balance(doors: dict[int, list[int]]) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as group:
        for port, backends in doors.items():
            door = Door(backends)
            for backend in backends:
                group.create_task(door.probe(backend))
            await loop.create_server(door.front, "127.0.0.1", port, backlog=2_048)
        print("balancer is ready", flush=True)  # noqa: T201 - the test waits for it


def main() -> None:
    doors = {}
    for argument in sys.argv[1:]:
        port, _, backends = argument.partition("=")
        doors[int(port)] = [int(one) for one in backends.split(",")]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(balance(doors))


if __name__ == "__main__":
    main()
