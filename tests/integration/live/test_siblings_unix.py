"""Processes of one gateway ask each other over real sockets; one that is silent, dead or replaced harms no other."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.errors import StartupError
from kit.metrics import CONTENT_TYPE
from live.roles.limits import SIBLING_ANSWER_S
from live.roles.siblings import Answer, Seat, readiness
from live.roles.siblings_unix import Siblings


class Process:
    """What one process says of itself, and how often it was asked."""

    def __init__(self, seat: Seat) -> None:
        self.failing: dict[str, str] = {}
        self.asked = 0
        self.answers_after = asyncio.Event()
        self.answers_after.set()
        self.siblings = Siblings(seat)
        self.plain = self.siblings.merged({"/healthz": self.healthz, "/readyz": self.readyz, "/metrics": self.metrics})

    async def healthz(self) -> Answer:
        return 200, "text/plain", b"alive"

    async def readyz(self) -> Answer:
        self.asked += 1
        await self.answers_after.wait()
        return readiness(self.failing)

    async def metrics(self) -> Answer:
        return 200, CONTENT_TYPE, f"# TYPE asked gauge\nasked {self.asked}\n".encode()


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[list[Process]]:
    """Three processes of one gateway, which listen."""
    made = [Process(Seat(number=number, count=3, directory=tmp_path)) for number in range(3)]
    for one in made:
        await one.siblings.listen()
    yield made
    for one in made:
        await one.siblings.close()


async def test_whichever_is_asked_answers_for_all(three: list[Process]) -> None:
    for one in three:
        assert await one.plain["/readyz"]() == readiness({})
    three[1].failing = {"redis": "gone"}
    for one in three:
        assert await one.plain["/readyz"]() == readiness({"process 1: redis": "gone"})
        assert b'asked{process="2"} ' in (await one.plain["/metrics"]())[2]


async def test_a_process_speaks_for_its_own_life_only(three: list[Process]) -> None:
    await three[1].siblings.close()
    assert await three[0].plain["/healthz"]() == (200, "text/plain", b"alive")


async def test_one_that_is_gone_is_named_and_counted(three: list[Process]) -> None:
    await three[2].siblings.close()
    assert await three[0].plain["/readyz"]() == readiness({"process 2": "no answer"})
    assert b"showdrop_gateway_processes_up 2.0" in (await three[0].plain["/metrics"]())[2]


async def test_one_that_hangs_delays_the_answer_by_its_limit_only(three: list[Process]) -> None:
    three[1].answers_after.clear()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await three[0].plain["/readyz"]() == readiness({"process 1": "no answer"})
    assert SIBLING_ANSWER_S - 0.1 < loop.time() - began < SIBLING_ANSWER_S + 1
    three[1].answers_after.set()
    assert await three[0].plain["/readyz"]() == readiness({})


async def test_one_that_ends_in_the_middle_of_its_answer_does_not_count(three: list[Process], tmp_path: Path) -> None:
    await three[1].siblings.close()
    path = tmp_path / "1.sock"
    path.unlink()

    async def half(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x93\xcc")
        writer.close()

    async with await asyncio.start_unix_server(half, path):
        assert await three[0].plain["/readyz"]() == readiness({"process 1": "no answer"})


async def test_a_dead_predecessor_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "0.sock"))
    one, other = (Process(Seat(number=number, count=2, directory=tmp_path)) for number in range(2))
    for process in (one, other):
        await process.siblings.listen()
    assert await other.plain["/readyz"]() == readiness({})
    for process in (one, other):
        await process.siblings.close()


async def test_however_many_ask_a_sibling_is_asked_once_at_a_time(three: list[Process]) -> None:
    three[1].answers_after.clear()
    askers = [asyncio.ensure_future(three[0].plain["/readyz"]()) for _ in range(50)]
    while not three[1].asked:
        await asyncio.sleep(0.01)
    askers[0].cancel()  # the first one hangs up, which is not the others' fault
    three[1].answers_after.set()
    assert await asyncio.gather(*askers[1:]) == [readiness({})] * 49
    assert three[1].asked == 1


@pytest.mark.parametrize("missing", ["gone", "x" * 120])
async def test_a_socket_that_cannot_be_made_is_one_line(tmp_path: Path, missing: str) -> None:
    process = Process(Seat(number=0, count=2, directory=tmp_path / missing))
    with pytest.raises(StartupError, match="cannot make the socket") as error:
        await process.siblings.listen()
    assert "\n" not in error.value.message
