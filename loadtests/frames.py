"""Which messages are state, and which of them tell the stock; pure, and quick: nothing is decoded."""

_STOCK = b'{"type":"offer.stock"'
_STATE = (_STOCK, b'{"type":"viewers"', b'{"type":"reactions"')


def is_state(data: bytes | bytearray, at: int = 0) -> bool:
    """Tell whether the message that begins there is state: what is now, not what happened."""
    return data.startswith(_STATE, at)


def is_stock(data: bytes | bytearray, at: int = 0) -> bool:
    """Tell whether the message that begins there is a stock count: in the soak there is one for every tick."""
    return data.startswith(_STOCK, at)
