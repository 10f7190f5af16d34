"""How long a channel waits to be told of a sale. Pure."""

import math
from collections.abc import Mapping, Sequence

import msgspec


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """A unit was sold; ``left`` units were there afterwards. ``at_ns`` is when it began to be recorded."""

    sku: str
    left: int
    at_ns: int


def lags_ms(sales: Sequence[Sale], arrivals: Sequence[tuple[int, Mapping[str, int]]]) -> tuple[list[float], int]:
    """Return how long each sale took to arrive, in milliseconds, ascending, and how many never did.

    A sale has arrived with the first call that has its SKU with no more than what it left: a later sale of the same SKU
    tells of it too.

    Args:
        sales: of one unit each, in order; nothing is received meanwhile.
        arrivals: time and levels of each call, in order.
    """
    calls: dict[str, list[tuple[int, int]]] = {}
    for at_ns, levels in arrivals:
        for sku, units in levels.items():
            calls.setdefault(sku, []).append((at_ns, units))
    waits: list[float] = []
    lost = 0
    seen = dict.fromkeys(calls, 0)
    for sale in sales:
        of_sku = calls.get(sale.sku, [])
        at = seen.get(sale.sku, 0)
        while at < len(of_sku) and of_sku[at][1] > sale.left:
            at += 1
        seen[sale.sku] = at
        if at == len(of_sku):
            lost += 1
        else:
            waits.append((of_sku[at][0] - sale.at_ns) / 1e6)
    return sorted(waits), lost


def percentile(ascending: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of all are not above; NaN of none."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)] if ascending else math.nan
