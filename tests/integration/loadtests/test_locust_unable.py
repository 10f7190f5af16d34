import asyncio
import os
import sys
from pathlib import Path

LOCUSTFILE = Path(__file__).parents[3] / "loadtests" / "locustfile.py"
UNABLE = 2  # importing the file itself would let gevent patch this process


async def test_locust_says_in_one_line_why_it_cannot_make_the_show(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SHOWDROP_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"),
        *("--host", "http://127.0.0.1:9", "--tier", "XS", "--records", str(tmp_path)),
        env=environ | {"SHOWDROP_DATA_DIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    lines = said.decode().splitlines()
    assert process.returncode == UNABLE, said.decode()
    assert [line for line in lines if line.startswith("load: ")] == [
        f"load: no secret in {tmp_path}; set SHOWDROP_SECRET or SHOWDROP_DATA_DIR to the server's"
    ]
    assert not [line for line in lines if "Traceback" in line]
