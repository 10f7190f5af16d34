"""Become another program that dies with its parent; run as a script, never imported by the server.

``python -I -S child_exec.py PARENT_PID DEATH_SIGNAL UID GID OVERRIDE -- program argument ...``

``UID`` and ``GID`` of ``-1`` keep the caller's. ``OVERRIDE`` of ``1`` keeps one right of root after the change of user,
to pass directories whatever their mode (``CAP_DAC_OVERRIDE``, as an ambient capability, so that it outlives ``exec``).

A script of its own, not ``preexec_fn``: Python code between fork and exec can hang when the parent has threads. It
costs about 20 ms. The order matters: the kernel forgets the death signal when the user changes (prctl(2)), so it is set
last, and the parent may have died before that, so its pid is compared afterwards.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_DAC_OVERRIDE = 1
CAPABILITY_VERSION_3 = 0x20080522
"""From linux/prctl.h and linux/capability.h."""


def _checked(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def _keep_override(libc: ctypes.CDLL) -> None:
    """After the change of user: give up every capability but ``CAP_DAC_OVERRIDE``, and keep that across exec."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    bit = 1 << CAP_DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(bit, bit, bit, 0, 0, 0)
    _checked(libc.capset(header, sets), "capset")
    _checked(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0), "prctl(PR_CAP_AMBIENT)")


def become(parent_pid: int, death_signal: int, uid: int, gid: int, *, override: bool, argv: list[str]) -> None:
    """Replace this process by ``argv``; returns only by an error.

    Raises:
        OSError: the user cannot be changed, or the program cannot be run.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if uid >= 0:
        if override:
            # Keeps capabilities over setuid, and makes access(2) respect them, which initdb asks about its programs.
            _checked(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "prctl(PR_SET_SECUREBITS)")
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        if override:
            _keep_override(libc)
    if sys.platform == "linux":
        _checked(libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0), "prctl(PR_SET_PDEATHSIG)")
        if os.getppid() != parent_pid:
            raise SystemExit("the parent process died")
    os.execv(argv[0], argv)  # noqa: S606 - this is the purpose of the script; argv comes from our own modules


def main() -> None:
    """Read the command line and become that program; a failure is one line on stderr and exit code 1."""
    parent_pid, death_signal, uid, gid, override = (int(value) for value in sys.argv[1:6])
    argv = sys.argv[7:]
    try:
        become(parent_pid, death_signal, uid, gid, override=override == 1, argv=argv)
    except OSError as error:
        raise SystemExit(f"FATAL: cannot run {argv[0]} as uid {uid}: {error.strerror}") from error


if __name__ == "__main__":
    main()
