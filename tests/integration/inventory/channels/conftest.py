from collections.abc import AsyncIterator

import pytest

from inventory.channels.kept_back_pg import KeptBack
from inventory.channels.levels_pg import Levels
from inventory.stock_pg import StockLedger
from kit.postgres import Postgres
from tests.integration.inventory.channels.merchant import Receiver
from tests.serving import serving_hooks


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving_hooks(receiver.take) as url:
        receiver.url = url
        yield receiver
        receiver.gate.set()


@pytest.fixture
def ledger(postgres: Postgres) -> StockLedger:
    return StockLedger(postgres)


@pytest.fixture
def rows(postgres: Postgres) -> Levels:
    return Levels(postgres, lease_ms=300)


@pytest.fixture
def kept_back(postgres: Postgres) -> KeptBack:
    return KeptBack(postgres)
