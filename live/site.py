"""Where the ``showdrop dev`` of a data directory listens: told in a file, for commands in a second terminal."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from kit.embedded import find_running
from kit.errors import StartupError
from kit.settings import Settings

FILE: Final = "site.json"
_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what listens everywhere is reached on loopback


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses that this machine can reach.

    Attributes:
        http_url: base address of the API.
        ws_url: base address of the gateway.
        pid: the process that listens.
    """

    http_url: str
    ws_url: str
    pid: int


def site_of(settings: Settings, pid: int) -> Site:
    """Return where a process with these settings listens. Pure."""
    host = _ANY.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    return Site(http_url=f"http://{host}:{settings.http_port}", ws_url=f"ws://{host}:{settings.ws_port}", pid=pid)


@contextlib.contextmanager
def announced(settings: Settings, *, owner: bool) -> Iterator[None]:
    """Tell, for the time of the block, where this process listens.

    Args:
        settings: with the data directory, which exists.
        owner: whether this process runs the directory's servers; without them there is nothing to tell.

    Raises:
        StartupError: the file cannot be written.
    """
    if not owner:
        yield
        return
    file = settings.data_dir / FILE
    new = file.with_name(f"{FILE}.new")
    try:
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as opened:
            opened.write(msgspec.json.encode(site_of(settings, os.getpid())))
        new.replace(file)
    except OSError as error:
        raise StartupError(f"Cannot write {new}: {error.strerror}.") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def find_site(data_dir: Path) -> Site | None:
    """Return where the running ``showdrop dev`` of a data directory listens; None when none runs, or it is not ready.

    Raises:
        StartupError: it belongs to another user.
    """
    running = find_running(data_dir)
    if running is None:
        return None
    try:
        site = msgspec.json.decode((data_dir / FILE).read_bytes(), type=Site)
    except (OSError, msgspec.DecodeError):
        return None
    # A killed process leaves its file behind.
    return site if site.pid == running.owner_pid else None
