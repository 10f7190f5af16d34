"""Links in Postgres: which of a channel's items is which SKU. Nobody guesses; what is not linked is listed."""

from collections.abc import Sequence
from pathlib import Path

from inventory.channels.channel import ChannelKind
from inventory.channels.channels_pg import hold_levels
from inventory.channels.known_pg import require_channel
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
        async with self._postgres.transaction() as connection:
            await hold_levels(connection)
            kind = await self._kind(connection, channel_id)
            skus, items = [one.sku for one in links], [one.item_id for one in links]
            known = {row["sku"] for row in await connection.fetch(_sql.known_skus, channel_id, skus)}
            before = {row["item_id"]: row["sku"] for row in await connection.fetch(_sql.taken_items, channel_id, items)}
            chosen, left_out = choose_links(links, kind, known, before)
            changed = [one for one in chosen if before.get(one.item_id) != one.sku]
            await connection.execute(_sql.let_go, channel_id, [one.sku for one in changed])
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
            await self._kind(connection, channel_id)
            status = await connection.execute(_sql.let_go, channel_id, skus)
        return int(status.rpartition(" ")[2])

    async def _kind(self, connection: Connection, channel_id: str) -> ChannelKind:
        name = await connection.fetchval(_sql.kind_of, channel_id)
        if name is None:
            await require_channel(connection, channel_id)
            raise InvalidError(
                "this channel calls its items as the SKUs are called; there is nothing to link", code="links_by_sku"
            )
        if name not in self._kinds:
            raise InvalidError(f"this version knows no channels of kind {name!r}", field="kind")
        return self._kinds[name]
