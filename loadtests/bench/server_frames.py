"""A frame as a server sends it (RFC 6455, 5.2): what the floor sends has the same length as what a gateway sends."""

import struct


def text_frame(payload: bytes) -> bytes:
    """Return one unmasked text frame of at most 65,535 bytes."""
    if len(payload) < 126:
        return bytes((0x81, len(payload))) + payload
    return struct.pack("!BBH", 0x81, 126, len(payload)) + payload
