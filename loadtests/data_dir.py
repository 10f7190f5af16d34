"""What ``showdrop dev`` and ``showdrop servers`` leave in their data directory for whoever works beside them."""

from pathlib import Path

import msgspec


class _Urls(msgspec.Struct):
    redis_url: str
    database_url: str


class _Running(msgspec.Struct):
    """What ``servers.json`` says."""

    urls: _Urls


def stores_of(data_dir: Path) -> tuple[str, str]:
    """Return where Redis and Postgres are, while they run.

    Raises:
        OSError: nothing runs there.
    """
    running = msgspec.json.decode((data_dir / "servers.json").read_bytes(), type=_Running)
    return running.urls.redis_url, running.urls.database_url


def secret_of(data_dir: Path) -> str:
    """Return what signs tokens.

    Raises:
        OSError: nothing ever ran there.
    """
    return (data_dir / "secret").read_text().strip()
