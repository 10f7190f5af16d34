"""What an order of a channel takes from the stock. Pure.

An order holds so many units of its items over there; so many are to be taken here. Units are taken as far as there are
any that nobody has set aside; what is missing stays wanted, and is taken when units come. When the order holds fewer,
units come back.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from inventory.channels.limits import ITEM_ID_CHARS, LATEST_MS, ORDER_UNITS_MOST
from inventory.channels.selling import ChannelOrder, SoldLine
from inventory.stock import Movement, sold_elsewhere
from kit.errors import InvalidError

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
        lines: what the order holds now, checked.
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
        sku = old.sku if old.taken else links.get(item_id)
        changed.append(msgspec.structs.replace(old, sku=sku, wanted=wanted[item_id]))
    return changed


def take(
    lines: Sequence[OrderLine],
    shelves: Sequence[Shelf],
    given: Mapping[str, Mapping[str, int]],
    *,
    name: str,
    reason: str,
) -> tuple[list[OrderLine], list[Movement]]:
    """Take for each line what it lacks, as far as there is any, and give back what it has too much.

    Args:
        lines: of one order.
        shelves: of their SKUs; units are taken in this order.
        given: units by location that were taken for an item so far: they come back to where they were.
        name: unique to the order; movements are named by it.
        reason: of the movements, for staff.

    Returns:
        The lines as they are then, and the movements that make them so.
    """
    free = {(one.sku, one.location): one.free for one in shelves}
    after, movements = [], []
    for one in lines:
        line = one
        steps: list[tuple[str, int]] = []
        if line.wanted < line.taken:
            steps = _back(given.get(line.item_id, {}), line.taken - line.wanted)
        elif line.sku is not None:
            steps = _out(free, line.sku, line.wanted - line.taken)
        for location, units in steps:
            assert line.sku is not None, "only linked items move"
            key = movement_key(name, line)
            movements.append(sold_elsewhere(line.sku, units, key=key, location=location, reason=reason))
            line = msgspec.structs.replace(line, taken=line.taken + units, moves=line.moves + 1)
        after.append(line)
    return after, movements


def movement_key(name: str, line: OrderLine) -> str:
    """Return the name of the next movement of a line; whatever the ids hold, no two lines share one."""
    digest = hashlib.sha256(msgspec.json.encode([name, line.item_id])).hexdigest()[:40]
    return f"elsewhere:{digest}:{line.moves}"


def _out(free: dict[tuple[str, str], int], sku: str, lacks: int) -> list[tuple[str, int]]:
    """Take units off the shelves, one after the other."""
    steps = []
    for place in [one for one in free if one[0] == sku]:
        units = min(lacks, free[place])
        if units > 0:
            steps.append((place[1], units))
            free[place] -= units
            lacks -= units
    return steps


def _back(given: Mapping[str, int], units: int) -> list[tuple[str, int]]:
    """Give units back to where they were taken, last first."""
    steps = []
    for location in reversed(list(given)):
        back = min(units, given[location])
        if back > 0:
            steps.append((location, -back))
            units -= back
    return steps


def check_order(order: ChannelOrder) -> None:
    """Check what a channel said of an order, whichever it is: it is stored and shown.

    Raises:
        InvalidError: an id, a moment or a number of units is none.
    """
    if not 0 <= order.placed_at_ms <= LATEST_MS:
        raise InvalidError(f"{order.placed_at_ms} is no moment at which an order can be placed")
    for line in order.lines:
        if not is_item_id(line.item_id):
            raise InvalidError("an item of the order has an id that is none")
        if not 0 < line.quantity <= ORDER_UNITS_MOST:
            raise InvalidError(f"{line.quantity} units of {line.item_id} are none that an order can hold")


def is_item_id(item_id: str) -> bool:
    """Tell whether a text can be a channel's name for an item: short, printable, of proper characters."""
    return 0 < len(item_id) <= ITEM_ID_CHARS and item_id.isprintable()


def state_of(lines: Iterable[OrderLine]) -> OrderState:
    """Return what the lines of an order that was read say of it."""
    short = [one for one in lines if one.wanted > one.taken]
    if any(one.sku is None for one in short):
        return "unlinked"
    if short:
        return "oversold_elsewhere"
    return "taken" if any(one.wanted for one in lines) else "cancelled"
