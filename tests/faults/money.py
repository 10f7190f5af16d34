"""Whose money is where at the end of a trial, pure: every order once, and the provider and Postgres of one mind."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec


class PaymentFact(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as its provider has it: what was taken, given back, and is still reserved, in minor units."""

    order_id: str
    taken: int
    given_back: int
    reserved: int


class OrderFact(msgspec.Struct, frozen=True, kw_only=True):
    """An order as Postgres has it; ``kept`` is the money that was taken and not given back, in minor units."""

    order_id: str
    hold_id: str
    buyer_id: str
    units: int
    state: str
    is_sold: bool
    kept: int


def kept_at_bank(payments: Iterable[PaymentFact]) -> Counter[str]:
    """Return what the provider took for each order and did not give back."""
    kept: Counter[str] = Counter()
    for payment in payments:
        kept[payment.order_id] += payment.taken - payment.given_back
    return kept


def wrong_money(orders: Sequence[OrderFact], payments: Sequence[PaymentFact]) -> list[str]:
    """Say where the provider's money is not what the orders say: paid twice, not at all, or for nothing."""
    kept = kept_at_bank(payments)
    taken = Counter(payment.order_id for payment in payments if payment.taken > 0)
    reserved = sum(payment.reserved > 0 for payment in payments)
    unknown = kept.keys() - {order.order_id for order in orders}
    faults = [f"paid {count} times: order {order_id}" for order_id, count in taken.items() if count > 1]
    for order in orders:
        if kept[order.order_id] != order.kept:
            faults.append(f"the provider kept {kept[order.order_id]} of {order}")
        elif order.is_sold and not order.kept:
            faults.append(f"sold and not paid: {order}")
    faults += [f"the provider kept {kept[one]} for an order that does not exist, {one}" for one in unknown if kept[one]]
    if reserved:
        faults.append(f"{reserved} payments are still reserved")
    return faults
