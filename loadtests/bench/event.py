"""The event of the benchmarks: a spotlight of an exact size, whose product's title holds the marker."""

from live import wire
from loadtests.bench.limits import EVENT_BYTES
from loadtests.bench.target import MARKER

_FILLER = "lamp oil "


def spotlight(seq: int, *, size: int = EVENT_BYTES) -> bytes:
    """Return a ``product.spotlight`` in JSON of exactly ``size`` bytes, with the marker in it.

    Args:
        seq: its position in the log.
        size: at least 200.

    Raises:
        ValueError: it does not fit.
    """
    bare = _encode(seq, "")
    if len(bare) > size:
        raise ValueError(f"a spotlight takes {len(bare)} bytes, not {size}")
    missing = size - len(bare)
    return _encode(seq, (_FILLER * (missing // len(_FILLER) + 1))[:missing])


def _encode(seq: int, filler: str) -> bytes:
    card = wire.ProductCard(product_id="prod_1", title=MARKER.decode() + filler, image=None, variants=[])
    return wire.encode_json(wire.ProductSpotlight(seq=seq, products=[card]))
