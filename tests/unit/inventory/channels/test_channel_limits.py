"""Limits of the channels that only make sense together."""

from inventory.channels import limits


def test_a_lease_outlasts_the_call_and_its_write_back() -> None:
    write_back_s = limits.WRITE_BACK_TRIES * limits.WRITE_BACK_PAUSE_S
    assert (limits.CALL_TIMEOUT_S + write_back_s) * 1000 < limits.LEASE_MS


def test_waits_grow_from_the_first_back_off_to_the_retry_of_a_refusal() -> None:
    assert limits.BACKOFF_FIRST_MS < limits.BACKOFF_MOST_MS < limits.REFUSED_RETRY_MS < limits.RETRY_AFTER_MOST_MS


def test_a_loop_polls_more_often_than_channels_are_looked_for() -> None:
    assert limits.POLL_S < limits.WATCH_S


def test_an_error_has_room_for_our_words_beside_those_of_the_channel() -> None:
    assert limits.ERROR_CHARS - limits.SAID_CHARS >= 100
