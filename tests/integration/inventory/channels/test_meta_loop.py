"""The engine with a Meta catalogue that counts batches as the real one does."""

import asyncio

from inventory.channels.channels_pg import Channels
from inventory.channels.figures import ChannelFigures
from inventory.channels.leader_pg import Leadership
from inventory.channels.meta.channel_http import MetaKind
from inventory.channels.rows import ChannelRows
from inventory.channels.sync import ChannelSync
from inventory.stock_pg import StockLedger
from kit.metrics import new_registry
from kit.postgres import Postgres
from kit.tasks import Tasks
from tests.fakes.channels.meta import FakeMeta, Product
from tests.fakes.channels.troubles import Pace
from tests.integration.inventory.channels.shelf import SKUS, VAULT, in_step, stock_up
from tests.serving import serving

WITHIN_S = 6.0
"""For two batches, each with the second after which Meta is asked; spaced evenly, they are nine seconds apart."""


async def test_two_changes_after_a_rest_do_not_wait_for_each_others_pace(postgres: Postgres) -> None:
    ledger = StockLedger(postgres)
    await stock_up(postgres, ledger)
    meta = FakeMeta(pace=Pace(8, 60))
    meta.products = {sku: Product(title=sku, quantity=0) for sku in SKUS}
    given = {name: getattr(meta, name) for name in ("catalog_id", "access_token", "app_secret")}
    async with serving(meta.app) as url:
        kinds = {"meta": MetaKind(base_url=url)}
        channels = Channels(postgres, kinds, VAULT)
        channel_id = (await channels.create("meta", name="Shop", settings=given, safety_stock=0)).channel_id
        rows = ChannelRows.of(postgres, kinds)
        sync = Tasks()
        engine = ChannelSync(channels, rows, Leadership(postgres), kinds, ChannelFigures(new_registry()))
        sync.forever("channels", engine.run)
        try:
            async with asyncio.timeout(WITHIN_S):
                await in_step(channels, channel_id)
                await ledger.adjust(SKUS[0], -3, key="set aside", reason="an offer opens")
                await in_step(channels, channel_id)
        finally:
            await sync.stop()
    assert (meta.batches, meta.over_pace) == ([len(SKUS), 1], 0)
    assert [meta.products[sku].quantity for sku in SKUS[:2]] == [7, 10]
