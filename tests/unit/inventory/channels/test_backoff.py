"""How long a failing channel is left alone."""

import pytest

from inventory.channels.backoff import backoff_ms
from inventory.channels.limits import BACKOFF_FIRST_MS, BACKOFF_MOST_MS, RETRY_AFTER_MOST_MS


def test_the_wait_doubles_with_each_failure_until_the_most() -> None:
    waits = [backoff_ms(failures, 1.0) for failures in range(1, 12)]
    assert waits[:3] == [BACKOFF_FIRST_MS, 2 * BACKOFF_FIRST_MS, 4 * BACKOFF_FIRST_MS]
    assert waits == sorted(waits)
    assert waits[-1] == BACKOFF_MOST_MS


def test_chance_moves_the_upper_half_only() -> None:
    assert backoff_ms(3, 0.0) * 2 == backoff_ms(3, 1.0)


def test_any_number_of_failures_has_a_wait() -> None:
    assert backoff_ms(1_000_000, 1.0) == BACKOFF_MOST_MS


@pytest.mark.parametrize(("asked", "waited"), [(90_000, 90_000), (RETRY_AFTER_MOST_MS * 9, RETRY_AFTER_MOST_MS)])
def test_what_the_channel_asks_for_is_the_least_up_to_a_limit(asked: int, waited: int) -> None:
    assert backoff_ms(1, 0.5, retry_after_ms=asked) == waited


def test_a_channel_that_asks_for_less_is_not_called_sooner() -> None:
    assert backoff_ms(5, 0.5, retry_after_ms=0) == backoff_ms(5, 0.5)
