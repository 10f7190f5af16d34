"""What a child is given to read, and how its end is put into words."""

import asyncio
import select
import signal
import time
from pathlib import Path

import pytest

from kit.child_process import LOG_LINE_CHARACTERS, ChildProcess, ServerFailure, describe_exit, reason_in_log


async def _run(argv: list[str], stdin: bytes, folder: Path) -> str:
    child = await ChildProcess.spawn(
        "A program",
        argv,
        cwd=folder,
        log_path=folder / "program.log",
        death_signal=signal.SIGKILL,
        stdin=stdin,
    )
    await child.wait_success(10)
    return child.log_tail()


@pytest.mark.parametrize("stdin", [b"", b"CREATE DATABASE shop;\n", b"x" * select.PIPE_BUF])
async def test_a_child_reads_what_it_is_given_and_then_the_end(stdin: bytes, tmp_path: Path) -> None:
    assert await _run(["/bin/cat"], stdin, tmp_path) == stdin.decode()


async def test_more_than_a_pipe_holds_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"at most {select.PIPE_BUF} bytes"):
        await _run(["/bin/cat"], b"x" * (select.PIPE_BUF + 1), tmp_path)


async def test_a_child_that_ends_before_we_look_is_only_a_child_that_ended(tmp_path: Path) -> None:
    loop, runs = asyncio.get_running_loop(), True

    def hold_the_loop_up() -> None:
        time.sleep(0.1)  # the child starts and ends meanwhile
        if runs:
            loop.call_soon(hold_the_loop_up)

    hold_the_loop_up()
    try:
        assert await _run(["/bin/true"], b"not read by it", tmp_path) == ""
    finally:
        runs = False


def test_an_exit_is_named_as_a_shell_user_knows_it() -> None:
    assert describe_exit(1) == "exit 1"
    assert describe_exit(-9) == "SIGKILL"
    assert describe_exit(-250) == "signal 250"


def test_the_last_fatal_line_says_more_than_the_last_line() -> None:
    log = "LOG:  starting\nFATAL:  could not\tread\nLOG:  database system is shut down\n\n"
    assert reason_in_log(log) == "FATAL: could not read"


def test_without_an_error_the_last_line_is_quoted() -> None:
    assert reason_in_log("one\ntwo\n\n") == "two"
    assert reason_in_log("") == "it left nothing in its log"


def test_a_quoted_line_is_cut() -> None:
    assert len(reason_in_log("FATAL: " + "x" * 5_000)) == LOG_LINE_CHARACTERS


def test_a_failure_is_one_line_with_the_name_the_reason_and_the_log() -> None:
    failure = ServerFailure(server="Redis", exit_code=1, log_tail="a\nb", log_path="/d/redis.log")
    assert failure.message == "Redis ended (exit 1): b [/d/redis.log]. Start again; committed data is kept."


def test_a_killed_server_is_not_blamed_on_the_last_line_of_its_log() -> None:
    failure = ServerFailure(server="Redis", exit_code=-9, log_tail="a\nb", log_path="/d/redis.log")
    assert failure.message == "Redis ended (SIGKILL) [/d/redis.log]. Start again; committed data is kept."
