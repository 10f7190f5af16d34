"""The event that everyone publishes."""

import pytest

from live import wire
from loadtests.bench.event import spotlight
from loadtests.bench.limits import EVENT_BYTES
from loadtests.bench.target import MARKER, numbered


@pytest.mark.parametrize("seq", [1, 99, 12_345])
def test_an_event_has_its_size_whatever_its_position(seq: int) -> None:
    payload = numbered(spotlight(seq), 77)
    event = wire.decode_log_event(payload)
    assert (len(payload), event.seq) == (EVENT_BYTES, seq)
    assert payload.count(b"#00000077#") == 1


def test_a_spotlight_does_not_fit_into_a_few_bytes() -> None:
    with pytest.raises(ValueError, match="bytes, not 50"):
        spotlight(1, size=50)


def test_a_payload_without_a_place_for_the_number_is_refused() -> None:
    with pytest.raises(ValueError, match="no marker"):
        numbered(spotlight(1).replace(MARKER, b""), 1)
