import os
import sys
from pathlib import Path

import pytest

from loadtests.bench.peers.child import Child
from loadtests.errors import LoadError
from loadtests.free_ports import free_ports


def test_a_program_that_ends_is_reported_with_its_last_line(tmp_path: Path) -> None:
    child = Child(
        [sys.executable, "-S", "-c", "print('first'); print('no such port'); raise SystemExit(3)"], log=tmp_path / "log"
    )
    with pytest.raises(LoadError, match="the server ended with 3: no such port"):
        child.connect(free_ports(1)[0])
    child.stop()


def test_a_program_that_is_not_there_is_reported(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="nowhere does not start"):
        Child([str(tmp_path / "nowhere")], log=tmp_path / "log")


def test_a_child_keeps_to_its_core_and_we_keep_ours(tmp_path: Path) -> None:
    ours = os.sched_getaffinity(0)
    core = max(ours)
    child = Child(
        [sys.executable, "-S", "-c", "import time; time.sleep(60)"], log=tmp_path / "log", cores=frozenset({core})
    )
    try:
        assert (os.sched_getaffinity(child.pid), os.sched_getaffinity(0)) == ({core}, ours)
    finally:
        child.stop()
    assert not Path(f"/proc/{child.pid}").exists()
