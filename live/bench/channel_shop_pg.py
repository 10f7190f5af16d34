"""A shop in a throw-away database for the benchmarks of channels."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from inventory.channels.channel import Capabilities
from inventory.channels.channels_pg import Channels
from inventory.channels.links import Link
from inventory.channels.links_pg import Links
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.stock import Movement, adjust, receive
from inventory.stock_pg import StockLedger, record_movements
from kit.errors import UnavailableError
from kit.ids import new_ulid
from kit.postgres import Postgres
from kit.sql import Queries
from live.bench.channel_limits import SOLD_OUT_EVERY, UNITS, VARIANTS

SECRET: Final = "a secret of the benchmark, which seals nothing that matters"  # noqa: S105 - of fakes on loopback

_sql = Queries(Path(__file__).parent / "sql" / "channels.sql")


class ChannelShop:
    """Goods, and the channels that sell them.

    Args:
        base_urls: where each kind of channel is played.

    Attributes:
        skus: all of them, after ``fill``.
    """

    def __init__(self, postgres: Postgres, base_urls: Mapping[str, str]) -> None:
        self._postgres = postgres
        self._kinds = channel_kinds(SECRET, allow_private=True, base_urls=base_urls)
        self._vault = channel_vault(SECRET)
        self._ledger = StockLedger(postgres)
        self._links = Links(postgres, self._kinds)
        self.channels = Channels(postgres, self._kinds, self._vault)
        self.skus: list[str] = []

    async def fill(self, count: int) -> None:
        """Have ``count`` SKUs, ``UNITS`` of each, and no channel; goods of an earlier run are kept."""
        for channel in await self.channels.list():
            await self.channels.remove(channel.channel_id)
        self.skus = [f"BENCH-{number:05}" for number in range(count)]
        async with self._postgres.transaction() as connection:
            units = {row["sku"]: row["units"] for row in await connection.fetch(_sql.ledger)}
            new = [sku for sku in self.skus if sku not in units]
            of = [f"bench_{int(sku.rpartition('-')[2]) // VARIANTS}" for sku in new]
            await connection.execute(_sql.products, sorted(set(of)))
            await connection.execute(_sql.variants, new, of)
            await connection.execute(_sql.stock, new)
            missing = {sku: UNITS - units.get(sku, 0) for sku in self.skus}
            await record_movements(
                connection,
                [receive(sku, more, key=new_ulid(), reason="benchmark") for sku, more in missing.items() if more],
            )

    async def connect(self, kind: str, settings: Mapping[str, str], items: Mapping[str, str]) -> str:
        """Set a channel up and return its id.

        Args:
            kind: of channel.
            settings: of it.
            items: its item of each SKU; empty for a kind that goes by SKU.
        """
        created = await self.channels.create(kind, name=f"{kind} of the benchmark", settings=settings)
        if items:
            links = [Link(line=at, sku=sku, item_id=item_id) for at, (sku, item_id) in enumerate(items.items(), 1)]
            linked = await self._links.link(created.channel_id, links)
            if linked.left_out:
                raise RuntimeError(f"{kind}: {linked.left_out[0].reason}")
        return created.channel_id

    async def begin(self, speed: int) -> None:
        """Let every channel be in step, and the clock of Postgres run ``speed`` times as fast; see the limits."""
        async with self._postgres.connection() as connection:
            await connection.execute({10: _sql.clock_10_times, 60: _sql.clock_60_times}[speed])
            await connection.execute(_sql.in_step)
            await connection.execute(_sql.tidy)

    async def end(self) -> None:
        """Let the clock of Postgres run as it does elsewhere."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.clock_as_it_is)

    async def is_led(self) -> bool:
        """Whether a worker has the lead."""
        async with self._postgres.connection() as connection:
            return bool(await connection.fetchval(_sql.is_led))

    async def sell_everywhere(self) -> int:
        """Sell of every SKU at once, and all of some; return how many sold out."""
        sold: list[Movement] = []
        out = 0
        for number, sku in enumerate(self.skus):
            is_out = number % SOLD_OUT_EVERY == 0
            units = UNITS if is_out else 1 + number % 7
            out += is_out
            sold.append(adjust(sku, -units, key=new_ulid(), reason="benchmark"))
        async with self._postgres.transaction() as connection:
            await record_movements(connection, sold)
        return out

    async def sell(self, sku: str) -> int:
        """Sell one unit; return how many are left."""
        return (await self._ledger.adjust(sku, -1, key=new_ulid(), reason="benchmark")).available

    async def behind(self, channel_ids: Sequence[str]) -> int:
        """Return how many levels these channels have still to be told."""
        async with self._postgres.connection() as connection:
            return int(await connection.fetchval(_sql.behind, channel_ids))

    async def ledger(self) -> dict[str, int]:
        """Return what there is of each SKU, by the movements themselves."""
        async with self._postgres.connection() as connection:
            return {row["sku"]: row["units"] for row in await connection.fetch(_sql.ledger)}

    async def capabilities(self, channel_id: str) -> Capabilities:
        """Return what a channel can take."""
        config = (await self.channels.active())[channel_id]
        channel = self._kinds[config.kind].open(config, _save_nothing)
        await channel.close()
        return channel.capabilities

    def groups(self, kind: str, items: Mapping[str, str]) -> list[int]:
        """Return how many SKUs each group of a channel has that may share calls."""
        group_of = self._kinds[kind].group_of
        groups = sorted(group_of(items.get(sku, sku)) for sku in self.skus)
        return [len(list(members)) for _, members in itertools.groupby(groups)]


async def _save_nothing(secrets: Mapping[str, str]) -> None:
    raise UnavailableError(f"the benchmark calls nobody, and saves none of {len(secrets)} secrets")
