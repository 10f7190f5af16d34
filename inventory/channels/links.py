"""Links: which of a channel's items is which SKU. Pure. Nobody guesses; what cannot be linked is told line by line."""

from collections.abc import Mapping, Sequence, Set

import msgspec

from inventory.channels.channel import ChannelKind
from kit.errors import InvalidError


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU, and the channel's item that it is; ``line`` of the file that says so, from 1."""

    line: int
    sku: str
    item_id: str


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A line that was not linked, and why."""

    line: int
    reason: str


class Linked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of linking: how many were linked or were so before, and the lines that were left out."""

    linked: int
    left_out: list[LeftOut]


def choose_links(
    links: Sequence[Link], kind: ChannelKind, known: Set[str], before: Mapping[str, str]
) -> tuple[list[Link], list[LeftOut]]:
    """Return the links to make, at most one for each SKU and item, and the lines that make none.

    Args:
        links: in the order of their lines; of two that contradict each other the first counts.
        kind: knows the form of item ids.
        known: the SKUs that there are.
        before: SKUs by item, of the items that are linked now.
    """
    chosen: dict[str, Link] = {}
    items: dict[str, str] = {}
    left_out = []
    for one in links:
        why = _wrong(one, kind, known)
        if why is None and one.sku in chosen:
            why = f"line {chosen[one.sku].line} links {one.sku!r} already"
        elif why is None and one.item_id in items:
            why = f"the item {one.item_id!r} is linked to {items[one.item_id]!r} already"
        if why is None:
            chosen[one.sku] = one
            items[one.item_id] = one.sku
        else:
            left_out.append(LeftOut(line=one.line, reason=why))
    # An item is free when the SKU that has it gets another one here; a line left out may keep others from theirs.
    while taken := [one for one in chosen.values() if before.get(one.item_id, one.sku) not in chosen]:
        for one in taken:
            del chosen[one.sku]
            why = f"the item {one.item_id!r} is linked to {before[one.item_id]!r} already"
            left_out.append(LeftOut(line=one.line, reason=why))
    return list(chosen.values()), sorted(left_out, key=lambda one: one.line)


def _wrong(one: Link, kind: ChannelKind, known: Set[str]) -> str | None:
    if one.sku not in known:
        return f"there is no SKU {one.sku!r}"
    try:
        kind.check_item_id(one.item_id)
    except InvalidError as error:
        return error.message
    return None
