"""What an order of a channel takes from the stock. Pure.

An order holds so many units of its items over there; so many are to be taken here. Units are taken as far as there are
any that nobody has set aside; what is missing stays wanted, and is taken when units come. When the order holds fewer,
units come back.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from inventory.channels.selling import SoldLine
from inventory.stock import Movement, sold_elsewhere

OrderState = Literal["new", "taken", "oversold_elsewhere", "unlinked", "cancelled", "earlier", "unknown"]
"""What is known of an order: not read yet; all its units are taken; some are missing; an item is not linked; it holds
nothing any more; it is from before the channel was connected; the channel does not know it."""


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One item of an order.

    Attributes:
        sku: which it is here; None while the item is not linked.
        wanted: units that the order holds over there.
        taken: units that were taken for it here.
        moves: movements that were recorded for it.
    """

    item_id: str
    sku: str | None
    wanted: int
    taken: int = 0
    moves: int = 0


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU at one location that nobody has set aside."""

    sku: str
    location: str
    free: int


def wanted_lines(lines: Iterable[SoldLine], known: Sequence[OrderLine], links: Mapping[str, str]) -> list[OrderLine]:
    """Return an order's lines as they should be, in the order of items: one for each item it has or had.

    Args:
        lines: what the order holds now.
        known: its lines so far. Units that were taken stay with the SKU that they were taken of.
        links: SKUs by item.
    """
    wanted: Counter[str] = Counter()
    for line in lines:
        wanted[line.item_id] += line.quantity
    before = {one.item_id: one for one in known}
    changed = []
    for item_id in sorted(wanted.keys() | before.keys()):
        old = before.get(item_id, OrderLine(item_id=item_id, sku=None, wanted=0))
        sku = old.sku if old.taken else links.get(item_id, old.sku)
        changed.append(msgspec.structs.replace(old, sku=sku, wanted=wanted[item_id]))
    return changed


def take(
    lines: Sequence[OrderLine], shelves: Sequence[Shelf], *, name: str, reason: str
) -> tuple[list[OrderLine], list[Movement]]:
    """Take for each line what it lacks, as far as there is any, and give back what it has too much.

    Args:
        lines: of one order.
        shelves: of their SKUs; units are taken in this order and come back to the first of their SKU.
        name: unique to the order; movements are named by it.
        reason: of the movements, for staff.

    Returns:
        The lines as they are then, and the movements that make them so.
    """
    free = [one.free for one in shelves]
    after, movements = [], []

    def move(line: OrderLine, units: int, location: str) -> OrderLine:
        assert line.sku is not None, "only linked items move"
        key = f"elsewhere:{name}:{line.item_id}:{line.moves}"
        movements.append(sold_elsewhere(line.sku, units, key=key, location=location, reason=reason))
        return msgspec.structs.replace(line, taken=line.taken + units, moves=line.moves + 1)

    for given in lines:
        line = given
        for index, shelf in enumerate(shelves):
            if shelf.sku != line.sku:
                continue
            units = min(line.wanted - line.taken, free[index])
            if units != 0:
                line = move(line, units, shelf.location)
                free[index] -= units
        after.append(line)
    return after, movements


def state_of(lines: Iterable[OrderLine]) -> OrderState:
    """Return what the lines of an order that was read say of it."""
    short = [one for one in lines if one.wanted > one.taken]
    if any(one.sku is None for one in short):
        return "unlinked"
    if short:
        return "oversold_elsewhere"
    return "taken" if any(one.wanted for one in lines) else "cancelled"
