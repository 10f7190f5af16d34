from collections.abc import AsyncIterator

import pytest

from kit.postgres import Postgres
from tests.integration.checkout.checkout_shop import Shop


@pytest.fixture
async def shop(postgres: Postgres, database_url: str) -> AsyncIterator[Shop]:
    """A shop on the test's own database."""
    shop = Shop(postgres, database_url)
    yield shop
    await shop.bank.close()
