"""``python -m loadtests.verifier``: judges a run whose records are there, against the server that it ran on."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click
from rich.console import Console

from loadtests.api_http import Api
from loadtests.errors import LoadError
from loadtests.limits import EXIT_CANNOT
from loadtests.records import read_records
from loadtests.tokens import NoSecretError, find_secret
from loadtests.verifier.checks import judge
from loadtests.verifier.evidence import Evidence
from loadtests.verifier.evidence_http import ask_server, reconcile
from loadtests.verifier.table import Report, make_report, print_report, write_report

PLAIN_COLUMNS = 150
"""Width of the tables where nobody says how wide the screen is."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--records",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("load-results"),
    show_default=True,
    help="Folder of the viewers' records.",
)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Address of the API.")
@click.option(
    "--reconcile/--no-reconcile",
    "reconciles",
    default=True,
    show_default=True,
    help="Have Redis and Postgres compared, too; needs the data directory, or REDIS_URL and DATABASE_URL.",
)
def main(records: Path, url: str, *, reconciles: bool) -> None:
    """Say whether a load test held.

    Exit code: 0 when it did, 1 when not, 2 when there is nothing to judge.
    """
    try:
        report = verify(records, url, environ=os.environ, reconciles=reconciles)
    except (LoadError, NoSecretError, ValueError) as error:
        click.echo(f"verifier: {error}", err=True)
        sys.exit(EXIT_CANNOT)
    sys.exit(0 if report.held else 1)


def verify(
    folder: Path,
    url: str,
    *,
    environ: Mapping[str, str],
    reconciles: bool,
    secret: str | None = None,
    cpu: Mapping[str, float] | None = None,
    prints: bool = True,
    rolled: bool = False,
) -> Report:
    """Judge a run; print the verdict and write it beside the records.

    Args:
        folder: of the records.
        url: of the API.
        environ: of ``showdrop reconcile``.
        reconciles: whether that is asked.
        secret: of the deployment; None: where ``find_secret`` looks.
        cpu: by role, how many cores were used meanwhile, where that is known.
        rolled: whether gateways were replaced meanwhile.
        prints: whether the tables are shown also when everything is held.

    Raises:
        LoadError: the server does not answer.
        NoSecretError: there is nothing to mint a token with.
        ValueError: there are no records, or of several shows.
    """
    runs = read_records(folder)
    host = next((run.host for run in runs if run.host is not None), None)
    if host is None:
        raise ValueError(f"no record in {folder} is the host's: copy those of all workers there")
    code, said = reconcile(environ) if reconciles else (None, "")
    api = Api(url, secret or find_secret())
    try:
        server = ask_server(api, host, reconciled=code)
    finally:
        api.close()
    evidence = Evidence(runs=tuple(runs), server=server, rolled=rolled)
    report = make_report(evidence, judge(evidence), cpu or {})
    if code:
        click.echo(said, err=True)
    if prints or not report.held:
        print_report(report, new_console())
    write_report(report, folder)
    return report


def new_console() -> Console:
    """Return a console as wide as the screen, or as the tables need where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=PLAIN_COLUMNS)
