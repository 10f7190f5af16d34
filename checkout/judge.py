"""Who gets the units, pure: the rule of the settle step. The CHECK on ``pools`` stands behind it."""

from collections.abc import Callable, Mapping, Sequence

from checkout.order import Order

Judge = Callable[[Mapping[str, int], Sequence[Order]], list[bool]]
"""Decides a batch. Gets the units left by pool id, and the orders; gives one verdict per order: true for the units."""


def first_come(free: Mapping[str, int], orders: Sequence[Order]) -> list[bool]:
    """Accept orders in the order given while their pool has the units.

    An order that does not fit is passed over, and a smaller one behind it may still fit: no unit stays unsold that
    somebody paid for.
    """
    left = dict(free)
    verdicts = []
    for order in orders:
        fits = order.quantity <= left.get(order.pool_id, 0)
        if fits:
            left[order.pool_id] -= order.quantity
        verdicts.append(fits)
    return verdicts


def nobody(_free: Mapping[str, int], orders: Sequence[Order]) -> list[bool]:
    """Refuse every order: for one that the database itself refused."""
    return [False] * len(orders)
