"""Links in Postgres: which of a channel's items is which SKU. Nobody guesses; what is not linked is listed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from inventory.channels.channel import ChannelKind, NamesItems, UnknownChannelError
from inventory.channels.levelling_pg import hold_levels
from inventory.channels.limits import FEW_LINKS, WRITE_BACK_PAUSE_S, WRITE_BACK_TRIES
from inventory.channels.links import Link, Linked, choose_links
from inventory.channels.registry import Registry
from kit.errors import InvalidError
from kit.postgres import Connection, Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "links.sql")


class Links:
    """The links of all channels."""

    def __init__(self, postgres: Postgres, kinds: Registry) -> None:
        self._postgres = postgres
        self._kinds = kinds

    async def link(self, channel_id: str, links: Sequence[Link]) -> Linked:
        """Link SKUs to items, each in place of the link it had. Linking the same again changes nothing.

        A line is left out when its SKU is unknown, its item id is not of the channel's form, or an earlier line or
        another SKU has the item.

        Raises:
            NotFoundError: ``unknown_channel``.
            InvalidError: ``links_by_sku`` - this channel calls its items as we call our SKUs.
        """
        if len(links) <= FEW_LINKS:
            for _ in range(WRITE_BACK_TRIES):
                async with self._postgres.transaction() as connection:
                    # Whoever waits for a row while holding others can wait for a sale that waits for them.
                    rows = await connection.fetch(_sql.lock_free, channel_id, [one.sku for one in links])
                    if all(row["locked"] for row in rows):
                        return await self._link(connection, channel_id, links)
                await asyncio.sleep(WRITE_BACK_PAUSE_S)
        async with self._postgres.transaction() as connection:
            await hold_levels(connection)
            return await self._link(connection, channel_id, links)

    async def _link(self, connection: Connection, channel_id: str, links: Sequence[Link]) -> Linked:
        kind, by_sku = await self._kind(connection, channel_id)
        skus, items = [one.sku for one in links], [one.item_id for one in links]
        known = {row["sku"] for row in await connection.fetch(_sql.known_skus, channel_id, skus)}
        taken = await connection.fetch(_sql.taken_items, channel_id, items, by_sku)
        before = {row["item_id"]: row["sku"] for row in taken}
        chosen, left_out = choose_links(links, kind, known, before)
        changed = [one for one in chosen if before.get(one.item_id) != one.sku]
        await connection.execute(_sql.let_go, channel_id, [one.sku for one in changed], by_sku)
        await connection.execute(
            _sql.link,
            channel_id,
            [one.sku for one in changed],
            [one.item_id for one in changed],
            [kind.group_of(one.item_id) for one in changed],
        )
        await connection.execute(_sql.forget_items, channel_id, [one.item_id for one in changed])
        await connection.execute(_sql.wake)
        return Linked(linked=len(chosen), left_out=left_out)

    async def unlink(self, channel_id: str, skus: Sequence[str]) -> int:
        """Let SKUs go; the channel keeps showing what it was told last. Returns how many were linked.

        Raises:
            NotFoundError, InvalidError: as ``link`` does.
        """
        async with self._postgres.transaction() as connection:
            await hold_levels(connection)
            _, by_sku = await self._kind(connection, channel_id)
            status = await connection.execute(_sql.unlink, channel_id, skus, by_sku)
            await connection.execute(_sql.wake)
        return int(status.rpartition(" ")[2])

    async def _kind(self, connection: Connection, channel_id: str) -> tuple[ChannelKind, bool]:
        """Return a channel's kind, and whether its items are called as our SKUs are unless a link says otherwise."""
        row = await connection.fetchrow(_sql.kind_of, channel_id)
        if row is None:
            raise UnknownChannelError(channel_id)
        if row["kind"] not in self._kinds:
            raise InvalidError(f"this version knows no channels of kind {row['kind']!r}", field="kind")
        kind = self._kinds[row["kind"]]
        if row["links_by_sku"] and not isinstance(kind, NamesItems):
            raise InvalidError(
                "this channel calls its items as the SKUs are called; there is nothing to link", code="links_by_sku"
            )
        return kind, row["links_by_sku"]
