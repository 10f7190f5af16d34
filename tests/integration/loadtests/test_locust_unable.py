"""Locust where it cannot make the show: one line that says why, and its exit code."""

import asyncio
import os
import sys
from pathlib import Path

import httpx
import pytest

from loadtests.free_ports import free_port

LOCUSTFILE = Path(__file__).parents[3] / "loadtests" / "locustfile.py"
UNABLE = 2  # importing the file itself would let gevent patch this process


async def run_locust(folder: Path, *more: str, **settings: str) -> tuple[int | None, list[str]]:
    """Play tier XS, and return the exit code and what was said."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SHOWDROP_", "LOCUST_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
        *("--tier", "XS", "--records", str(folder), *more),
        env=environ | {"SHOWDROP_DATA_DIR": str(folder)} | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said.decode().splitlines()


def reasons(lines: list[str]) -> list[str]:
    """The lines that say why, of those that show no trouble beside."""
    assert not [line for line in lines if "Traceback" in line], lines
    return [line for line in lines if line.startswith("load: ")]


def no_showdrop(host: str, status: int) -> str:
    """What is said of a server that is none of ours."""
    other = f"what answers is something else ({status})"
    return f"there is no Showdrop at {host}: {other}; say the address of its API with --host"


async def test_locust_says_in_one_line_why_it_cannot_make_the_show(tmp_path: Path) -> None:
    code, lines = await run_locust(tmp_path, "--host", "http://127.0.0.1:9")
    assert code == UNABLE, lines
    assert reasons(lines) == [
        f"load: no secret in {tmp_path}; set SHOWDROP_SECRET or SHOWDROP_DATA_DIR to the server's"
    ]


async def test_locust_without_an_address_of_the_api_says_so(tmp_path: Path) -> None:
    code, lines = await run_locust(tmp_path, SHOWDROP_SECRET="s" * 43)
    assert code == UNABLE, lines
    assert reasons(lines) == ["load: no address of the API: say --host http://127.0.0.1:8000, or another one"]


@pytest.mark.parametrize(
    ("host", "ws_url", "like"),
    [
        ("http://[::1", "ws://127.0.0.1:9", "API has to be such as http://127.0.0.1:8000"),
        ("http://127.0.0.1:9", "ws://[::1", "gateway has to be such as ws://127.0.0.1:8001"),
    ],
)
async def test_locust_says_which_address_is_none(tmp_path: Path, host: str, ws_url: str, like: str) -> None:
    code, lines = await run_locust(tmp_path, "--host", host, "--ws-url", ws_url, SHOWDROP_SECRET="s" * 43)
    assert code == UNABLE, lines
    assert reasons(lines) == [f"load: the address of the {like}"]


async def test_calls_of_the_host_are_no_lines_of_their_own(tmp_path: Path) -> None:
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 418 Teapot\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        host = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        code, lines = await run_locust(tmp_path, "--host", host, SHOWDROP_SECRET="s" * 43)
    assert code == UNABLE, lines
    assert asked
    assert reasons(lines) == [f"load: GET /v1/meta: {no_showdrop(host, 418)}"]
    assert not [line for line in lines if "HTTP Request" in line], lines


async def test_what_the_web_form_says_of_the_soak_is_a_length_nothing_or_named(tmp_path: Path) -> None:
    async def a_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello")
        await writer.drain()
        writer.close()

    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SHOWDROP_", "LOCUST_"))}
    port = free_port()
    async with await asyncio.start_server(a_page, "127.0.0.1", 0) as server:
        host = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "locust", "-f", str(LOCUSTFILE), "--tier", "XS", "--records", str(tmp_path)),
            *("--web-host", "127.0.0.1", "--web-port", str(port)),
            *("--host", host),
            env=environ | {"SHOWDROP_SECRET": "s" * 43},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said: list[str] = []

        async def hear() -> list[str]:
            """Read to the end of the try."""
            assert process.stdout is not None
            begun = len(said)
            while not said[begun:] or "Shape test stopping" not in said[-1]:
                line = (await process.stdout.readline()).decode()
                assert line, said
                said.append(line.rstrip())
            return reasons(said[begun:])

        try:
            async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False) as client:
                for soak_s, reason in (
                    ("never", "load: soak_s: 'never' is no number of seconds above 0"),
                    ("", f"load: GET /v1/meta: {no_showdrop(host, 200)}"),
                    ("7.5", f"load: GET /v1/meta: {no_showdrop(host, 200)}"),
                ):
                    form = {"user_count": "1", "spawn_rate": "1", "soak_s": soak_s}
                    await swarmed(client, f"http://127.0.0.1:{port}/swarm", form)
                    assert await hear() == [reason], said
        finally:
            process.kill()
            await process.communicate()


async def swarmed(client: httpx.AsyncClient, url: str, form: dict[str, str]) -> None:
    """Press the button, as soon as there is one and the last show is over."""
    while True:
        try:
            if (await client.post(url, data=form)).json()["success"]:
                return
        except (httpx.TransportError, ValueError):
            await asyncio.sleep(0.1)
