"""Product feeds out of Postgres, page by page.

Each page is a short statement of its own. A reader who is slow, or who stands still, keeps no connection, no snapshot
and no more than a page in memory; every row shows the level of the moment in which its page was read.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from inventory.channels.feeds import FED, FeedItem, FeedSettings, FeedTokens, feed_header, feed_lines
from kit.errors import NotFoundError, UnavailableError
from kit.money import Money
from kit.postgres import Postgres, Record
from kit.sql import Queries

PAGE_ITEMS: Final = 250
"""Variants of one page: some 100 KB as a rule, 5 MB with the longest texts that there can be."""

PAGES_AT_ONCE: Final = 2
"""Pages that one process reads at the same time: its other requests need the other connections."""

FEEDS_AT_ONCE: Final = 8
"""Feeds under way in one process; a platform that is told to come back does so."""

FEED_MOST_S: Final = 600.0
"""Seconds of one feed: 100,000 variants at 400 KB/s."""

_sql = Queries(Path(__file__).parent / "sql" / "feeds.sql")


class FeedsBusyError(UnavailableError):
    """As many feeds as may be are under way in this process."""

    default_code = "feeds_busy"


class FeedCutError(UnavailableError):
    """A feed ends in the middle: it took too long, or its channel was paused or removed meanwhile."""

    default_code = "feed_cut"


class FeedPausedError(UnavailableError):
    """The feed's channel is paused: the platform keeps what it fetched last."""

    default_code = "channel_paused"


class FeedAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a feed is to be had: ``extension`` is that of its file."""

    token: str
    extension: str


class Feeds:
    """The feeds of all channels that have one (``FED``).

    Args:
        postgres: where.
        tokens: who may read which.
        page: variants that are read at a time.
        most_s: seconds of one feed.
        at_once: feeds under way at once; more are refused.
    """

    def __init__(
        self,
        postgres: Postgres,
        tokens: FeedTokens,
        *,
        page: int = PAGE_ITEMS,
        most_s: float = FEED_MOST_S,
        at_once: int = FEEDS_AT_ONCE,
    ) -> None:
        self._postgres = postgres
        self._tokens = tokens
        self._page_items = page
        self._most_s = most_s
        self._at_once = at_once
        self._reading = asyncio.Semaphore(PAGES_AT_ONCE)
        self._ends: dict[object, float] = {}  # when each feed under way has to be out

    async def address(self, channel_id: str) -> FeedAddress:
        """Return where a channel's feed is to be had.

        Raises:
            NotFoundError: ``unknown_feed`` - there is no such channel, or it is no feed.
        """
        settings, _ = await self._find(channel_id)
        return FeedAddress(token=self._tokens.of(channel_id), extension=settings.file.extension)

    async def settings(self, channel_id: str, token: str) -> FeedSettings:
        """Return how a feed is set up, to who knows its token; a wrong one never reaches Postgres.

        Raises:
            NotFoundError: the token is wrong, or there is no such feed.
            FeedPausedError: it is not to be had now.
        """
        if not self._tokens.fits(channel_id, token):
            raise _unknown()
        settings, active = await self._find(channel_id)
        if not active:
            raise FeedPausedError("the channel is paused; keep what you have")
        return settings

    async def stream(self, channel_id: str, settings: FeedSettings) -> AsyncGenerator[bytes, None]:
        """Yield the file, a page of lines at a time, in the order of SKUs; a SKU without a level is out of stock.

        A stream raises ``FeedsBusyError`` at its start, and in the middle ``FeedCutError`` or, when the server is lost,
        ``UnavailableError``: whoever passes it on must not end it as if it were whole, for what is missing in a feed
        is taken for gone.
        """
        clock = asyncio.get_running_loop().time
        # A feed whose reader stands still does not keep its place longer than it may take.
        self._ends = {feed: end for feed, end in self._ends.items() if end > clock()}
        if len(self._ends) >= self._at_once:
            raise FeedsBusyError("other feeds are under way; try again in a moment")
        feed, end = object(), clock() + self._most_s
        self._ends[feed] = end
        try:
            items = await self._page(channel_id, after="")
            yield feed_header(settings) + feed_lines(settings, items)
            while len(items) == self._page_items:
                if clock() > end:
                    raise FeedCutError(f"the feed was cut off after {self._most_s:g} seconds")
                items = await self._page(channel_id, after=items[-1].sku)
                yield feed_lines(settings, items)
            await self._check_still_there(channel_id)
        finally:
            self._ends.pop(feed, None)

    async def _find(self, channel_id: str) -> tuple[FeedSettings, bool]:
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.feed, channel_id, FED)
        if row is None:
            raise _unknown()
        return msgspec.json.decode(row["settings"], type=FeedSettings), row["active"]

    async def _page(self, channel_id: str, *, after: str) -> Sequence[FeedItem]:
        async with self._reading, self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.page, channel_id, after, self._page_items)
        return [_item(row) for row in rows]

    async def _check_still_there(self, channel_id: str) -> None:
        """The levels of a channel that was removed are gone, and its rows said "out of stock" without cause."""
        try:
            _, active = await self._find(channel_id)
        except NotFoundError:
            active = False
        if not active:
            raise FeedCutError("the channel was paused or removed meanwhile")


def _item(row: Record) -> FeedItem:
    return FeedItem(
        sku=row["sku"],
        product_id=row["product_id"],
        product_key=row["product_key"],
        product_title=row["product_title"],
        variant_title=row["variant_title"],
        description=row["description"],
        image=row["image"],
        vendor=row["vendor"],
        price=Money(row["price_amount"], row["price_currency"]),
        level=row["level"],
    )


def _unknown() -> NotFoundError:
    return NotFoundError("there is no such feed", code="unknown_feed")
