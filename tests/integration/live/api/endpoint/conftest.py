"""The small endpoints, and a client of them."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.integration.live.api.api_client import Serve
from tests.integration.live.api.endpoint.things import Things


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
async def client(serve: Serve, things: Things) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(things.endpoints()) as client:
        yield client
