"""The load test: ``python -m loadtests.load --tier S|M|L``.

It starts a deployment of its own, lets locust (or, for tier L, the swarm) play a show of the tier's size, has the
verifier judge it, and stops it.
"""

import contextlib
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Literal, NoReturn

import click

from loadtests.deployment_http import Deployment
from loadtests.errors import LoadError
from loadtests.limits import EXIT_CANNOT, OTHER_FILES
from loadtests.open_files import allow_files
from loadtests.play import Plan, play
from loadtests.records import clear_records
from loadtests.scene_options import Seconds, shape_option, soak_option, tier_option
from loadtests.soak import soak
from loadtests.tiers import scene


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@tier_option("S")
@shape_option
@soak_option
@click.option("--for-s", type=Seconds(), default=None, help="Play one show after another for so long; watch memory.")
@click.option("--tool", type=click.Choice(["locust", "swarm"]), default=None, help="[default: the tier's]")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Of locust.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("load-results"),
    show_default=True,
    help="Folder of the records, locust's CSV and the verdict; one folder in it for each tier.",
)
def main(  # noqa: PLR0917 - click passes every option by name
    tier: str,
    shape: str,
    soak_s: float | None,
    for_s: float | None,
    tool: Literal["locust", "swarm"] | None,
    processes: int,
    results: Path,
) -> None:
    """Play a show of a tier's size against a fresh deployment and print the verdict.

    Exit code: 0 when everything is held, 1 when not, 2 when it cannot run here.
    """
    signal.signal(signal.SIGTERM, _leave)
    what = scene(tier, shape, soak_s)
    try:
        plan = Plan(scene=what, soak_s=soak_s, tool=tool or what.tier.tool, processes=processes)
        code = _run(plan, (results / tier).absolute(), for_s)
    except (LoadError, ValueError, OSError) as error:
        click.echo(f"load: {error}", err=True)
        sys.exit(EXIT_CANNOT)
    sys.exit(code)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave in order when told to end: the servers that were started here are groups of their own."""
    sys.exit(128 + number)


def _run(plan: Plan, folder: Path, for_s: float | None) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    clear_records(folder)
    what = plan.scene
    allow_files(what.tier.viewers + OTHER_FILES)
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="showdrop-load-")))
        place = stack.enter_context(Deployment(home))
        click.echo(
            f"load: tier {what.tier_name}, {what.shape}, {what.tier.viewers:,} viewers, {what.tier.units} units, "
            f"{what.tier.first_second_claims:,} claims in the first second; by {plan.tool}; {place.url}"
        )
        if for_s is None:
            return 0 if play(plan, place, folder).held else 1
        return soak(plan, place, folder, for_s)


if __name__ == "__main__":
    main()
