"""Calls to one KakaoTalk Store: both keys go with each, and no answer repeats them."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.channel import Refused
from inventory.channels.kakao.answers import refusal

PRODUCT: Final = "/v1/store/product"


class KakaoCalls:
    """A connection to one store; its calls may overlap.

    Args:
        admin_key: the agency's.
        seller_key: the seller's.
        channel_ids: which of Kakao's shopping services are meant, with commas between.
        base_url: where the API is.
    """

    def __init__(self, admin_key: str, seller_key: str, channel_ids: str, *, base_url: str) -> None:
        self._keys = (admin_key, seller_key)
        self._headers = {
            "authorization": f"KakaoAK {admin_key}",
            "target-authorization": f"KakaoAK {seller_key}",
            "channel-ids": channel_ids,
        }
        self._calls = ChannelCalls(base_url)

    async def get(self, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """Ask for something.

        Raises:
            ChannelDownError: see ``ChannelCalls.call``.
        """
        return await self._calls.call("GET", path, params=params, headers=self._headers)

    async def form(self, path: str, fields: Mapping[str, str | bytes]) -> Reply:
        """Change something with a form. Raises as ``get``."""
        headers = {**self._headers, "content-type": "application/x-www-form-urlencoded"}
        return await self._calls.call("POST", path, headers=headers, body=urlencode(fields).encode())

    async def send(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Reply:
        """Change something with a JSON object, or nothing. Raises as ``get``."""
        content = None if body is None else msgspec.json.encode(body)
        headers = {**self._headers, "content-type": "application/json"}
        return await self._calls.call(method, path, headers=headers, body=content)

    def refusal(self, reply: Reply) -> Refused:
        """Return what a failed call means; see ``answers.refusal``."""
        return refusal(reply.status, reply.body, hide=self._keys)

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()
