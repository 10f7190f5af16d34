"""What a channel keeps back of what there is: its safety stock, and all of what is switched off."""

from collections.abc import Sequence
from pathlib import Path

from inventory.channels.channel import UnknownChannelError
from inventory.channels.known_pg import require_changed
from inventory.channels.levelling_pg import hold_levels, level_again
from kit.errors import InvalidError, NotFoundError
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "kept_back.sql")


class KeptBack:
    """What staff let channels keep back; every change levels them again at once."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def set_safety_stock(self, channel_id: str, units: int) -> None:
        """Change the units that this channel never shows, and all its levels with it.

        Raises:
            NotFoundError: ``unknown_channel``.
            InvalidError: ``units`` is negative.
        """
        check_safety_stock(units)
        async with self._postgres.transaction() as connection:
            await hold_levels(connection)
            require_changed(channel_id, await connection.execute(_sql.set_safety_stock, channel_id, units))
            await level_again(connection, [channel_id])

    async def set_safety_stock_of(self, channel_id: str, sku: str, units: int | None) -> None:
        """Change the units of one SKU that this channel never shows; None: as many as of every other.

        Raises:
            NotFoundError: ``unknown_sku`` - the channel has no level of it.
            InvalidError: ``units`` is negative.
        """
        check_safety_stock(units or 0)
        async with self._postgres.transaction() as connection:
            await hold_levels(connection)
            if (await connection.execute(_sql.set_safety_stock_of, channel_id, sku, units)).endswith(" 0"):
                raise NotFoundError(
                    f"channel {channel_id!r} has no level of {sku!r}", code="unknown_sku", details={"field": "sku"}
                )
            await level_again(connection, [channel_id])

    async def switch(
        self, *, off: bool, channel_ids: Sequence[str] | None = None, skus: Sequence[str] | None = None
    ) -> list[str]:
        """Let channels show 0, or again what there is.

        Args:
            off: show 0.
            channel_ids: which; None: all, those that are set up later not.
            skus: of what; None: of everything, also of SKUs that come later. A SKU that was switched off by itself
                stays so when its channel is switched on.

        Returns:
            The channels that were switched.

        Raises:
            UnknownChannelError: one of ``channel_ids`` is none; nothing is switched.
            NotFoundError: ``unknown_sku`` - one of ``skus`` is none; nothing is switched.
        """
        async with self._postgres.transaction() as connection:
            await hold_levels(connection)
            known = [row["channel_id"] for row in await connection.fetch(_sql.every_id)]
            ids = known if channel_ids is None else channel_ids
            for unknown in set(ids).difference(known):
                raise UnknownChannelError(unknown)
            if skus is None:
                ids = [row["channel_id"] for row in await connection.fetch(_sql.switch, ids, off)]
            else:
                found = {row["sku"] for row in await connection.fetch(_sql.known_skus, ids, skus)}
                for missing in sorted(set(skus) - found):
                    raise NotFoundError(
                        f"no channel has a level of {missing!r}", code="unknown_sku", details={"field": "skus"}
                    )
                await connection.execute(_sql.switch_skus, ids, skus, off)
            await level_again(connection, ids)
        return list(ids)


def check_safety_stock(units: int) -> None:
    """Return if a channel can keep back so many units.

    Raises:
        InvalidError: it cannot.
    """
    if not 0 <= units < 1 << 31:
        raise InvalidError("safety_stock must be 0 or more", field="safety_stock")
