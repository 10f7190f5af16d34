"""A whole deployment for a browser: ``showdrop dev`` as a process of its own, with a catalogue, on free ports."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from loadtests.free_ports import free_ports

SHOWDROP = Path(sys.executable).with_name("showdrop")
START_TIMEOUT_S = 45.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.1
MUGS = 10


class Site(msgspec.Struct, frozen=True):
    """Where the pages are; ``host_token`` is the one in the link that the command printed.

    ``fakes_url`` is the control of the fake channels; blank without them.
    """

    url: str
    host_token: str
    fakes_url: str = ""


@contextmanager
def running_site(folder: Path, *flags: str) -> Iterator[Site]:
    """Start everything with its data in a folder, import two products, stop it at the end."""
    http_port, ws_port = free_ports(2)
    url = f"http://127.0.0.1:{http_port}"
    # Servers of the surroundings stay out of it: the command has to stand on its own feet.
    env = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    env |= {"SHOWDROP_DATA_DIR": str(folder / "data")}
    env |= {"SHOWDROP_HTTP_PORT": str(http_port), "SHOWDROP_WS_PORT": str(ws_port)}
    log = folder / "dev.log"
    with log.open("wb") as out:
        server = subprocess.Popen([SHOWDROP, "dev", *flags], env=env, stdout=out, stderr=subprocess.STDOUT)  # noqa: S603 - ours
    try:
        token = _printed_token(server, log)
        _import_catalogue(folder, url, env)
        fakes = re.search(r"export FAKES=(\S+)", log.read_text(encoding="utf-8"))
        yield Site(url=url, host_token=token, fakes_url=fakes[1] if fakes else "")
    finally:
        server.terminate()
        try:
            server.wait(STOP_TIMEOUT_S)
        finally:
            server.kill()


def _printed_token(server: "subprocess.Popen[bytes]", log: Path) -> str:
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < give_up_at:
        if printed := re.search(r"/host#token=(\S+)", log.read_text(encoding="utf-8")):
            return printed[1]
        time.sleep(POLL_S)
    raise AssertionError(f"showdrop dev did not get ready:\n{log.read_text(encoding='utf-8')}")


def _import_catalogue(folder: Path, url: str, env: dict[str, str]) -> None:
    feed = folder / "feed.csv"
    feed.write_text(
        "id,title,description,availability,condition,price,link,image_link,quantity_to_sell_on_facebook\n"
        f"MUG-1,Enamel Mug,A mug,in stock,new,20.00 EUR,{url}/mug,{url}/static/icon.svg,{MUGS}\n"
        f"LAMP-1,Desk Lamp,A lamp,in stock,new,45.00 EUR,{url}/lamp,{url}/static/no-such-picture.svg,5\n",
        encoding="utf-8",
    )
    done = subprocess.run(  # noqa: S603 - ours
        [SHOWDROP, "import", str(feed)], env=env, capture_output=True, text=True, timeout=START_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 created" in done.stdout
