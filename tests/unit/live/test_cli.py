"""The command line's own rules: what it says of the environment before a role starts."""

from pathlib import Path

from click.testing import CliRunner
from structlog.testing import capture_logs

from live.cli import main, warn_of_unknown
from live.variables import ALL_VARIABLES


def test_variables_that_nothing_reads_are_told_in_one_line_without_their_values() -> None:
    with capture_logs() as said:
        warn_of_unknown({"SHOWDROP_STRIPE_KYE": "sk_live_1", "SHOWDROP_WONDER": "x", "PATH": "/bin"})
    [warning] = said
    assert (warning["event"], warning["log_level"]) == ("unknown_settings", "warning")
    assert warning["names"] == "SHOWDROP_STRIPE_KYE (is SHOWDROP_STRIPE_KEY meant?), SHOWDROP_WONDER"
    assert "sk_live_1" not in str(warning)


def test_of_variables_that_are_read_nothing_is_said() -> None:
    with capture_logs() as said:
        warn_of_unknown({one.name: "x" for one in ALL_VARIABLES})
    assert said == []


def minted(*words: str, data_dir: Path) -> tuple[int, str, str]:
    """Return the exit code of ``showdrop token``, and what it wrote to standard output and standard error."""
    # A secret of whoever runs the tests would be the one.
    environment = {one.name: "" for one in ALL_VARIABLES}
    ran = CliRunner().invoke(
        main, ["token", "--role", "host", "--subject", "me", "--data-dir", str(data_dir), *words], env=environment
    )
    return ran.exit_code, ran.stdout, ran.stderr


def test_a_token_that_makes_a_secret_of_its_own_says_so_once_beside_the_token(tmp_path: Path) -> None:
    code, token, said = minted(data_dir=tmp_path)
    assert (code, token.count("."), token.count("\n")) == (0, 2, 1)
    assert said.startswith(f"showdrop: made a new secret in {tmp_path}; a server of another data directory refuses")
    assert minted(data_dir=tmp_path)[2] == ""


def test_a_show_that_is_none_is_refused_by_the_name_of_its_flag(tmp_path: Path) -> None:
    code, token, said = minted("--show", "nope", data_dir=tmp_path)
    assert (code, token) == (2, "")
    assert "Invalid value for --show: it takes the id of a show, such as show_01J" in said
    assert not (tmp_path / "secret").exists()
