"""What a load test's exit code means says its help."""

import re

import click
import pytest
from click.testing import CliRunner

from live.bench.command import bench_command
from loadtests import load, sizing, swarm
from loadtests.bench import command as bench
from loadtests.bench.peers import command as peers
from loadtests.verifier import command as verifier

COMMANDS = [bench.main, bench_command, load.main, peers.main, sizing.main, swarm.main, verifier.main]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.callback.__module__)
def test_the_help_says_what_the_exit_code_means(command: click.Command) -> None:
    ran = CliRunner().invoke(command, ["--help"])
    assert ran.exit_code == 0
    assert re.search(r"Exit code: 0 when .* 2 when ", " ".join(ran.output.split()))
