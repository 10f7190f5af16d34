"""Which messages are state; pure, and quick: nothing is decoded."""

_STATE = (b'{"type":"offer.stock"', b'{"type":"viewers"', b'{"type":"reactions"')


def is_state(data: bytes | bytearray, at: int = 0) -> bool:
    """Tell whether the message that begins there is state: what is now, not what happened."""
    return data.startswith(_STATE, at)
