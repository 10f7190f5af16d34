"""CPU time by role."""

import os
import subprocess
import sys
import time

from loadtests.bench.usage import API, CLIENT, GATEWAY, Usage, usage_groups

BUSY = "print(flush=True)\nwhile True: pass"
COMMAND = [sys.executable, "-c", BUSY]


def test_time_goes_to_the_role_that_used_it() -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE) as busy:  # noqa: S603 - our own command
        try:
            assert busy.stdout is not None
            busy.stdout.readline()
            groups = usage_groups([busy.pid], None)
            usage = Usage(groups)
            time.sleep(0.3)
            usage.end(0.3)
        finally:
            busy.kill()
    assert groups[GATEWAY] == [busy.pid]
    assert usage.shares[GATEWAY] > 0.05
    assert usage.shares[CLIENT] == 0
    assert usage.used_us[GATEWAY] > 10_000


def test_every_process_of_the_run_has_one_role_and_the_owner_has_none() -> None:
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE) as other:  # noqa: S603 - our own command
        try:
            groups = usage_groups([], None)
            assert other.pid in groups[API]
            assert os.getpid() not in [pid for pids in groups.values() for pid in pids]
            assert usage_groups([], other.pid)[CLIENT] == [other.pid]
        finally:
            other.kill()
