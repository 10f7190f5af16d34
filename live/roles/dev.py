"""``showdrop dev``: every role in one process, with servers of its own (D12)."""

import contextlib
import dataclasses
import os
import time
from collections.abc import AsyncIterator

import click
import msgspec

from kit.settings import Settings
from live.roles.fake_channels import FakeChannels, pause_fakes, require_fakes
from live.roles.payments import payments_line
from live.roles.place import require_free, servers
from live.roles.ports import require_free_port
from live.roles.process import role_starts, running, until_failed, until_signal
from live.roles.stores import Place
from live.site import announced, site_of
from live.tokens import Tokens

HOST_TOKEN_TTL_S = 7 * 86_400

ROLES = ("api", "worker", "gateway")
"""The worker before the gateway: books that a lost Redis left behind are rebuilt before anyone can claim."""


async def serve_dev(settings: Settings, *, fake_channels: bool = False) -> None:
    """Run until Ctrl-C, also one during the start; what is embedded stops with it and keeps its data.

    Args:
        settings: of every role.
        fake_channels: whether each named channel is played by a fake, and connected. Without them, channels of fakes
            that an earlier run connected are paused.

    Raises:
        StartupError, SettingError, UnavailableError: one line with the remedy.
    """
    began = time.monotonic()
    require_free(settings)
    # Before anything is made: a start that cannot be leaves no data directory behind.
    await require_free_port(settings.host, settings.http_port, "SHOWDROP_HTTP_PORT")
    await require_free_port(settings.host, settings.ws_port, "SHOWDROP_WS_PORT")
    if fake_channels:
        require_fakes()
    # Without a bank there would be nothing to try out.
    settings = msgspec.structs.replace(settings, test_bank=True)
    payments = payments_line(test_bank=settings.test_bank)
    starts = role_starts(ROLES, demo=True)
    async with (
        until_signal(lambda: click.echo("\nstopping ...")),
        servers(settings, on_progress=lambda line: click.echo(f"  {line}")) as (plain_place, embedded),
        _channels(plain_place, fake=fake_channels) as (place, fakes),
        running(place, starts) as roles,
    ):
        site = site_of(settings, os.getpid())
        token, _ = Tokens(place.secret).mint("host", "host", None, HOST_TOKEN_TTL_S)
        click.echo(
            f"\nShowdrop is ready after {time.monotonic() - began:.1f} s. Ctrl-C stops it; the data stays.\n\n"
            f"  host console  {site.http_url}/host#token={token}\n"
            f"  viewer page   {site.http_url}/watch\n"
            f"  API docs      {site.http_url}/docs\n\n"
            f"  viewers' WebSocket on {site.ws_url}\n"
            f"  {payments}\n"
            f"{_about_fakes(fakes)}"
            "  next: .venv/bin/showdrop import samples/apparel.csv   then   .venv/bin/showdrop rehearse\n"
        )
        with announced(settings, owner=embedded is not None):
            await until_failed(roles if fakes is None else [fakes, *roles], embedded)


@contextlib.asynccontextmanager
async def _channels(place: Place, *, fake: bool) -> AsyncIterator[tuple[Place, FakeChannels | None]]:
    """Lend the place with the channels that it is to call: the real ones, or fakes, which stop at the end."""
    if not fake:
        for name in await pause_fakes(place):
            click.echo(f"  {name} is paused: its fake is not running (--fake-channels)")
        yield place, None
        return
    fakes = await FakeChannels.start(place)
    try:
        yield dataclasses.replace(place, channel_urls=fakes.urls), fakes
    finally:
        await fakes.stop()


def _about_fakes(fakes: FakeChannels | None) -> str:
    if fakes is None:
        return ""
    return f"  fake channels: export FAKES={fakes.control_url}   then   curl $FAKES   says how to buy there\n"
