"""What a ``Retry-After`` header asks for."""

from datetime import UTC, datetime

import pytest

from kit.retry_after import retry_after_ms

NOW_MS = int(datetime(2030, 5, 1, 12, 0, 0, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("header", "wait_ms"),
    [
        ("120", 120_000),
        (" 0 ", 0),
        ("Wed, 01 May 2030 12:00:30 GMT", 30_000),
        ("Wed, 01 May 2030 11:00:00 GMT", 0),
        ("Wed, 01 May 2030 12:00:30 -0000", 30_000),
        ("9" * 50, 999_999_999_000),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("\u0665", None),
        ("Wed, 99 May 2030 12:00:30 GMT", None),
        ("Wed, 01 May 99999999999999999999 12:00:30 GMT", None),
        ("Wed, 01 May 2030 12:00:30 +99999999999999999999", None),
    ],
)
def test_seconds_and_dates_are_read_and_nonsense_is_not(header: str, wait_ms: int | None) -> None:
    assert retry_after_ms(header, NOW_MS) == wait_ms
