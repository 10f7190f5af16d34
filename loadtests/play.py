"""Plays one show against a deployment, with locust or the swarm in a process of its own, and has it judged."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, Literal

import msgspec

from loadtests.cpu_shares import CpuShares
from loadtests.deployment_http import Deployment
from loadtests.errors import LoadError
from loadtests.limits import PLAY_SPARE_S
from loadtests.tiers import Scene
from loadtests.verifier.command import verify
from loadtests.verifier.table import Report

LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")

TOOL_LOG: Final = "tool.log"
"""Where the tool's output goes when nobody watches."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is played, and by what.

    Attributes:
        soak_s: length of its soak; None: the tier's.
        processes: of locust.
    """

    scene: Scene
    tool: Literal["locust", "swarm"]
    soak_s: float | None = None
    processes: int = 1


def play(plan: Plan, place: Deployment, folder: Path, *, prints: bool = True) -> Report:
    """Play a show to its end and judge it.

    Args:
        plan: the show.
        place: where it runs.
        folder: of the records.
        prints: whether the tool and the verifier show everything, or the verifier only what is broken.

    Raises:
        LoadError: the tool failed, or did not end in time.
    """
    shares = CpuShares(place.pids)
    command = _command(plan, place, folder)
    if prints:
        _run(command, place.environ, _time_s(plan.scene), None)
    else:
        _run(command, place.environ, _time_s(plan.scene), folder / TOOL_LOG)
    cpu = shares.end()
    return verify(
        folder, place.url, environ=place.environ, reconciles=True, secret=place.secret, cpu=cpu, prints=prints
    )


def _command(plan: Plan, place: Deployment, folder: Path) -> list[str]:
    words = ["--tier", plan.scene.tier_name, "--shape", plan.scene.shape]
    words += ["--records", str(folder), "--ws-url", place.ws_url]
    words += [] if plan.soak_s is None else ["--soak-s", str(plan.soak_s)]
    if plan.tool == "swarm":
        return [sys.executable, "-m", "loadtests.swarm", "--url", place.url, *words]
    command = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--host", place.url, *words]
    command += ["--only-summary", "--csv", str(folder / "locust"), "--html", str(folder / "locust.html")]
    # What failed is judged by the verifier, and connections that were tried again are no failure.
    command += ["--exit-code-on-error", "0"]
    return command if plan.processes == 1 else [*command, "--processes", str(plan.processes)]


def _run(command: list[str], environ: dict[str, str], timeout_s: float, log: Path | None) -> None:
    with contextlib.ExitStack() as stack:
        output = None if log is None else stack.enter_context(log.open("wb"))
        process = stack.enter_context(
            subprocess.Popen(  # noqa: S603 - our own command
                command, env=environ, start_new_session=True, stdout=output, stderr=output
            )
        )
        try:
            code = process.wait(timeout_s)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()  # the ``with`` does not after Ctrl-C
            if isinstance(error, subprocess.TimeoutExpired):
                raise LoadError(f"{command[2]} did not end within {timeout_s:.0f} s") from error
            raise
    if code != 0:
        raise LoadError(f"{command[2]} ended with {code}" + ("" if log is None else f": see {log}"))


def _time_s(what: Scene) -> float:
    return what.tier.join_s + what.length_s + PLAY_SPARE_S
