"""Python runs this before any program whose PYTHONPATH names this directory: its clock is ``FAULTS_CLOCK_S`` off.

What the program asks of ``time.time`` and ``time.time_ns`` is shifted; monotonic time, by which it waits, is not.
"""

import os
import time

SHIFT_S = int(os.environ.get("FAULTS_CLOCK_S", "0"))

_time, _time_ns = time.time, time.time_ns


def _shifted() -> float:
    return _time() + SHIFT_S


def _shifted_ns() -> int:
    return _time_ns() + SHIFT_S * 1_000_000_000


time.time, time.time_ns = _shifted, _shifted_ns
