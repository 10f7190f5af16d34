"""Where an order's units go: what a buyer may write there, pure."""

from collections.abc import Mapping

import msgspec

from checkout.limits import SHIPPING_MAX_BYTES, SHIPPING_MAX_DEPTH
from kit.errors import InvalidError


def check_shipping(shipping: Mapping[str, object]) -> None:
    """Check the shipping part of a checkout, before anything else is done with it.

    Args:
        shipping: JSON-compatible.

    Raises:
        InvalidError: field ``shipping``: it is nested too deeply, too long, or holds a zero byte.
    """
    if not _is_within(shipping, SHIPPING_MAX_DEPTH):
        raise InvalidError(f"shipping is nested more than {SHIPPING_MAX_DEPTH} deep", field="shipping")
    text = msgspec.json.encode(shipping)
    if len(text) > SHIPPING_MAX_BYTES:
        raise InvalidError(f"shipping is longer than {SHIPPING_MAX_BYTES} bytes", field="shipping")
    if b"\\u0000" in text:
        raise InvalidError("shipping must not hold a zero byte", field="shipping")


def _is_within(value: object, most: int) -> bool:
    """Tell whether objects and lists are nested at most so deep; level by level, because depth is what is in doubt."""
    level = [value]
    for _ in range(most + 1):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return True
    return False


def _inside(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, list) else []
