"""What a viewer of Showdrop writes (RFC 6455), built once, pure."""

import struct
from typing import Final

KEY: Final = "c2hvd2Ryb3AgYmVuY2ggMQ=="
"""The same for all: it only proves that the answer is to this request."""

_MASK: Final = b"\x00\x00\x00\x00"
"""A mask of zeros is a mask, and leaves the payload as it is."""

PING: Final = b"\x89\x80" + _MASK
"""A ping frame without a payload."""

_HEADERS_END: Final = b"\r\n\r\n"


def upgrade_request(path: str, port: int) -> bytes:
    """Return the HTTP request that turns a connection into a WebSocket."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def text_frame(payload: bytes) -> bytes:
    """Return one masked text frame of at most 65,535 bytes."""
    if len(payload) < 126:
        return bytes((0x81, 0x80 | len(payload))) + _MASK + payload
    return struct.pack("!BBH", 0x81, 0x80 | 126, len(payload)) + _MASK + payload


def status_of(received: bytes) -> int | None:
    """Return the HTTP status that an answer begins with; None while it is not there, or when it is no HTTP."""
    if not received.startswith(b"HTTP/1.") or len(received) < 12:
        return None
    return int(received[9:12]) if received[9:12].isdigit() else None


def retry_after_s(received: bytes) -> float | None:
    """Return the seconds of a ``Retry-After`` header, or None without one."""
    for line in received.partition(_HEADERS_END)[0].split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"retry-after" and value.strip().isdigit():
            return float(value)
    return None


def after_headers(received: bytes) -> bytes | None:
    """Return what follows the HTTP answer, or None while its headers are not complete."""
    _, found, rest = received.partition(_HEADERS_END)
    return rest if found else None


def first_frame_complete(data: bytes) -> bool:
    """Tell whether an unmasked frame at the beginning of ``data`` is there as a whole."""
    if len(data) < 2:
        return False
    length, header = data[1] & 0x7F, 2
    if length == 126:
        header = 4
        length = int.from_bytes(data[2:4], "big")
    elif length == 127:
        header = 10
        length = int.from_bytes(data[2:10], "big")
    return len(data) >= header and len(data) >= header + length
