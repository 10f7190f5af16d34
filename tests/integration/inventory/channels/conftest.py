from collections.abc import AsyncIterator

import pytest

from tests.integration.inventory.channels.merchant import Receiver
from tests.serving import serving_hooks


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving_hooks(receiver.take) as url:
        receiver.url = url
        yield receiver
        receiver.gate.set()
