"""The command line: ``showdrop ROLE`` and the tools beside it."""

import asyncio
import importlib
import os
import sys
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import TypeVar, cast

import click
import uvloop

from kit.errors import SettingError, ShowdropError
from kit.log import configure_logging, logger
from kit.settings import Settings, read_settings, unknown_variables
from live.roles.limits import PROCESSES_MOST
from live.variables import ALL_VARIABLES

Result = TypeVar("Result")

_log = logger("settings")

NAME_WIDTH = max(len(one.name) for one in ALL_VARIABLES)
EPILOG = "Settings from the environment:\n\n\b\n" + "\n".join(
    f"{one.name:<{NAME_WIDTH}} {one.meaning} [{one.default}]" for one in ALL_VARIABLES
)


LAZY = {
    "rehearse": ("live.rehearse.command", "rehearse_command"),
    "check": ("live.checkup.command", "check_command"),
    "bench": ("live.bench.command", "bench_command"),
}
"""Commands that live in modules of their own and are loaded when they are needed."""


class Commands(click.Group):
    """Loads the lazy commands, and turns every error of ours into one line on standard error."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        return sorted([*super().list_commands(ctx), *LAZY])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, loading it if need be."""
        if cmd_name in LAZY:
            module, name = LAZY[cmd_name]
            command: click.Command = getattr(importlib.import_module(module), name)
            return command
        return super().get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; exit 2 for a wrong setting, 1 for everything else that we can name."""
        try:
            return super().invoke(ctx)
        except SettingError as error:
            click.echo(f"showdrop: {error.message}", err=True)
            sys.exit(2)
        except ShowdropError as error:
            click.echo(f"showdrop: {error.message}", err=True)
            sys.exit(1)


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="showdrop")
def main() -> None:
    """Showdrop: the real-time back end for live shopping."""


def run(work: Coroutine[object, object, Result]) -> Result:
    """Run a coroutine on uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def _settings(**flags: object) -> Settings:
    settings = read_settings(flags=flags)
    configure_logging(settings.log)
    return settings


def _role_settings(**flags: object) -> Settings:
    settings = _settings(**flags)
    warn_of_unknown(os.environ)
    return settings


def warn_of_unknown(environ: Mapping[str, str]) -> None:
    """Log which variables look like settings and are none, if any, in one line without their values.

    They are not refused: Kubernetes sets variables of its own for a service that is called showdrop-something.
    """
    unknown = unknown_variables(environ, (one.name for one in ALL_VARIABLES))
    if unknown:
        names = [name if meant is None else f"{name} (is {meant} meant?)" for name, meant in unknown.items()]
        _log.warning("unknown_settings", names=", ".join(names), meaning="nothing reads them; see showdrop --help")


_data_dir = click.option(
    "--data-dir", type=click.Path(path_type=Path), help="SHOWDROP_DATA_DIR: the embedded servers' data, and the secret"
)
_host = click.option("--host", help="SHOWDROP_HOST: address to listen on")
_http_port = click.option(
    "--http-port", type=click.IntRange(1, 65535), help="SHOWDROP_HTTP_PORT: port of the HTTP API and the pages"
)
_ws_port = click.option(
    "--ws-port", type=click.IntRange(1, 65535), help="SHOWDROP_WS_PORT: port of the viewers' WebSocket"
)


@main.command(short_help="Run everything in one process.")
@_data_dir
@_host
@_http_port
@_ws_port
@click.option("--fake-channels", is_flag=True, help="connect every named channel to a fake of it; needs the repository")
def dev(
    *, data_dir: Path | None, host: str | None, http_port: int | None, ws_port: int | None, fake_channels: bool
) -> None:
    """Run everything in one process, with Redis and Postgres of its own unless REDIS_URL and DATABASE_URL are set."""
    from live.roles.dev import serve_dev  # noqa: PLC0415 - --help must not load the servers

    settings = _role_settings(data_dir=data_dir, host=host, http_port=http_port, ws_port=ws_port)
    run(serve_dev(settings, fake_channels=fake_channels))


@main.command()
@_data_dir
@_host
@_http_port
def api(data_dir: Path | None, host: str | None, http_port: int | None) -> None:
    """Run the HTTP API and the pages."""
    from live.roles.single import serve_role  # noqa: PLC0415 - --help must not load the servers

    run(serve_role("api", _role_settings(data_dir=data_dir, host=host, http_port=http_port)))


@main.command()
@_data_dir
@_host
@_ws_port
@click.option(
    "--processes",
    type=click.IntRange(1, PROCESSES_MOST),
    default=1,
    show_default=True,
    help="how many share the port; one per core is best",
)
def gateway(data_dir: Path | None, host: str | None, ws_port: int | None, processes: int) -> None:
    """Run the viewers' WebSocket."""
    from live.roles.gateway_processes import serve_processes  # noqa: PLC0415 - --help must not load the servers
    from live.roles.single import serve_role  # noqa: PLC0415 - --help must not load the servers

    settings = _role_settings(data_dir=data_dir, host=host, ws_port=ws_port)
    run(serve_role("gateway", settings) if processes == 1 else serve_processes(settings, processes))


@main.command(hidden=True)
@_data_dir
@_host
@_ws_port
@click.option("--number", type=int, required=True)
@click.option("--count", type=int, required=True)
@click.option("--directory", type=click.Path(path_type=Path), required=True)
def gateway_process(*, data_dir: Path, host: str, ws_port: int, number: int, count: int, directory: Path) -> None:
    """Run one of the processes of `gateway --processes`, which starts it."""
    from live.roles.siblings import Seat  # noqa: PLC0415 - --help must not load the servers
    from live.roles.single import serve_seat  # noqa: PLC0415 - --help must not load the servers

    settings = _settings(data_dir=data_dir, host=host, ws_port=ws_port)
    sys.exit(run(serve_seat(Seat(number=number, count=count, directory=directory), settings)))


@main.command(short_help="Run payments, clocks, channels and merchants' webhooks.")
@_data_dir
def worker(data_dir: Path | None) -> None:
    """Run payments, the clock of offers, expiring holds, channels and merchants' webhooks."""
    from live.roles.single import serve_role  # noqa: PLC0415 - --help must not load the servers

    run(serve_role("worker", _role_settings(data_dir=data_dir)))


@main.command(name="servers", short_help="Run only a Redis and a Postgres of its own.")
@_data_dir
def servers_command(data_dir: Path | None) -> None:
    """Run only a Redis and a Postgres of its own, with an up-to-date schema, for roles that are started one by one."""
    from live.roles.servers import serve_servers  # noqa: PLC0415 - --help must not load the servers

    run(serve_servers(_settings(data_dir=data_dir)))


@main.command()
@_data_dir
def migrate(data_dir: Path | None) -> None:
    """Bring the database's schema up to date."""
    from live.roles.single import migrate_database  # noqa: PLC0415 - --help must not load the servers

    applied = run(migrate_database(_settings(data_dir=data_dir)))
    click.echo(f"applied: {', '.join(applied)}" if applied else "the schema is up to date")


@main.command(name="import", short_help="Import catalogue files.")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILES...")
@_data_dir
def import_command(files: tuple[Path, ...], data_dir: Path | None) -> None:
    """Import catalogue FILES: Shopify product CSVs, or Meta or Google product feeds (CSV or TSV).

    Importing a file again updates what changed in it, and moves stock by the difference to the last file's quantity. A
    file without a column for quantities leaves stock as it is. Exit code 1 when a file could not be read.
    """
    from live.import_command import import_files  # noqa: PLC0415 - --help must not load the servers

    sys.exit(0 if run(import_files(_settings(data_dir=data_dir), files)) else 1)


@main.command()
@click.option("--role", type=click.Choice(["host", "viewer", "admin"]), required=True)
@click.option("--subject", required=True, help="whose token: a host's name, or the shop's id of a buyer")
@click.option("--show", "show_id", help="limit a viewer's token to this show")
@click.option(
    "--ttl", "ttl_s", type=click.IntRange(1), default=86_400, show_default=True, help="seconds it is good for"
)
@_data_dir
def token(role: str, subject: str, show_id: str | None, ttl_s: int, data_dir: Path | None) -> None:
    """Print a token (a JWT) signed with this deployment's secret."""
    from kit.ids import is_id  # noqa: PLC0415 - loaded only where it is needed
    from kit.settings import SECRET_FILE, ensure_secret  # noqa: PLC0415 - loaded only where it is needed
    from live.tokens import Role, Tokens  # noqa: PLC0415 - loaded only where it is needed

    if show_id is not None and not is_id(show_id, "show"):
        raise click.BadParameter("it takes the id of a show, such as show_01J…", param_hint="--show")
    settings = _settings(data_dir=data_dir)
    is_new = settings.secret is None and not (settings.data_dir / SECRET_FILE).exists()
    signed, _ = Tokens(ensure_secret(settings)).mint(cast(Role, role), subject, show_id, ttl_s)
    if is_new:
        click.echo(
            f"showdrop: made a new secret in {settings.data_dir.absolute()}; a server of another data directory "
            "refuses this token. Run this where the server runs, or set SHOWDROP_DATA_DIR or SHOWDROP_SECRET.",
            err=True,
        )
    click.echo(signed)


@main.command()
@click.option("--repair", is_flag=True, help="compensate what is off by appending, never by overwriting")
@_data_dir
def reconcile(repair: bool, data_dir: Path | None) -> None:
    """Compare Redis, Postgres and channels; exit 1 when they differ."""
    from live.reconcile.command import reconcile_deployment  # noqa: PLC0415 - --help must not load the servers

    sys.exit(0 if run(reconcile_deployment(_settings(data_dir=data_dir), repair=repair)) else 1)


if __name__ == "__main__":
    main()
