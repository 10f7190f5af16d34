import pytest

from loadtests.bench.peers.batch import encode_batch
from loadtests.bench.peers.limits import BATCH_EVENTS, EVENT_BYTES


def test_a_batch_is_its_count_and_each_event_after_its_length() -> None:
    assert encode_batch([b"one", b""]) == b"\x00\x00\x00\x02" + b"\x00\x00\x00\x03one" + b"\x00\x00\x00\x00"


@pytest.mark.parametrize("events", [[b""] * (BATCH_EVENTS + 1), [b"x" * (EVENT_BYTES + 1)]])
def test_too_much_for_one_batch_is_refused(events: list[bytes]) -> None:
    with pytest.raises(ValueError, match="a batch holds"):
        encode_batch(events)
