"""A channel's items in Postgres, and matching them: an item that is called exactly as a SKU is that SKU.

Only where that is beyond doubt: the SKU has no item yet, the item no SKU, and no other item has the name. All others
are listed for staff.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from inventory.channels.known_pg import require_channel
from inventory.channels.levels_pg import shown
from inventory.channels.limits import ITEM_ID_CHARS
from inventory.channels.links import Link, Linked
from inventory.channels.links_pg import Links
from inventory.channels.pages import require_page
from inventory.channels.publishing import ListedItem
from kit.clock import now_ms
from kit.errors import InvalidError
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "items.sql")


class UnlinkedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item of a channel that nobody has linked; ``seller_sku`` is what it is called over there, blank if nothing."""

    item_id: str
    seller_sku: str
    title: str


class UnlinkedPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some items in the order of their ids; ``next`` is the ``after`` of the following page, None on the last one."""

    items: list[UnlinkedItem]
    next: str | None


class ChannelItems:
    """The items of all channels that nobody has linked."""

    def __init__(self, postgres: Postgres, links: Links) -> None:
        self._postgres = postgres
        self._links = links

    async def ask_match(self, channel_id: str) -> None:
        """Let a channel's items be listed and matched; a worker does it.

        Raises:
            UnknownChannelError: there is no such channel.
            InvalidError: ``links_by_sku`` - this channel calls its items as we call our SKUs.
        """
        async with self._postgres.transaction() as connection:
            await require_channel(connection, channel_id)
            row = await connection.fetchrow(_sql.ask_match, channel_id)
            if row is not None and row["links_by_sku"]:
                raise InvalidError(
                    "this channel calls its items as the SKUs are called; there is nothing to match",
                    code="links_by_sku",
                )
            await connection.execute(_sql.wake)

    async def match_wanted(self, channel_id: str) -> int | None:
        """Return what to call ``matched`` with when the items are all put; None while nobody asks."""
        async with self._postgres.connection() as connection:
            wanted: int | None = await connection.fetchval(_sql.match_wanted, channel_id)
        return wanted

    async def put(self, channel_id: str, items: Sequence[ListedItem]) -> None:
        """Note items that the channel has."""
        known = {one.item_id: one for one in items if 0 < len(one.item_id) <= ITEM_ID_CHARS}
        async with self._postgres.connection() as connection:
            await connection.execute(
                _sql.put_items,
                channel_id,
                list(known),
                [shown(one.seller_sku) for one in known.values()],
                [shown(one.title) for one in known.values()],
                now_ms(),
            )

    async def matched(self, channel_id: str, wanted: int, *, since_ms: int) -> Linked:
        """Link what is beyond doubt, and forget items that were not put since a moment.

        Args:
            channel_id: whose.
            wanted: what ``match_wanted`` said.
            since_ms: when the listing began, milliseconds since the epoch.
        """
        async with self._postgres.transaction() as connection:
            await connection.execute(_sql.forget_unseen, channel_id, since_ms)
            rows = await connection.fetch(_sql.matching, channel_id)
        links = [Link(line=line, sku=row["sku"], item_id=row["item_id"]) for line, row in enumerate(rows, start=1)]
        linked = await self._links.link(channel_id, links)
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.forget_linked, channel_id)
            await connection.execute(_sql.match_done, channel_id, wanted)
        return linked

    async def page(self, channel_id: str, *, limit: int = 100, after: str | None = None) -> UnlinkedPage:
        """Return a page of a channel's items that are not linked.

        Raises:
            UnknownChannelError: there is no such channel.
            InvalidError: ``limit`` is not 1 to ``MAX_PAGE``.
        """
        require_page(limit)
        async with self._postgres.connection() as connection:
            await require_channel(connection, channel_id)
            rows = await connection.fetch(_sql.items, channel_id, after or "", limit + 1)
        items = [msgspec.convert(dict(row), UnlinkedItem) for row in rows[:limit]]
        return UnlinkedPage(items=items, next=items[-1].item_id if len(rows) > limit else None)
