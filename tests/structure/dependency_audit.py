"""Are there known holes in what is locked? ``python -m tests.structure.dependency_audit requirements.lock …``

pip-audit asks the package index about every locked version. Where it cannot ask, it calls that a success; here it is
told apart, so that a finding is never hidden behind a network that is not there:

====  ==================================================================================================
exit  meaning
====  ==================================================================================================
0     every version was looked up, and nothing is known against any of them
1     something is known; each finding is one line, also when other versions could not be looked up
3     nothing was found, but not every version was looked up: nobody knows
====  ==================================================================================================
"""

import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

CLEAN, FOUND, UNKNOWN = 0, 1, 3
TIMEOUT_S: Final = 300
"""Seconds for some hundred questions; with a network it takes about ten."""


class Vulnerability(msgspec.Struct, frozen=True):
    """One that is known."""

    id: str
    fix_versions: tuple[str, ...] = ()


class Dependency(msgspec.Struct, frozen=True):
    """One locked version; with ``skip_reason`` it was not looked up."""

    name: str
    version: str = ""
    vulns: tuple[Vulnerability, ...] = ()
    skip_reason: str | None = None


class Audit(msgspec.Struct, frozen=True):
    """What pip-audit writes."""

    dependencies: tuple[Dependency, ...]


def judged(name: str, written: bytes) -> tuple[int, list[str]]:
    """Return the exit code and the lines to print about one lock file. Pure.

    Args:
        name: of the lock file.
        written: pip-audit's JSON; anything else when it could not do its work.
    """
    try:
        locked = msgspec.json.decode(written, type=Audit).dependencies
    except msgspec.DecodeError:
        return UNKNOWN, [f"{name}: NOT AUDITED, pip-audit is not installed or did not finish"]
    lines = [
        f"{name}: {one.name} {one.version}: {hole.id}, fixed in {', '.join(hole.fix_versions) or 'no version yet'}"
        for one in locked
        for hole in one.vulns
    ]
    skipped = [one.name for one in locked if one.skip_reason is not None]
    if skipped or not locked:
        lines.append(f"{name}: NOT AUDITED: {len(skipped)} of {len(locked)} could not be looked up")
    else:
        lines.append(f"{name}: {len(locked)} looked up, {len(lines)} known holes")
    if any(one.vulns for one in locked):
        return FOUND, lines
    return (UNKNOWN if skipped or not locked else CLEAN), lines


def audit(lock_file: Path) -> bytes:
    """Return what pip-audit writes about a lock file; it installs and resolves nothing."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock_file)]
    command += ["--require-hashes", "--disable-pip", "--vulnerability-service", "pypi", "--format", "json"]
    command += ["--progress-spinner", "off"]
    try:
        # Its exit code is 1 for a finding and for a failure: what it wrote tells them apart.
        return subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S).stdout  # noqa: S603 - our own command
    except subprocess.TimeoutExpired:
        return b""


def main() -> int:
    """Audit the lock files that are named; return the worst exit code."""
    results = [judged(name, audit(Path(name))) for name in sys.argv[1:]]
    for _, lines in results:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    codes = {code for code, _ in results}
    return FOUND if FOUND in codes else UNKNOWN if UNKNOWN in codes or not results else CLEAN


if __name__ == "__main__":
    sys.exit(main())
