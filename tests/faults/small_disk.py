"""A disk so small that it can be filled to the last byte: a file system of its own, never the machine's."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

DISK_MB: Final = 320
"""A new database, its template, a trial's database and their log take about 150 MB."""

DISK_MOST_MB: Final = 1_024
"""What is larger is no small disk: filling it might hurt others."""

VARIABLE: Final = "FAULTS_SMALL_DISK"
"""Names a small file system, for whoever may not mount one: ``docker run --tmpfs /small:size=320m``."""

MOUNT_S: Final = 10.0
PIECES: Final = (1 << 20, 1 << 12)
"""Bytes written at once while the disk is filled: large ones first."""


class NoSmallDiskError(Exception):
    """This machine has no small disk and lets nobody make one."""


class SmallDisk:
    """One file system.

    Args:
        folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leave not a byte; what was freed since the last time is taken too."""
        with self._ballast.open("ab", buffering=0) as ballast:
            for size in PIECES:
                piece = bytes(size)
                try:
                    while ballast.write(piece) == size:
                        pass
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Lend a small disk, mounted on ``folder`` or where ``FAULTS_SMALL_DISK`` says.

    Raises:
        NoSmallDiskError: there is none, and it cannot be made.
    """
    if given := os.environ.get(VARIABLE):
        disk = SmallDisk(Path(given))
        _check_size(disk.folder)
        try:
            yield disk
        finally:
            disk.empty()
        return
    folder.mkdir(exist_ok=True)
    _run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0755", "showdrop-faults", os.fspath(folder)])
    try:
        yield SmallDisk(folder)
    finally:
        # Whoever is still in it ends on their own; the name is free at once.
        _run(["umount", "--lazy", os.fspath(folder)])


def _check_size(folder: Path) -> None:
    try:
        size = os.statvfs(folder)
    except OSError as error:
        raise NoSmallDiskError(f"{VARIABLE} names no directory: {error.strerror}") from error
    megabytes = size.f_blocks * size.f_frsize >> 20
    if not DISK_MB <= megabytes <= DISK_MOST_MB:
        raise NoSmallDiskError(f"{VARIABLE} has {megabytes} MB, {DISK_MB} to {DISK_MOST_MB} are needed")


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words and a directory that we made
            command, capture_output=True, text=True, check=False, timeout=MOUNT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoSmallDiskError(f"{command[0]} cannot be run: {error}; set {VARIABLE}") from error
    if done.returncode != 0:
        raise NoSmallDiskError(f"{' '.join(done.stderr.split())}; set {VARIABLE}")
