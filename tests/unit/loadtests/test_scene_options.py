"""Lengths of time on the command line: nothing is held where nothing would be played."""

import click
import pytest
from click.testing import CliRunner

from loadtests import load, swarm
from loadtests.scene_options import seconds

USAGE = 2
NO_LENGTHS = ["0", "-1", "nan", "inf", "-inf", "1e999", "soon", ""]


@pytest.mark.parametrize("text", NO_LENGTHS)
@pytest.mark.parametrize(
    ("command", "option"), [(load.main, "--for-s"), (load.main, "--soak-s"), (swarm.main, "--soak-s")]
)
def test_what_is_no_length_of_time_is_a_usage_error(command: click.Command, option: str, text: str) -> None:
    # Another fault behind it, so that the command never runs, whatever it thinks of the length.
    result = CliRunner().invoke(command, [f"{option}={text}", "--tier", "none"])
    assert result.exit_code == USAGE
    assert f"{text!r} is not a number of seconds above 0" in result.output


@pytest.mark.parametrize("text", NO_LENGTHS)
def test_locust_refuses_the_same(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no length of time|could not convert"):
        seconds(text)


@pytest.mark.parametrize(("text", "length_s"), [("0.5", 0.5), ("7200", 7200.0)])
def test_a_length_of_time_is_read(text: str, length_s: float) -> None:
    assert seconds(text) == length_s
