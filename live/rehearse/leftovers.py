"""What a rehearsal leaves behind, and what of it goes back, pure."""

from typing import Final

import msgspec

SHOW_TITLE_PREFIX: Final = "showdrop rehearse "
"""Shows with such a title are a rehearsal's; the next one ends those that are still on."""


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """Where the units are that a rehearsal put into the stock.

    Attributes:
        sold: by this show's offers.
        outstanding: set aside for this show's offers, neither sold nor back in the stock yet.
        free: units of the SKU that nobody has set aside.
    """

    sold: int
    outstanding: int
    free: int


def units_to_give_back(added: int, units: Units) -> int:
    """Return how many of the added units can be taken away again: never what was sold, held, or is not there."""
    return max(0, min(added - units.sold - units.outstanding, units.free))
