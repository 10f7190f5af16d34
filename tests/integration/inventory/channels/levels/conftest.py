"""Twenty SKUs in stock, and a shelf that channels can be made for."""

import pytest

from inventory.channels.channel import Capabilities
from inventory.channels.channels_pg import Channels
from inventory.stock_pg import StockLedger
from kit.postgres import Postgres
from tests.integration.inventory.channels.shelf import VAULT, Shelf, stock_up


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(Capabilities(batch_size=7, calls_per_s=1000))


@pytest.fixture
def channels(postgres: Postgres, shelf: Shelf) -> Channels:
    return Channels(postgres, {"shelf": shelf}, VAULT)


@pytest.fixture(autouse=True)
async def stock(postgres: Postgres, ledger: StockLedger) -> None:
    await stock_up(postgres, ledger)
