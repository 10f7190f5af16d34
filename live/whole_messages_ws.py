"""Reading what viewers mostly send: whole, short messages, one masked frame each (RFC 6455, 5.2), pure.

The frame reader of the ``websockets`` library reads everything else, and everything that is wrong. It is a generator
that may wait in the middle of a frame; bytes may pass it by only between two frames. ``FrameTail`` knows where that is.
"""

from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:  # built without its C part
    from websockets.utils import apply_mask

_WHOLE: Final = frozenset({0x81, 0x82})
"""First byte of a whole text or binary message: final, not compressed."""
_MASKED: Final = 0x80
_LENGTH: Final = 0x7F
_TWO_MORE: Final = 126
_EIGHT_MORE: Final = 127
_MASK_BYTES: Final = 4
_SHORT_HEAD: Final = 2 + _MASK_BYTES


def whole_messages(data: bytes) -> list[bytes] | None:
    """Return the payloads of data that is nothing but whole, short messages.

    Args:
        data: what was read, from the beginning of a frame on.

    Returns:
        None when anything else is in it: a fragment, a control frame, a frame that is compressed, not masked, of 126
        bytes or more, or goes on in the next read.
    """
    messages = []
    at, end = 0, len(data)
    while at < end:
        body = at + _SHORT_HEAD
        if body > end or data[at] not in _WHOLE:
            return None
        length = data[at + 1] - _MASKED
        if not 0 <= length < _TWO_MORE or body + length > end:
            return None
        messages.append(apply_mask(data[body : body + length], data[body - _MASK_BYTES : body]))
        at = body + length
    return messages


class FrameTail:
    """How much of a begun frame is still to come."""

    __slots__ = ("_head", "_left")

    def __init__(self) -> None:
        self._head = b""
        self._left = 0

    def takes(self, data: bytes) -> bool:
        """Count what was read; return whether a frame has begun and not ended."""
        at, end = 0, len(data)
        while at < end:
            if self._left:
                step = min(self._left, end - at)
                self._left -= step
                at += step
                continue
            missing = self._head_bytes() - len(self._head)
            self._head += data[at : at + missing]
            at = min(at + missing, end)
            if len(self._head) == self._head_bytes():
                self._left, self._head = self._body_bytes(), b""
        return self._left > 0 or self._head != b""

    def _head_bytes(self) -> int:
        """Return the length of this frame's head, as far as it is known."""
        if len(self._head) < 2:
            return 2
        length = self._head[1] & _LENGTH
        more = {_TWO_MORE: 2, _EIGHT_MORE: 8}.get(length, 0)
        return 2 + more + (_MASK_BYTES if self._head[1] & _MASKED else 0)

    def _body_bytes(self) -> int:
        length = self._head[1] & _LENGTH
        if length == _TWO_MORE:
            return int.from_bytes(self._head[2:4], "big")
        if length == _EIGHT_MORE:
            return int.from_bytes(self._head[2:10], "big")
        return length
