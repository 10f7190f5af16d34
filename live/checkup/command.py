"""``showdrop check``."""

import asyncio
import os
import sys
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kit.log import configure_logging
from live.checkup.checkup import Question, check_deployment
from live.checkup.facts import Fleet
from live.checkup.limits import FLEET_MOST
from live.checkup.verdict import Report, State, report_of

_STYLES: dict[State, str] = {"ok": "green", "warn": "bold yellow", "fail": "bold red"}


@click.command(name="check", short_help="Verify a deployment and say what to fix.")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), help="SHOWDROP_DATA_DIR: the embedded servers' data, and the secret"
)
@click.option("--json", "as_json", is_flag=True, help="print the report as JSON")
@click.option("--api", type=click.IntRange(0, FLEET_MOST), default=1, show_default=True, help="API processes")
@click.option("--gateways", type=click.IntRange(0, FLEET_MOST), default=1, show_default=True, help="gateway processes")
@click.option("--workers", type=click.IntRange(0, FLEET_MOST), default=1, show_default=True, help="workers")
def check_command(*, data_dir: Path | None, as_json: bool, api: int, gateways: int, workers: int) -> None:
    """Verify a deployment and say what to fix; exit 1 when something has to be.

    It looks at the settings, this machine, Redis, Postgres and the channels, and changes nothing. Say how many
    processes of each role there are to be, on all machines together.
    """
    configure_logging("text")
    question = Question(
        environ=dict(os.environ),
        flags={"data_dir": data_dir},
        fleet=Fleet(api=api, gateways=gateways, workers=workers),
    )
    report = report_of(asyncio.run(check_deployment(question)))
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        print_report(report, Console(highlight=False))
    sys.exit(0 if report.ok else 1)


def print_report(report: Report, screen: Console) -> None:
    """Print the table, and the verdict below it."""
    table = Table(show_lines=False)
    table.add_column("check")
    table.add_column("", no_wrap=True)
    table.add_column("found")
    table.add_column("what to do")
    for one in report.checks:
        table.add_row(one.check, Text(one.state, style=_STYLES[one.state]), Text(one.found), Text(one.remedy))
    screen.print(table)
    states = [one.state for one in report.checks]
    screen.print(f"{states.count('ok')} ok, {states.count('warn')} to think about, {states.count('fail')} to fix")
