"""``showdrop import``: a catalogue file, straight into the database, with a progress bar."""

from pathlib import Path

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from inventory.catalogue_pg import Catalogue, ImportReport
from kit.postgres import Postgres
from kit.settings import Settings
from live.roles.place import servers

SHOWN_REJECTIONS = 20


async def import_catalogue(settings: Settings, file: Path) -> None:
    """Import a file and print what became of it.

    Raises:
        InvalidError: the header is of no format that we know; nothing was stored.
        StartupError, UnavailableError: the servers cannot be reached or started.
    """
    size = file.stat().st_size  # noqa: ASYNC240 - before anything else runs here
    async with servers(settings) as (place, _embedded):
        postgres = await Postgres.connect(place.database_url, max_size=2, application_name="showdrop import")
        try:
            report = await _import(postgres, file, size, settings.currency)
        finally:
            await postgres.close()
    _print(report)


async def _import(postgres: Postgres, file: Path, size: int, currency: str) -> ImportReport:
    columns = (TextColumn("importing"), BarColumn(), TextColumn("{task.fields[rows]:,} rows"), TimeElapsedColumn())
    with file.open("rb") as stream, Progress(*columns, transient=True) as progress:
        task = progress.add_task("import", total=size, rows=0)
        return await Catalogue(postgres).import_file(
            stream,
            default_currency=currency,
            on_progress=lambda rows, done: progress.update(task, completed=done, rows=rows),
        )


def _print(report: ImportReport) -> None:
    click.echo(
        f"{report.created:,} created, {report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{report.rejected_total:,} rejected"
    )
    for one in report.rejected[:SHOWN_REJECTIONS]:
        click.echo(f"  line {one.line}: {one.reason}")
    if report.rejected_total > SHOWN_REJECTIONS:
        click.echo(f"  and {report.rejected_total - SHOWN_REJECTIONS:,} more")
