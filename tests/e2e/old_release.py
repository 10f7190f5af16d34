"""The code of before, to be run beside the code of now."""

import io
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

OLD: Final = "6bf97ab"
"""The last commit before the newest migration: it knows neither its tables nor what was added to the roles since."""

PACKAGES: Final = ("kit", "inventory", "checkout", "live")


Say = Callable[[str, object], None]
"""Gets ``notice`` and a line that is to be seen at the end of the tests: pytest's ``record_property``."""


def unpack_old_release(folder: Path, say: Say, root: Path = ROOT) -> bool:
    """Put the old packages into a folder; return whether they are older.

    Where the history is not at hand (a shallow clone, an archive of the sources, no git), it is the code of now: then
    only the replacing is proved, not that old and new get on, and ``say`` is told so.

    Args:
        folder: is there, and empty.
        say: is told when they are not older.
        root: the code of now, and its history.
    """
    try:
        archive = _archive(root)
    except (OSError, subprocess.CalledProcessError) as error:
        say("notice", f"the upgrade is from this release to itself: {OLD} cannot be had here ({_why(error)})")
    else:
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(folder, filter="data")
        return True
    for package in PACKAGES:
        shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return False


def _archive(root: Path) -> bytes:
    asked = subprocess.run(  # noqa: S603 - a fixed command
        ["git", "-C", str(root), "archive", "--format=tar", OLD, *PACKAGES],  # noqa: S607 - git is on the path or there is no history
        capture_output=True,
        check=True,
    )
    return asked.stdout


def _why(error: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(error, OSError):
        return "there is no git"
    return next(iter(error.stderr.decode(errors="replace").splitlines()), "git failed")
