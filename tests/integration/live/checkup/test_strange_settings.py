"""Whatever the environment says, the check ends in time, with lines of ours and without what is secret."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from live.checkup import doors_http
from live.checkup.checkup import Question, check_deployment
from live.checkup.verdict import Verdict, report_of
from loadtests.free_ports import free_port

SECRET = "c9Xe1-wK3_pQ7zRt5mLd8vBn2yHj4sGf"
PASSWORD = "correct-horse-battery"
OF_THE_TESTS = {"Redis persistence", "Redis latency", "Postgres durability", "Postgres latency"}
"""What the servers of the tests lack on purpose, and what depends on how busy this machine is."""


@pytest.fixture
def environ(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "REDIS_URL": redis_url,
        "DATABASE_URL": database_url,
        "SHOWDROP_SECRET": SECRET,
        "SHOWDROP_DATA_DIR": str(tmp_path),
        "SHOWDROP_HTTP_PORT": str(free_port()),
        "SHOWDROP_WS_PORT": str(free_port()),
        "SHOWDROP_MAX_VIEWERS": "10",
    }


async def failed(environ: dict[str, str]) -> dict[str, Verdict]:
    """Return what failed, by what was looked at; nothing says the password."""
    report = report_of(await check_deployment(Question(environ=environ)))
    assert all(PASSWORD not in one.found and one.found.isprintable() for one in report.checks)
    return {one.check: one for one in report.checks if one.state == "fail" and one.check not in OF_THE_TESTS}


def with_option(url: str, option: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{option}"


@pytest.mark.parametrize("option", [f"unheard_of={PASSWORD}", f"options={PASSWORD}"])
async def test_an_option_that_postgres_refuses_is_a_line(environ: dict[str, str], option: str) -> None:
    environ["DATABASE_URL"] = with_option(environ["DATABASE_URL"], option)
    assert "cannot be asked" in (await failed(environ))["Postgres"].found


async def test_a_port_that_no_machine_has_is_a_line(environ: dict[str, str]) -> None:
    environ["DATABASE_URL"] = f"postgresql://showdrop:{PASSWORD}@127.0.0.1:99999/showdrop"
    assert "Postgres" in await failed(environ)


async def test_a_user_who_may_not_enter_the_database_is_a_line(environ: dict[str, str], database_url: str) -> None:
    keeper = await asyncpg.connect(database_url)
    try:
        role, name = "stranger_of_the_check", await keeper.fetchval("SELECT current_database()")
        await keeper.execute(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
        try:
            await keeper.execute(f'REVOKE CONNECT ON DATABASE "{name}" FROM PUBLIC')
            environ["DATABASE_URL"] = with_option(database_url, f"user={role}").replace("showdrop@", "", 1)
            assert "Postgres" in await failed(environ)
        finally:
            await keeper.execute(f"DROP ROLE {role}")
    finally:
        await keeper.close()


@contextlib.asynccontextmanager
async def answering(*pieces: bytes, every_s: float = 0.0, then_silent: bool = False) -> AsyncIterator[int]:
    """Serve a port that answers a request with these bytes.

    Args:
        pieces: the bytes.
        every_s: the pause between two times of the last ones, which are sent again and again; 0 for once.
        then_silent: whether to keep the connection, and answer no further request on it.
    """

    served: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        with contextlib.suppress(OSError):
            await reader.read(1_000)
            for piece in pieces:
                writer.write(piece)
            while every_s:
                await asyncio.sleep(every_s)
                if writer.is_closing():
                    break
                writer.write(pieces[-1])
            if then_silent:
                await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
    await asyncio.wait_for(asyncio.gather(*served), 5)


async def test_a_web_server_in_place_of_redis_is_a_line(environ: dict[str, str]) -> None:
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        environ["REDIS_URL"] = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        assert "Redis" in await failed(environ)


async def test_who_answers_for_ever_at_our_port_does_not_hold_up_the_check(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors_http, "DOOR_TIMEOUT_S", 0.5)
    async with asyncio.timeout(10), answering(b"HTTP/1.1 200 OK\r\n\r\n", b"x", every_s=0.1) as port:
        environ["SHOWDROP_HTTP_PORT"] = str(port)
        assert set(await failed(environ)) == {"port of the API"}


async def test_who_says_that_it_lives_is_ours_though_it_does_not_say_in_time_whether_it_is_ready(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors_http, "DOOR_TIMEOUT_S", 0.5)
    alive = b'HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{"status":"ok"}'
    async with asyncio.timeout(10), answering(alive, then_silent=True) as port:
        environ["SHOWDROP_HTTP_PORT"] = str(port)
        said = (await failed(environ))["port of the API"]
    assert said.found == f"127.0.0.1:{port} answers, but is not ready: no answer"
    assert "Stop what uses it" not in said.remedy


async def test_a_free_port_is_not_opened_to_anybody(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def listen(*_args: object) -> None:
        raise AssertionError("it listens")

    monkeypatch.setattr(socket.socket, "listen", listen)
    assert await failed(environ) == {}


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("SHOWDROP_HOST", "[::1]", "port of the API"),
        ("SHOWDROP_HOST", "a\x1bb", "port of the API"),
        ("SHOWDROP_HOST", "h\udcff", "port of the API"),
        ("SHOWDROP_MAX_VIEWERS", "1" * 5_000, "settings"),
        ("SHOWDROP_ORIGINS", "x" * 100_000, "settings"),
        ("SHOWDROP_SECRET", f"{SECRET}{SECRET}\udcff", "settings"),
    ],
)
async def test_a_strange_value_is_a_short_line(environ: dict[str, str], name: str, value: str, check: str) -> None:
    environ[name] = value
    assert len((await failed(environ))[check].found) < 500


async def test_a_data_directory_that_cannot_be_is_a_line(environ: dict[str, str]) -> None:
    environ["SHOWDROP_DATA_DIR"] = f"{environ['SHOWDROP_DATA_DIR']}/{'x' * 300}\n\udcff"
    assert (await failed(environ)).keys() <= {"data directory"}
