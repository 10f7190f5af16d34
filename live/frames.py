"""WebSocket frames as the server sends them (RFC 6455, 5.2), pure: unmasked, complete, built once and shared."""

import struct
import zlib
from typing import Final, NamedTuple

from live import wire
from live.limits import DEFLATE_LEAST_BYTES

_FIN_TEXT: Final = 0x81
_FIN_BINARY: Final = 0x82
_RSV1: Final = 0x40
"""The bit that marks a compressed message (RFC 7692, 6)."""

_SHORT: Final = 126
_LONG: Final = 1 << 16
_medium_header: Final = struct.Struct("!BBH").pack
_long_header: Final = struct.Struct("!BBQ").pack

_SYNC_TAIL: Final = b"\x00\x00\xff\xff"
"""How zlib ends a sync flush; RFC 7692, 7.2.1 leaves it out."""


class Variant(NamedTuple):
    """What a viewer negotiated: all viewers of one variant are sent the same bytes.

    Attributes:
        binary: MessagePack in binary frames; else JSON in text frames.
        deflated: reads compressed messages (permessage-deflate without context takeover).
    """

    binary: bool = False
    deflated: bool = False


JSON: Final = Variant()
MSGPACK: Final = Variant(binary=True)
VARIANTS: Final = (JSON, MSGPACK, Variant(deflated=True), Variant(binary=True, deflated=True))


def frame_of(payload: bytes, variant: Variant) -> bytes:
    """Return one complete frame: text (``payload`` is UTF-8) or binary, compressed where that makes it smaller."""
    first = _FIN_BINARY if variant.binary else _FIN_TEXT
    if variant.deflated and len(payload) >= DEFLATE_LEAST_BYTES:
        packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        packed = packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)
        packed = packed.removesuffix(_SYNC_TAIL)
        if len(packed) < len(payload):
            first, payload = first | _RSV1, packed
    length = len(payload)
    if length < _SHORT:
        return bytes((first, length)) + payload
    if length < _LONG:
        return _medium_header(first, 126, length) + payload
    return _long_header(first, 127, length) + payload


class Frame:
    """One message for many viewers: encoded and framed at most once per variant, and only when somebody needs it.

    Attributes:
        is_log: an event of the show log, which a viewer has to get; else state, which the next one replaces.
        made_at_ms: when the event was recorded; 0 for what is no event, or where nobody knows it.
    """

    __slots__ = ("_made", "_message", "is_log", "made_at_ms")

    def __init__(self, message: wire.ServerMessage, made_at_ms: int = 0) -> None:
        self.is_log = isinstance(message, wire.LogEvent)
        self.made_at_ms = made_at_ms
        self._message = message
        self._made: dict[Variant, bytes] = {}

    def of(self, variant: Variant) -> bytes:
        """Return the bytes for viewers of this variant."""
        made = self._made.get(variant)
        if made is None:
            encode = wire.encode_msgpack if variant.binary else wire.encode_json
            made = self._made[variant] = frame_of(encode(self._message), variant)
        return made
