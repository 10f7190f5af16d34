"""``python -m loadtests.swarm``: a scene with all its viewers in one process on one core, against a server that runs.

For what locust would be too heavy for. The scenes, the viewers, the records and the verifier are the same.
"""

import sys
import time
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from loadtests.addresses import check_gateway
from loadtests.api_http import Api
from loadtests.bench.board import Count, new_clock
from loadtests.bench.crowd import CrowdPlan
from loadtests.bench.crowd_process import Crowd
from loadtests.errors import LoadError
from loadtests.host import JOIN_SPARE_S, Host
from loadtests.limits import EXIT_CANNOT, OTHER_FILES
from loadtests.open_files import allow_files
from loadtests.records import SUFFIX, RunRecord, clear_records, write_record
from loadtests.scene_options import shape_option, soak_option, tier_option
from loadtests.swarm_loop import Swarm, SwarmLoop
from loadtests.tiers import Scene, scene
from loadtests.tokens import NoSecretError, find_secret

CONNECTING_MOST: Final = 1_000
"""Viewers who are on their way in at the same time: more than a gateway takes in a tenth of a second, and no more than
its listening socket keeps waiting."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@tier_option("L")
@shape_option
@soak_option
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Address of the API.")
@click.option("--ws-url", default=None, help="Address of the gateway, on this machine.  [default: the API names it]")
@click.option(
    "--records",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("load-results"),
    show_default=True,
    help="Folder of the viewers' records.",
)
def main(  # noqa: PLR0917 - click passes every option by name
    tier: str, shape: str, soak_s: float | None, url: str, ws_url: str | None, records: Path
) -> None:
    """Play a scene of a tier. ``python -m loadtests.verifier`` says whether it held.

    Exit code: 0 when it was played to its end, 2 when not.
    """
    try:
        play(scene(tier, shape, soak_s), url=url, ws_url=ws_url, folder=records)
    except (LoadError, NoSecretError) as error:
        click.echo(f"swarm: {error}", err=True)
        sys.exit(EXIT_CANNOT)


def play(what: Scene, *, url: str, ws_url: str | None, folder: Path) -> None:
    """Let everyone come, play the show, and write what everyone has seen.

    Args:
        what: the scene.
        url: of the API.
        ws_url: of the gateway; None: the one that the API names.
        folder: of the records; those of an earlier run are removed, and its verdict.

    Raises:
        LoadError: the server refuses something, or not everyone gets in.
        NoSecretError: there is nothing to mint tokens with.
    """
    clear_records(folder)
    allow_files(what.tier.viewers + OTHER_FILES)
    secret = find_secret()
    api = Api(url, secret)
    began_s = time.monotonic()

    def tell(line: str) -> None:
        click.echo(f"swarm: {time.monotonic() - began_s:5.1f} s  {line}", err=True)

    try:
        host = Host(api.call, what, lambda line: tell(f"show {line}"))
        port = _port(ws_url or api.call("GET", "/v1/meta")["ws_url"])
        show_id = host.prepare()
        swarm = Swarm(port, show_id, secret, what, folder)
        crowd = Crowd(
            swarm, CrowdPlan(viewers=what.tier.viewers, connecting=CONNECTING_MOST), new_clock(), loop=SwarmLoop
        )
        try:
            tell(f"{what.tier.viewers:,} viewers join")
            crowd.start()
            crowd.wait_in(what.tier.join_s + JOIN_SPARE_S)
            tell("everyone is in")
            host.perform(show_id)
            refused, failed = crowd.count(Count.REFUSED), crowd.count(Count.FAILED)
            tell(f"{refused:,} connections were refused for now, {failed:,} failed; those viewers came again")
        finally:
            crowd.stop()
    finally:
        api.close()
    if not (folder / f"swarm{SUFFIX}").exists():
        raise LoadError("the swarm ended without writing what it saw")
    record = RunRecord(
        tool="swarm", tier=what.tier_name, shape=what.shape, show_id=show_id, soak_s=what.soak_s, host=host.record
    )
    write_record(record, folder, "host")


def _port(ws_url: str) -> int:
    parts = urlsplit(check_gateway(ws_url))
    if parts.hostname not in ("127.0.0.1", "localhost") or parts.port is None:
        raise LoadError(f"the swarm plays on the gateway's own machine only, not on {ws_url}: use locust")
    return parts.port


if __name__ == "__main__":
    main()
