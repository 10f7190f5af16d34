"""A guest who only watches, and knows of the stock what any viewer knows."""

import asyncio
import contextlib

import msgspec

from live import wire
from live.client import ShowdropClient
from tests.faults.limits import STOCK_MOST_S


class Watcher(ShowdropClient):
    """One viewer of a show with one offer.

    Attributes:
        stock: available, held and sold, as last heard; None before.
    """

    def __init__(self, ws_url: str, show_id: str) -> None:
        super().__init__(ws_url, show_id, on_message=self.hear)
        self.stock: tuple[int, int, int] | None = None
        self._changed = asyncio.Event()

    async def __aenter__(self) -> "Watcher":
        self.start()
        return self

    def hear(self, message: wire.ServerMessage) -> None:
        """Note the stock: who comes back to a new log is told of it in the snapshot, and again only when it changes."""
        if isinstance(message, wire.OfferStock):
            self._note(message)
        elif isinstance(message, wire.Welcome) and message.snapshot is not msgspec.UNSET:
            for offer in message.snapshot.offers:
                self._note(offer)

    def _note(self, told: wire.OfferStock | wire.OfferSnapshot) -> None:
        self.stock = (told.available, told.held, told.sold)
        self._changed.set()

    async def until_sold(self, sold: int) -> None:
        """Wait, within limits, until the stock that was heard says so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOCK_MOST_S):
                while self.stock is None or self.stock[2] != sold:
                    self._changed.clear()
                    await self._changed.wait()
