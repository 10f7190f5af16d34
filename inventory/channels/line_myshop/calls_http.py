"""Calls to one LINE MyShop: the key goes with each, and no answer repeats it."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec

from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.channel import Refused
from inventory.channels.line_myshop.answers import refusal

PRODUCTS: Final = "/myshop/v1/products"
INVENTORY: Final = "/myshop/v1/inventory"
ORDERS: Final = "/myshop/v1/orders"

PER_PAGE: Final = 100
"""Rows in one answer: LINE's limit."""


class MyshopCalls:
    """A connection to one shop; its calls may overlap.

    Args:
        api_key: of OA Plus, Settings, API keys.
        base_url: where the API is.
    """

    def __init__(self, api_key: str, *, base_url: str) -> None:
        self._api_key = api_key
        self._calls = ChannelCalls(base_url)

    async def get(self, path: str, **query: str | int | Sequence[str]) -> Reply:
        """Ask for something; a list is asked for by naming its parameter once for each entry.

        Raises:
            ChannelDownError: see ``ChannelCalls.call``.
        """
        asked = f"?{urlencode(query, doseq=True)}" if query else ""
        return await self._calls.call("GET", path + asked, headers={"x-api-key": self._api_key})

    async def send(self, method: str, path: str, body: Mapping[str, object]) -> Reply:
        """Change something. Raises as ``get``."""
        headers = {"x-api-key": self._api_key, "content-type": "application/json"}
        return await self._calls.call(method, path, headers=headers, body=msgspec.json.encode(body))

    def refusal(self, reply: Reply) -> Refused:
        """Return what a failed call means; see ``answers.refusal``."""
        return refusal(reply.status, reply.body, hide=self._api_key)

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()
