"""A shop in order."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.stock_pg import StockLedger
from kit.postgres import Postgres
from kit.settings import Settings
from live.roles.stores import Place, Stores
from live.roles.worker import WorkerRole
from tests.integration.live.reconcile.sold_shop import Shop

CATALOGUE = Path(__file__).parents[3] / "fixtures" / "catalogue" / "shopify.csv"
SECRET = "a secret of at least thirty-two characters"


@pytest.fixture
async def shop(postgres: Postgres, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    settings = Settings(data_dir=tmp_path, database_url=database_url, redis_url=redis_url, secret=SECRET)
    place = Place(settings=settings, database_url=database_url, redis_url=redis_url, secret=SECRET)
    with CATALOGUE.open("rb") as file:
        await Catalogue(postgres).import_file(file, default_currency="EUR")
    sku = (await Catalogue(postgres).products(limit=1)).items[0].variants[0].sku
    stores = await Stores.open(place, "test", connections=4)
    made = Shop(settings, stores, sku)
    kinds = channel_kinds(SECRET, allow_private=True)
    created = await Channels(postgres, kinds, channel_vault(SECRET)).create(
        "webhook", name="shop", settings={"url": "http://127.0.0.1:9/levels"}
    )
    made.channel_id = created.channel_id
    await StockLedger(postgres).adjust(sku, 50, key="test", reason="enough for the offer")
    await made.open()
    await made.sell()
    worker = await WorkerRole.start(place, demo=True)
    try:
        await made.until_quiet()
    finally:
        await worker.stop()
    yield made
    await stores.close()
