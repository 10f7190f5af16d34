"""WebSocket frames as the server sends them (RFC 6455, 5.2), pure: unmasked, complete, built once and shared."""

import struct
from typing import Final

from live import wire

_FIN_TEXT: Final = 0x81
_FIN_BINARY: Final = 0x82
_SHORT: Final = 126
_LONG: Final = 1 << 16


def text_frame(payload: bytes) -> bytes:
    """Return one complete text frame; ``payload`` is UTF-8."""
    return _header(_FIN_TEXT, len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    """Return one complete binary frame."""
    return _header(_FIN_BINARY, len(payload)) + payload


def _header(first: int, length: int) -> bytes:
    if length < _SHORT:
        return bytes((first, length))
    if length < _LONG:
        return struct.pack("!BBH", first, 126, length)
    return struct.pack("!BBQ", first, 127, length)


class Frame:
    """One message for many viewers: encoded and framed at most once per encoding, and only when somebody needs it."""

    __slots__ = ("_json", "_message", "_msgpack")

    def __init__(self, message: wire.ServerMessage) -> None:
        self._message = message
        self._json: bytes | None = None
        self._msgpack: bytes | None = None

    @property
    def json(self) -> bytes:
        """The frame for viewers of ``showdrop.json``."""
        if self._json is None:
            self._json = text_frame(wire.encode_json(self._message))
        return self._json

    @property
    def msgpack(self) -> bytes:
        """The frame for viewers of ``showdrop.msgpack``."""
        if self._msgpack is None:
            self._msgpack = binary_frame(wire.encode_msgpack(self._message))
        return self._msgpack
