"""A market that is connected, and the loops that work on its orders."""

from collections.abc import AsyncIterator

import pytest

from kit.postgres import Postgres
from tests.integration.inventory.channels.orders.market import Market
from tests.integration.inventory.channels.shelf import start_sync
from tests.integration.inventory.channels.shop import Shop


@pytest.fixture
async def market(postgres: Postgres) -> Market:
    market = Market(postgres, Shop())
    await market.connect()
    return market


@pytest.fixture
async def running(market: Market, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    monkeypatch.setattr("inventory.channels.orders_loop.MISSING_EVERY_S", 0.05)
    tasks = start_sync(market.postgres, market.channels, market.shop)
    yield
    await tasks.stop()
