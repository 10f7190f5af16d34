"""Reading a channel back: does it show what it was told? What lastingly differs is reported, and told again.

A difference that is there once may be a sale at the channel of which we have not heard yet; told over, it would put the
unit back on sale. So a level is told again only when two rounds in a row read the same wrong quantity.
"""

import asyncio
from collections import deque
from itertools import groupby

from inventory.channels.channel import ChannelDownError, Readable
from inventory.channels.figures import ChannelFigures
from inventory.channels.levels_pg import Levels, ToldLevel
from inventory.channels.limits import DRIFT_EVERY_S, DRIFT_PAGE
from kit.log import logger

_log = logger("channels")


class DriftCheck:
    """The rounds of one channel; one call at a time, when it has nothing else to do.

    Args:
        now: the loop's clock; the first round begins ``DRIFT_EVERY_S`` later.
    """

    def __init__(self, channel_id: str, channel: Readable, levels: Levels, figures: ChannelFigures, now: float) -> None:
        self._channel_id = channel_id
        self._channel = channel
        self._levels = levels
        self._figures = figures
        self._next_at = now + DRIFT_EVERY_S
        self._after: str | None = None  # None: no round is under way
        self._calls: deque[list[ToldLevel]] = deque()
        self._before: dict[str, int | None] = {}  # what differed in the round before, by SKU
        self._found: dict[str, int | None] = {}

    def wait_s(self, now: float) -> float:
        """Return in how many seconds there is something to read; 0 or less for now."""
        return 0.0 if self._after is not None else self._next_at - now

    async def step(self) -> None:
        """Read the items of one call, or find out which are next.

        Raises:
            ChannelGoneError: as the channel does.
        """
        if self._calls:
            await self._read(self._calls.popleft())
            return
        page = await self._levels.told_page(self._channel_id, after=self._after or "", limit=DRIFT_PAGE)
        if not page:
            self._end_round()
            return
        self._after = page[-1].sku
        can = self._channel.capabilities
        size = can.read_size or can.batch_size
        for _, members in groupby(sorted(page, key=lambda one: one.group), key=lambda one: one.group):
            group = list(members)
            self._calls.extend(group[at : at + size] for at in range(0, len(group), size))

    async def _read(self, told: list[ToldLevel]) -> None:
        try:
            shown = await self._channel.read([one.item_id for one in told])
        except ChannelDownError as error:
            _log.info("channel_not_read", channel_id=self._channel_id, error=error.message)
            self._figures.called(self._channel_id, "failed")
            self._end_round()
            return
        self._figures.called(self._channel_id, "read")
        lasting = []
        drift: dict[str, str | None] = {}
        for one, quantity in zip(told, shown, strict=True):
            if self._is_level(one.told, quantity):
                drift[one.sku] = None
                continue
            drift[one.sku] = "the channel has no such item" if quantity is None else f"it shows {quantity}"
            self._found[one.sku] = quantity
            if one.sku in self._before and self._before[one.sku] == quantity:
                lasting.append(one.sku)
                _log.warning("channel_drift", channel_id=self._channel_id, sku=one.sku, told=one.told, shown=quantity)
        await self._levels.note_drift(self._channel_id, drift)
        if lasting:
            await self._levels.tell_again(self._channel_id, lasting)

    def _is_level(self, told: int, shown: int | None) -> bool:
        can = self._channel.capabilities
        if can.tells == "availability":
            return shown is not None and (told > 0) == (shown > 0)
        return shown == min(told, can.most_quantity)

    def _end_round(self) -> None:
        self._figures.drifts(self._channel_id, len(self._found))
        self._before, self._found = self._found, {}
        self._calls.clear()
        self._after = None
        self._next_at = asyncio.get_running_loop().time() + DRIFT_EVERY_S
