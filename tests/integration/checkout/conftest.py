from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from kit.postgres import Postgres
from tests.integration.checkout.checkout_shop import Shop
from tests.integration.checkout.shop_with_book import BookedShop


@pytest.fixture
async def shop(postgres: Postgres, database_url: str) -> AsyncIterator[Shop]:
    """A shop on the test's own database."""
    shop = Shop(postgres, database_url)
    yield shop
    await shop.bank.close()


@pytest.fixture
async def booked(postgres: Postgres, database_url: str, redis: Redis) -> AsyncIterator[BookedShop]:
    """A shop whose holds are in Redis."""
    shop = BookedShop(postgres, database_url, redis)
    yield shop
    await shop.submitter.close()
    await shop.bank.close()
