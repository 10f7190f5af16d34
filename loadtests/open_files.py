"""The limit of open files: one for each viewer."""

import resource

from loadtests.errors import LoadError


def allow_files(needed: int) -> None:
    """Let this process and its children open so many files.

    Raises:
        LoadError: the hard limit is lower.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise LoadError(f"{needed} open files are needed and the hard limit is {hard}; as root: ulimit -Hn {needed}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
