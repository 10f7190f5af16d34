"""Locust says in one line why it cannot make the show, and nothing of its single calls."""

import asyncio
import os
import sys
from pathlib import Path

LOCUSTFILE = Path(__file__).parents[3] / "loadtests" / "locustfile.py"
UNABLE = 2  # importing the file itself would let gevent patch this process


async def said_without_a_show(host: str, folder: Path, **environ: str) -> list[str]:
    """Return the lines of a locust that cannot make its show."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("SHOWDROP_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
        *("--host", host, "--tier", "XS", "--records", str(folder)),
        env=others | {"SHOWDROP_DATA_DIR": str(folder)} | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == UNABLE, said.decode()
    lines = said.decode().splitlines()
    assert not [line for line in lines if "Traceback" in line]
    return lines


async def test_locust_says_in_one_line_why_it_cannot_make_the_show(tmp_path: Path) -> None:
    lines = await said_without_a_show("http://127.0.0.1:9", tmp_path)
    assert [line for line in lines if line.startswith("load: ")] == [
        f"load: no secret in {tmp_path}; set SHOWDROP_SECRET or SHOWDROP_DATA_DIR to the server's"
    ]


async def test_calls_of_the_host_are_no_lines_of_their_own(tmp_path: Path) -> None:
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(b"HTTP/1.1 418 Teapot\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        lines = await said_without_a_show(url, tmp_path, SHOWDROP_SECRET="s" * 40)
    assert asked
    assert [line for line in lines if line.startswith("load: ")]
    assert not [line for line in lines if "HTTP Request" in line], lines
