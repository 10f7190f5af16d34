"""How events travel to the control port of the servers that are our own scripts, pure.

One batch is the number of its events, then each event as its length and its bytes; numbers are unsigned 32-bit,
big-endian. The server answers each batch with ``TAKEN`` after it has written every event to every viewer. At the
connect it says its name and version in one line. ``control.js`` is the same for Node.
"""

from typing import Final

from loadtests.bench.peers.limits import BATCH_EVENTS, EVENT_BYTES, HEADER_BYTES

TAKEN: Final = b"."


def encode_batch(events: list[bytes]) -> bytes:
    """Return one batch.

    Raises:
        ValueError: too many events, or one that is too long.
    """
    if len(events) > BATCH_EVENTS or any(len(event) > EVENT_BYTES for event in events):
        raise ValueError(f"a batch holds up to {BATCH_EVENTS} events of up to {EVENT_BYTES} bytes")
    return _number(len(events)) + b"".join(_number(len(event)) + event for event in events)


def _number(value: int) -> bytes:
    return value.to_bytes(HEADER_BYTES, "big")
