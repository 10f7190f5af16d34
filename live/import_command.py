"""``showdrop import``: catalogue files, straight into the database, with a progress bar."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from inventory.import_pg import ImportReport, import_catalogue
from kit.errors import InvalidError, TooLargeError
from kit.postgres import Postgres
from kit.settings import Settings
from live.roles.place import servers

SHOWN_REJECTIONS = 20


async def import_files(settings: Settings, files: Sequence[Path]) -> bool:
    """Import files one after the other and print what became of each; false when one of them could not be read.

    A file that cannot be read is named on standard error with the reason, stores nothing, and does not stop the others.

    Raises:
        StartupError, UnavailableError: the servers cannot be reached or started.
    """
    readable = [file for file in files if _readable(file)]
    if not readable:
        return False
    all_read = len(readable) == len(files)
    target = _target(settings)
    async with servers(settings, passing=True) as (place, _embedded):
        postgres = await Postgres.connect(place.database_url, max_size=2, application_name="showdrop import")
        try:
            for file in readable:
                try:
                    report = await _import(postgres, file, settings.currency)
                except (InvalidError, TooLargeError) as error:
                    _complain(file, error.message)
                    all_read = False
                else:
                    click.echo(f"imported {file} into {target}")
                    _print(report)
        finally:
            await postgres.close()
    return all_read


def _readable(file: Path) -> bool:
    """Tell whether a file can be opened; checked before servers are started for it."""
    try:
        with file.open("rb"):
            return True
    except OSError as error:
        _complain(file, error.strerror or str(error))
        return False


def _target(settings: Settings) -> str:
    return "the database of DATABASE_URL" if settings.database_url is not None else str(settings.data_dir.absolute())


async def _import(postgres: Postgres, file: Path, currency: str) -> ImportReport:
    columns = (TextColumn("importing"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"), TimeElapsedColumn())
    size = file.stat().st_size  # noqa: ASYNC240 - nothing else runs here
    bar = Progress(*columns, transient=True, disable=not sys.stdout.isatty())
    with file.open("rb") as stream, bar as progress:
        task = progress.add_task("import", total=size, rows=0)
        return await import_catalogue(
            postgres,
            stream,
            default_currency=currency,
            on_progress=lambda rows, done: progress.update(task, completed=done, rows=rows),
        )


def _print(report: ImportReport) -> None:
    click.echo(
        f"{report.created:,} created, {report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{report.rejected_total:,} rejected"
    )
    if report.without_quantity:
        click.echo(
            f"  {report.without_quantity:,} without a quantity: the file has no column for it (Shopify: "
            "Variant Inventory Qty; feeds: quantity_to_sell_on_facebook or inventory). "
            "Their stock is as it was; new SKUs have 0."
        )
    for one in report.rejected[:SHOWN_REJECTIONS]:
        click.echo(f"  line {one.line}: {one.reason}")
    if report.rejected_total > SHOWN_REJECTIONS:
        click.echo(f"  and {report.rejected_total - SHOWN_REJECTIONS:,} more")


def _complain(file: Path, why: str) -> None:
    click.echo(f"showdrop: {file}: {why}", err=True)
