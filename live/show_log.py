"""The show log and the inbox: what critical events are, whoever carries them (D4).

Both are logs per show. The *log* holds what everyone hears; its positions were given by Postgres. The *inbox* holds
what single buyers hear; its positions are given as entries arrive. A reader that sees a gap reads the gap from the
stream; one that finds another epoch, or a gap older than the stream, takes a fresh snapshot.
"""

from typing import Literal

import msgspec

LogName = Literal["log", "inbox"]


class LogEntry(msgspec.Struct, frozen=True):
    """One entry: its position and its bytes, which are a wire message (log) or a ``BuyerNews`` (inbox)."""

    epoch: str
    seq: int
    payload: bytes


class _Made(msgspec.Struct, frozen=True):
    made_at_ms: int = 0


_made = msgspec.json.Decoder(_Made)


def made_at_ms(payload: bytes) -> int:
    """Return when the event of a log entry was recorded, by the clock of Postgres; 0 when the entry does not say.

    It stands beside the fields of the wire message, and viewers are not sent it.

    Raises:
        msgspec.DecodeError: the payload is no JSON object.
    """
    return _made.decode(payload).made_at_ms


class BuyerNews(msgspec.Struct, frozen=True):
    """An inbox entry: whom it is for, and the wire message."""

    buyer_id: str
    event: msgspec.Raw
