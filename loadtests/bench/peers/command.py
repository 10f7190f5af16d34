"""``python -m loadtests.bench.peers``: Showdrop and its peers, each beside the floor, in one run on one machine."""

import contextlib
import importlib.metadata
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from loadtests.bench.board import new_clock
from loadtests.bench.cores import Cores, choose_cores
from loadtests.bench.docs_table import DOCS
from loadtests.bench.limits import OTHER_FILES
from loadtests.bench.ours import Showdrop
from loadtests.bench.peers.docs_table import write_docs
from loadtests.bench.peers.every import every_peer
from loadtests.bench.peers.limits import Sizes
from loadtests.bench.peers.measure import measure
from loadtests.bench.peers.peer import Peer
from loadtests.bench.peers.report import Report, print_report, write_report
from loadtests.bench.server import open_stand
from loadtests.bench.target import Target
from loadtests.errors import LoadError
from loadtests.limits import EXIT_CANNOT
from loadtests.open_files import allow_files

OURS: Final = "showdrop"
KEYS: Final = (OURS, *(peer.key for peer in every_peer()))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--viewers", type=click.IntRange(20), default=Sizes().viewers, show_default=True, help="Of each server.")
@click.option(
    "--rounds", type=click.IntRange(1), default=Sizes().rounds, show_default=True, help="Turns with the floor."
)
@click.option("--only", multiple=True, type=click.Choice(KEYS), metavar="NAME", help=f"One of: {', '.join(KEYS)}.")
@click.option(
    "--node-modules",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The node_modules folder that holds ws and socket.io; else NODE_PATH says.",
)
@click.option(
    "--results",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("bench-results"),
    show_default=True,
    help="Folder of peers.json.",
)
@click.option("--write-docs", "docs", is_flag=True, help="Rewrite the peers' table in docs/benchmarks.md from it.")
def main(
    viewers: int, rounds: int, only: tuple[str, ...], node_modules: Path | None, folder: Path, *, docs: bool
) -> None:
    """Measure the fan-out of Showdrop and of every peer that is installed; nothing is installed.

    Exit code: 0 when everyone present was measured, 1 when somebody was not, 2 when it cannot run here.
    """
    sizes = Sizes(viewers=viewers, rounds=rounds)
    try:
        allow_files(viewers + OTHER_FILES)
    except LoadError as error:
        click.echo(f"bench-peers: {error}", err=True)
        sys.exit(EXIT_CANNOT)
    report = Report(at=datetime.now(UTC).isoformat(timespec="seconds"), sizes=sizes, figures=[], absent={}, failed={})
    with _unwinding():
        for _ in _fill(report, only or KEYS, node_modules):
            write_report(report, folder)
    console = Console()
    print_report(report, console)
    console.print(f"written: {write_report(report, folder)}", highlight=False)
    if docs:
        try:
            write_docs(DOCS, folder)
        except LoadError as error:
            click.echo(f"bench-peers: {error}", err=True)
            sys.exit(EXIT_CANNOT)
    sys.exit(1 if report.failed else 0)


def _fill(report: Report, keys: tuple[str, ...], node_modules: Path | None) -> Iterator[None]:
    """Measure one after the other into the report; yields after each."""
    cores = choose_cores()
    if not cores.server:
        click.echo("bench-peers: one core only: servers and load client share it, the figures say little", err=True)
    peers: list[Peer | None] = [None, *every_peer(cores.server, node_modules)]
    for key, peer in zip(KEYS, peers, strict=True):
        if key not in keys:
            continue
        if peer is not None and not peer.present():
            report.absent[key] = peer.remedy
            continue
        click.echo(f"bench-peers: {key} and the floor ...", err=True)
        sent_at_ns = new_clock()
        try:
            with _target(peer, cores, sent_at_ns) as target:
                report.figures.append(measure(key, target, sent_at_ns, cores=cores, sizes=report.sizes))
        except LoadError as error:
            report.failed[key] = str(error)
        yield


@contextlib.contextmanager
def _unwinding() -> Iterator[None]:
    """Let SIGTERM end us by an exception, as Ctrl-C does: no server is left behind."""
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _target(peer: Peer | None, cores: Cores, sent_at_ns: memoryview) -> Iterator[Target]:
    """Yield the peer, or Showdrop for None; its other servers run only as long as it is measured."""
    if peer is not None:
        yield peer
        return
    with open_stand(cores) as stand:
        name = f"Showdrop {importlib.metadata.version('showdrop')}"
        yield Showdrop(stand, cores.server, sent_at_ns, name=name)
