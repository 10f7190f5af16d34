"""A house of the rehearsal's own: a fake Stripe and a ``showdrop dev`` before it, in a directory that goes away.

The fake is part of the repository's tests, so this works only where the repository is.
"""

import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import msgspec

from kit.child_process import ChildProcess
from kit.embedded import find_running
from kit.errors import SettingError, StartupError
from kit.settings import Settings, ensure_secret
from live.rehearse.fake_bank_http import FakeBank
from live.rehearse.limits import (
    ANSWERS_LOST,
    CHILD_START_S,
    DEV_STOP_S,
    FAKE_STOP_S,
    STRIPE_FAKE_PER_S,
    WEBHOOKS_LOST,
    WEBHOOKS_TWICE,
)
from live.site import Site, find_site

ROOT: Final = Path(__file__).parents[2]
FAKE: Final = Path("tests", "fakes", "stripe", "__main__.py")
CATALOGUE: Final = Path("samples", "apparel.csv")
DATA: Final = "data"

_NOT_INHERITED: Final = ("SHOWDROP_", "REDIS_URL", "DATABASE_URL")


class Doors(msgspec.Struct, frozen=True, kw_only=True):
    """Where the processes listen, and the secrets that they share.

    Attributes:
        stripe_url: None before the fake has said it.
    """

    http_port: int
    ws_port: int
    key: str
    webhook_secret: str
    stripe_url: str | None = None


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A house that is open."""

    site: Site
    secret: str
    database_url: str
    redis_url: str
    bank: FakeBank


def require_fakes(root: Path) -> None:
    """Refuse where the fake or its catalogue is missing.

    Raises:
        SettingError: it is.
    """
    missing = [path for path in (FAKE, CATALOGUE) if not (root / path).is_file()]
    if missing:
        raise SettingError(
            f"--payments stripe-fake needs the repository: there is no {missing[0]} in {root}; "
            "run it from a checkout, as .venv/bin/showdrop"
        )


def environment(inherited: Mapping[str, str], doors: Doors, data_dir: Path) -> dict[str, str]:
    """Return the environment of both processes: nothing of the user's own deployment is left in it. Pure."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(_NOT_INHERITED)}
    own = {
        "SHOWDROP_DATA_DIR": str(data_dir),
        "SHOWDROP_HTTP_PORT": str(doors.http_port),
        "SHOWDROP_WS_PORT": str(doors.ws_port),
        "SHOWDROP_STRIPE_KEY": doors.key,
        "SHOWDROP_STRIPE_WEBHOOK_SECRETS": doors.webhook_secret,
        "SHOWDROP_STRIPE_PER_S": str(STRIPE_FAKE_PER_S),
        "SHOWDROP_PAYMENT_RETURN_URL": f"http://127.0.0.1:{doors.http_port}/watch",
    }
    told = {} if doors.stripe_url is None else {"SHOWDROP_STRIPE_URL": doors.stripe_url}
    return kept | own | told


def fake_words(doors: Doors, seed: int) -> list[str]:
    """Return the command line of the fake. Pure."""
    options = {
        "--webhook-url": f"http://127.0.0.1:{doors.http_port}/v1/webhooks/payments/stripe",
        "--per-s": STRIPE_FAKE_PER_S,
        "--seed": seed,
        "--webhooks-twice": WEBHOOKS_TWICE,
        "--webhooks-lost": WEBHOOKS_LOST,
        "--answers-lost": ANSWERS_LOST,
    }
    words = [str(word) for option in options.items() for word in option]
    return [sys.executable, "-m", "tests.fakes.stripe", *words]


class House:
    """Opens once; ``close`` ends whatever was started, and removes the directory. Call it from the main thread."""

    def __init__(self) -> None:
        self._opened = AsyncExitStack()

    async def open(self, seed: int) -> Place:
        """Start the fake and the server, and import a small catalogue.

        Raises:
            StartupError: one of them did not start; what did is still to be closed.
        """
        temporary = tempfile.TemporaryDirectory(prefix="showdrop-rehearse-", ignore_cleanup_errors=True)
        directory = Path(self._opened.enter_context(temporary))
        doors = _new_doors()
        doors = msgspec.structs.replace(doors, stripe_url=await self._start_fake(directory, doors, seed))
        site = await self._start_dev(directory, doors)
        await self._import(directory, doors)
        running = find_running(directory / DATA)
        if running is None or doors.stripe_url is None:
            raise StartupError("showdrop dev ended right after its start")
        bank = FakeBank(doors.stripe_url, doors.key)
        self._opened.push_async_callback(bank.close)
        return Place(
            site=site,
            secret=ensure_secret(Settings(data_dir=directory / DATA)),
            database_url=running.database_url,
            redis_url=running.redis_url,
            bank=bank,
        )

    async def close(self) -> None:
        """End it; at once when nothing was opened."""
        await self._opened.aclose()

    async def _start_fake(self, directory: Path, doors: Doors, seed: int) -> str:
        fake = await self._spawn("the fake Stripe", fake_words(doors, seed), directory, doors, stop_s=FAKE_STOP_S)

        async def listens() -> bool:
            return _address_in(fake.log_tail()) is not None

        await fake.wait_ready(listens, CHILD_START_S)
        return _address_in(fake.log_tail()) or ""

    async def _start_dev(self, directory: Path, doors: Doors) -> Site:
        words = [sys.executable, "-m", "live.cli", "dev"]
        dev = await self._spawn("showdrop dev", words, directory, doors, stop_s=DEV_STOP_S)
        found: list[Site] = []

        async def is_announced() -> bool:
            site = find_site(directory / DATA)
            found.extend([] if site is None else [site])
            return site is not None

        await dev.wait_ready(is_announced, CHILD_START_S)
        return found[0]

    async def _import(self, directory: Path, doors: Doors) -> None:
        words = [sys.executable, "-m", "live.cli", "import", str(CATALOGUE)]
        importing = await self._spawn("showdrop import", words, directory, doors, stop_s=FAKE_STOP_S)
        await importing.wait_success(CHILD_START_S)

    async def _spawn(
        self, name: str, words: list[str], directory: Path, doors: Doors, *, stop_s: float
    ) -> ChildProcess:
        child = await ChildProcess.spawn(
            name,
            words,
            cwd=ROOT,
            log_path=directory / f"{name.replace(' ', '-')}.log",
            death_signal=signal.SIGTERM,
            env=environment(os.environ, doors, directory / DATA),
        )
        self._opened.push_async_callback(child.stop, [(signal.SIGTERM, stop_s)])
        return child


def _new_doors() -> Doors:
    with socket.create_server(("127.0.0.1", 0)) as http, socket.create_server(("127.0.0.1", 0)) as ws:
        http_port, ws_port = http.getsockname()[1], ws.getsockname()[1]
    return Doors(
        http_port=http_port,
        ws_port=ws_port,
        key=f"sk_test_{secrets.token_hex(16)}",
        webhook_secret=f"whsec_{secrets.token_hex(16)}",
    )


def _address_in(log: str) -> str | None:
    return next((line for line in log.splitlines(keepends=True) if line.startswith("http://")), "").strip() or None
