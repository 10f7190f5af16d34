"""Looking at this machine: limits, disk, and the secret without reading it out. Nothing is made or changed."""

import os
import resource
import shutil
import stat
from pathlib import Path

from kit.settings import SECRET_FILE, Settings
from live.checkup.facts import MachineFacts, SecretFacts


def look_at_machine(settings: Settings) -> MachineFacts:
    """Return what this machine has to spare."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    there = _nearest(settings.data_dir.absolute())
    return MachineFacts(
        open_files=None if hard == resource.RLIM_INFINITY else hard,
        data_dir=str(settings.data_dir.absolute()),
        free_bytes=shutil.disk_usage(there).free,
        writable=os.access(there, os.W_OK | os.X_OK),
    )


def look_at_secret(settings: Settings) -> SecretFacts:
    """Return what is to be known about the secret but itself; none is made."""
    if settings.secret is not None:
        return SecretFacts(source="environment", length=len(settings.secret), distinct=len(set(settings.secret)))
    file = settings.data_dir / SECRET_FILE
    try:
        text = file.read_text(errors="replace").strip()
        mode = file.stat().st_mode
    except OSError:
        return SecretFacts(source="none")
    return SecretFacts(
        source="file",
        length=len(text),
        distinct=len(set(text)),
        readable_by_others=bool(mode & (stat.S_IRGRP | stat.S_IROTH)),
    )


def _nearest(path: Path) -> Path:
    """Return the path, or what there is of it."""
    # Not pathlib's: that fails where a name is too long, or a directory may not be looked into.
    return path if os.path.exists(path) else _nearest(path.parent)
