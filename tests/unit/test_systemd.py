"""The sample units of docs/operations.md: systemd takes them, and their figures are those of the program."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kit.settings import Settings
from live.cli import main
from live.roles.limits import HTTP_CONNECTIONS_MOST
from live.roles.process import OPEN_FILES_SPARE
from live.roles.single import EXIT_SETTING

ROOT = Path(__file__).parents[2]
HOME = "/etc/systemd/system/"
SHOWDROP = "/opt/showdrop/bin/showdrop"
SHARED = "showdrop-.service.d/all.conf"
ROLES = ("api", "gateway", "worker")


def sample_units() -> dict[str, str]:
    """Return the samples by their path below systemd's directory."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    return dict(re.findall(rf"```ini\n# {HOME}(\S+)\n(.*?)```", text, re.DOTALL))


def said(unit: str, name: str) -> str:
    [value] = re.findall(rf"^{name}=(.*)$", sample_units()[unit], re.MULTILINE)
    return str(value)


def unit_of(role: str) -> str:
    return f"showdrop-{role}.service"


def test_every_role_has_a_unit_and_no_shared_line_stands_in_it_too() -> None:
    units = sample_units()
    assert units.keys() == {SHARED, *map(unit_of, ROLES)}
    # What is shared is read last, and would win.
    shared = set(re.findall(r"^(\w+)=", units.pop(SHARED), re.MULTILINE))
    assert [
        name for text in units.values() for name in re.findall(r"^(\w+)=", text, re.MULTILINE) if name in shared
    ] == []


@pytest.mark.parametrize("role", ROLES)
def test_a_unit_starts_its_role_and_gives_it_the_time_to_end_that_it_has_on_kubernetes(role: str) -> None:
    program, *words = shlex.split(said(unit_of(role), "ExecStart"))
    assert (program, words[0]) == (SHOWDROP, role)
    main.commands[role].make_context(role, words[1:])  # refuses an option that there is not
    [deployment] = [
        one
        for one in yaml.safe_load_all((ROOT / "k8s" / "base" / f"{role}.yaml").read_text(encoding="utf-8"))
        if one["kind"] == "Deployment"
    ]
    grace_s = deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert int(said(unit_of(role), "TimeoutStopSec")) == grace_s


def test_there_are_files_for_as_many_as_may_come() -> None:
    assert int(said(unit_of("gateway"), "LimitNOFILE")) == Settings().max_viewers + OPEN_FILES_SPARE
    assert int(said(unit_of("api"), "LimitNOFILE")) >= HTTP_CONNECTIONS_MOST + OPEN_FILES_SPARE
    assert said(SHARED, "RestartPreventExitStatus") == str(EXIT_SETTING)


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """Where there is no systemd, as on macOS, only the lines' form is looked at."""
    for name, text in sample_units().items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace(SHOWDROP, str(Path(sys.executable).with_name("showdrop"))), encoding="utf-8")
        assert all(re.fullmatch(r"|#.*|\[\w+\]|\w+=.*", line) for line in text.splitlines())
    if analyze := shutil.which("systemd-analyze"):
        verified = subprocess.run(  # noqa: S603 - a fixed command
            [analyze, "verify", *(str(tmp_path / unit_of(role)) for role in ROLES)],
            env={"SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        ours = [line for line in verified.stderr.splitlines() if "showdrop" in line]
        assert (verified.returncode, ours) == (0, []), verified.stderr
