"""The code of before, to be run beside the code of now."""

import io
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

OLD: Final = "6bf97ab"
"""The last commit before the newest migration: it knows neither its tables nor what was added to the roles since."""

PACKAGES: Final = ("kit", "inventory", "checkout", "live")


def unpack_old_release(folder: Path) -> bool:
    """Put the old packages into a folder; return whether they are older.

    Where the history is not at hand (a shallow clone, an archive of the sources), it is the code of now: then only the
    replacing is proved, not that old and new get on.
    """
    asked = subprocess.run(  # noqa: S603 - a fixed command
        ["git", "-C", str(ROOT), "archive", "--format=tar", OLD, *PACKAGES],  # noqa: S607 - git is on the path or there is no history
        capture_output=True,
        check=False,
    )
    if asked.returncode == 0:
        with tarfile.open(fileobj=io.BytesIO(asked.stdout)) as archive:
            archive.extractall(folder, filter="data")
        return True
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return False
