"""A shop with stock, a channel to a fake of some kind, and the invariant that holds when all is quiet."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from inventory.channels.channels_pg import Channels, ChannelView
from inventory.channels.figures import ChannelFigures
from inventory.channels.leader_pg import Leadership
from inventory.channels.levels_pg import LevelItem, Levels
from inventory.channels.links import Link
from inventory.channels.links_pg import Links
from inventory.channels.rows import ChannelRows
from inventory.channels.sync import ChannelSync
from inventory.stock_pg import StockLedger
from kit.ids import new_ulid
from kit.metrics import new_registry
from kit.postgres import Postgres
from kit.tasks import Tasks
from tests.integration.inventory.channels.shelf import SKUS, VAULT, in_step, stock_up, view
from tests.integration.inventory.channels.shops import KINDS, SHOPS, Shop
from tests.serving import serving

LEASE_MS = 300

_LEDGER_SAYS = """
SELECT coalesce(item_id, levels.sku) AS item_id,
       CASE WHEN channels.switched_off OR levels.switched_off THEN 0
            ELSE greatest(0, units - coalesce(levels.safety_stock, channels.safety_stock)) END AS quantity
FROM channel_levels AS levels
JOIN channels USING (channel_id)
JOIN (SELECT sku, sum(on_hand_delta - ring_fenced_delta)::bigint AS units FROM movements GROUP BY sku) AS ledger
     USING (sku)
WHERE channel_id = $1 AND call_group IS NOT NULL
"""
"""From the movements themselves, not from any counter or level that is kept of them."""


async def assert_shown_is_what_the_ledger_says(
    postgres: Postgres, channel_id: str, shown: dict[str, int], *, availability: bool = False
) -> None:
    """Invariant 10: a channel shows ``max(0, on_hand - ring_fenced - safety)`` of every linked SKU."""
    async with postgres.connection() as connection:
        rows = await connection.fetch(_LEDGER_SAYS, channel_id)
    right = {row["item_id"]: row["quantity"] for row in rows}
    if availability:
        right = {item_id: int(quantity > 0) for item_id, quantity in right.items()}
    assert right, "nothing is linked"
    assert {item_id: shown.get(item_id) for item_id in right} == right


@contextlib.asynccontextmanager
async def working(postgres: Postgres, channels: Channels, name: str, url: str) -> AsyncIterator[None]:
    """A worker for channels of one kind, in this process."""
    kinds = {name: KINDS[name](url)}
    sync = ChannelSync(
        channels,
        ChannelRows.of(postgres, kinds, lease_ms=LEASE_MS),
        Leadership(postgres),
        kinds,
        ChannelFigures(new_registry()),
    )
    tasks = Tasks()
    tasks.forever("channels", sync.run)
    try:
        yield
    finally:
        await tasks.stop()


class Place:
    """A channel to a fake, on a real server; made by ``open_place``.

    Attributes:
        name: of the kind.
        url: of the fake.
    """

    def __init__(self, postgres: Postgres, name: str, shop: Shop, url: str) -> None:
        self.postgres = postgres
        self.name = name
        self.shop = shop
        self.url = url
        self.ledger = StockLedger(postgres)
        kinds = {name: KINDS[name](url)}
        self.channels = Channels(postgres, kinds, VAULT)
        self.links = Links(postgres, kinds)
        self.channel_id = ""

    def working(self) -> contextlib.AbstractAsyncContextManager[None]:
        """A worker in this process."""
        return working(self.postgres, self.channels, self.name, self.url)

    def item(self, sku: str) -> str:
        return self.shop.items.get(sku, sku)

    def shown(self, sku: str) -> int:
        """What a shopper sees of a SKU; 1 or 0 where only availability is known."""
        return self.shop.shown()[self.item(sku)]

    def as_shown(self, units: int) -> int:
        """What a shopper should see of so many units."""
        return min(units, 1) if self.shop.availability else units

    async def link(self, items: dict[str, str]) -> None:
        lines = [Link(line=at, sku=sku, item_id=item_id) for at, (sku, item_id) in enumerate(items.items(), 1)]
        linked = await self.links.link(self.channel_id, lines)
        assert not linked.left_out

    async def change(self, sku: str, units: int) -> None:
        await self.ledger.adjust(sku, units, key=new_ulid(), reason="test")

    async def view(self) -> ChannelView:
        return await view(self.channels, self.channel_id)

    async def level(self, sku: str) -> LevelItem:
        return next(one for one in (await Levels(self.postgres).page(self.channel_id)).items if one.sku == sku)

    async def error(self, sku: str) -> str:
        """Wait until a level was refused; return what staff is told."""
        for _ in range(1_000):
            if (said := (await self.level(sku)).last_error) is not None:
                return said
            await asyncio.sleep(0.01)
        return pytest.fail("it was not refused")

    async def comes_right(self) -> None:
        """Wait until nothing is left to be told; then invariant 10 has to hold."""
        await in_step(self.channels, self.channel_id)
        await assert_shown_is_what_the_ledger_says(
            self.postgres, self.channel_id, self.shop.shown(), availability=self.shop.availability
        )


@contextlib.asynccontextmanager
async def open_place(postgres: Postgres, name: str) -> AsyncIterator[Place]:
    """Twenty SKUs of ten units each, linked to a fake's items that show something else."""
    shop = SHOPS[name]()
    async with serving(Starlette(routes=[Mount("/", app=shop.mishaps)])) as url:
        place = Place(postgres, name, shop, url)
        await stock_up(postgres, place.ledger)
        created = await place.channels.create(name, name=name, settings=shop.settings, safety_stock=2)
        place.channel_id = created.channel_id
        if shop.items:
            await place.link({sku: shop.items[sku] for sku in SKUS})
        try:
            yield place
        finally:
            shop.mishaps.gate.set()
