import pytest

from checkout.webhooks.endpoint import (
    ErrorWord,
    Outcome,
    checked_address,
    checked_description,
    checked_events,
    checked_overlap_s,
    error_of_status,
    event_id_of,
    message_id_of,
    next_step,
    wait_after_ms,
    wants,
)
from checkout.webhooks.limits import RETRY_AFTER_MOST_MS, RETRY_WAITS_MS
from kit.errors import InvalidError


def outcome(error: ErrorWord | None, *, status: int | None = None, retry_after_ms: int | None = None) -> Outcome:
    return Outcome(started_at_ms=0, duration_ms=1, status=status, error=error, retry_after_ms=retry_after_ms)


def test_tries_follow_within_seconds_first_and_end_after_three_days() -> None:
    waits = [wait_after_ms(attempts, 0.0) for attempts in range(12)]
    minute, hour = 60_000, 3_600_000
    assert waits == [
        0,
        5_000,
        30_000,
        2 * minute,
        10 * minute,
        30 * minute,
        *(h * hour for h in (2, 5, 10, 14, 20, 24)),
    ]
    assert wait_after_ms(12, 0.0) is None
    assert sum(RETRY_WAITS_MS) > 3 * 24 * hour


def test_chance_adds_up_to_a_fifth_and_takes_nothing_away() -> None:
    assert wait_after_ms(1, 0.5) == 5_500
    assert wait_after_ms(1, 1.0) == 6_000


def test_what_was_taken_is_delivered() -> None:
    assert next_step(outcome(None, status=204), 1, 0.5).state == "delivered"


@pytest.mark.parametrize(
    "error", ["timeout", "no_address", "private_address", "tls", "no_answer", "redirect", "status"]
)
def test_what_failed_is_tried_again_until_its_tries_are_used_up(error: ErrorWord) -> None:
    first = next_step(outcome(error, status=500), 1, 0.0)
    assert (first.state, first.wait_ms) == ("pending", 5_000)
    assert next_step(outcome(error, status=500), len(RETRY_WAITS_MS) - 1, 0.0).state == "pending"
    assert next_step(outcome(error, status=500), len(RETRY_WAITS_MS), 0.0).state == "failed"


def test_an_endpoint_that_is_gone_is_not_tried_again() -> None:
    assert next_step(outcome("gone", status=410), 1, 0.0).state == "failed"


def test_a_busy_endpoint_is_left_alone_as_long_as_it_asks_within_bounds() -> None:
    assert next_step(outcome("status", status=429, retry_after_ms=90_000), 1, 0.0).wait_ms == 90_000
    assert next_step(outcome("status", status=429, retry_after_ms=1), 1, 0.0).wait_ms == 5_000
    assert next_step(outcome("status", status=503, retry_after_ms=10**12), 1, 0.0).wait_ms == RETRY_AFTER_MOST_MS
    assert next_step(outcome("status", status=500, retry_after_ms=90_000), 1, 0.0).wait_ms == 5_000


def test_only_a_2xx_takes_an_event() -> None:
    words = {status: error_of_status(status) for status in (200, 202, 204, 299, 199, 302, 304, 400, 410, 500)}
    assert [status for status, word in words.items() if word is None] == [200, 202, 204, 299]
    assert (words[302], words[304], words[410], words[400]) == ("redirect", "redirect", "gone", "status")


def test_ids_are_the_same_each_time_and_differ_by_event_and_endpoint() -> None:
    event_id = event_id_of("order_1:order.confirmed")
    assert event_id == event_id_of("order_1:order.confirmed") != event_id_of("order_1:order.captured")
    assert message_id_of(event_id, "whe_1") == message_id_of(event_id, "whe_1") != message_id_of(event_id, "whe_2")


def test_subscriptions() -> None:
    assert wants(["*"], "order.refunded")
    assert wants(["order.refunded"], "order.refunded")
    assert not wants(["order.refunded"], "order.captured")
    assert not wants(["*"], "order.action"), "what a buyer has to do is not the merchants' business"
    assert checked_events(["order.captured", "order.captured"]) == ["order.captured"]
    with pytest.raises(InvalidError):
        checked_events([])
    with pytest.raises(InvalidError):
        checked_events(["*", "order.captured"])


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hooks",
        "https://me:secret@shop.example/",
        "https://shop.example/#part",
        "ftp://shop.example/",
        "https://",
        "https://shop.example/" + "a" * 1_980,
    ],
)
def test_an_address_that_cannot_be_called_is_refused_and_its_field_named(url: str) -> None:
    with pytest.raises(InvalidError) as caught:
        checked_address(url, allow_http=False)
    assert (caught.value.code, caught.value.details["field"]) == ("invalid_url", "url")


def test_plain_http_is_for_private_networks_only() -> None:
    assert checked_address("http://127.0.0.1:9/x", allow_http=True) == "http://127.0.0.1:9/x"
    assert checked_address("https://shop.example/x?y=1", allow_http=False) == "https://shop.example/x?y=1"


def test_what_staff_give_besides_is_bounded() -> None:
    assert checked_description("our ERP") == "our ERP"
    for text in ("x" * 201, "a\nb", "a\0b"):
        with pytest.raises(InvalidError):
            checked_description(text)
    assert checked_overlap_s(86_400) == 86_400
    for seconds in (-1, 86_401):
        with pytest.raises(InvalidError):
            checked_overlap_s(seconds)
