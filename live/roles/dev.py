"""``showdrop dev``: every role in one process, with servers of its own (D12)."""

import time

import click

from kit.settings import Settings
from live.roles.place import servers
from live.roles.process import role_starts, running, until_stopped
from live.tokens import Tokens

HOST_TOKEN_TTL_S = 7 * 86_400

ROLES = ("api", "worker", "gateway")
"""The worker before the gateway: books that a lost Redis left behind are rebuilt before anyone can claim."""


async def serve_dev(settings: Settings) -> None:
    """Run until Ctrl-C; what is embedded stops with it and keeps its data.

    Raises:
        StartupError, SettingError, UnavailableError: one line with the remedy.
    """
    began = time.monotonic()
    starts = role_starts(ROLES, demo=True)
    async with (
        servers(settings, on_progress=lambda line: click.echo(f"  {line}")) as (place, embedded),
        running(place, starts),
    ):
        site = f"http://{settings.host}:{settings.http_port}"
        token, _ = Tokens(place.secret).mint("host", "host", None, HOST_TOKEN_TTL_S)
        click.echo(
            f"\nShowdrop is ready after {time.monotonic() - began:.1f} s. Ctrl-C stops it; the data stays.\n\n"
            f"  host console  {site}/host#token={token}\n"
            f"  viewer page   {site}/watch\n"
            f"  API docs      {site}/docs\n\n"
            f"  viewers' WebSocket on ws://{settings.host}:{settings.ws_port}\n"
            "  next: .venv/bin/showdrop import FILE   then   .venv/bin/showdrop rehearse\n"
        )
        await until_stopped(embedded)
        click.echo("\nstopping ...")
