"""What a ``Retry-After`` header asks for."""

from datetime import UTC, datetime

import pytest

from inventory.channels.webhook_http import WebhookKind, retry_after_ms
from kit.errors import InvalidError

NOW = datetime(2030, 5, 1, 12, 0, 0, tzinfo=UTC)


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
        ("Wed, 01 May 99999999999999999999 12:00:30 GMT", None),
        ("Wed, 01 May 2030 12:00:30 +99999999999999999999", None),
    ],
)
def test_seconds_and_dates_are_read_and_nonsense_is_not(header: str, wait_ms: int | None) -> None:
    assert retry_after_ms(header, NOW) == wait_ms


async def test_a_host_that_is_no_name_is_refused_at_set_up() -> None:
    with pytest.raises(InvalidError) as refused:
        await WebhookKind(allow_private=True).prepare({"url": "http://xn--/levels"})
    assert refused.value.code == "invalid_url"
