"""How a child's end is put into words."""

from kit.child_process import LOG_LINE_CHARACTERS, ServerFailure, describe_exit, reason_in_log


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
