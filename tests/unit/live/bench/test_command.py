import pytest

from live.bench.command import exit_code


@pytest.mark.parametrize(("returncode", "code"), [(0, 0), (1, 1), (2, 2), (-2, 130), (-15, 143)])
def test_a_child_that_a_signal_ended_ends_us_as_a_shell_would_say(returncode: int, code: int) -> None:
    assert exit_code(returncode) == code
