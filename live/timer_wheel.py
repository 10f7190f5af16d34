"""One timer for many deadlines, pure: a wheel of one-second slots.

A deadline that only ever moves back (a heartbeat was heard) costs nothing: the item stays in its slot, is looked at
when the slot is due, and is put into the slot of its new deadline. So a beat costs an assignment, and a second of the
wheel costs what is due in it, not what is there.
"""

from collections.abc import Hashable
from typing import Generic, TypeVar

Item = TypeVar("Item", bound=Hashable)


class TimerWheel(Generic[Item]):
    """Items by the second in which to look at them. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._slots: dict[int, set[Item]] = {}

    def put(self, item: Item, at_s: float) -> int:
        """Look at an item in the second after ``at_s``; returns its slot, which ``remove`` needs."""
        slot = int(at_s) + 1
        self._slots.setdefault(slot, set()).add(item)
        return slot

    def remove(self, item: Item, slot: int) -> None:
        """Forget an item; one that is not there is no error."""
        items = self._slots.get(slot)
        if items is not None:
            items.discard(item)
            if not items:
                del self._slots[slot]

    def due(self, now_s: float) -> list[Item]:
        """Take out and return what is to be looked at now."""
        slots = sorted(slot for slot in self._slots if slot <= now_s)
        return [item for slot in slots for item in self._slots.pop(slot)]
