"""Calls to Meta's Graph API with one access token, each with the proof that it is ours."""

from collections.abc import Mapping
from typing import Final

from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.meta.answers import proof
from inventory.channels.meta.failures import Remedies, failure_in, is_absent

API_VERSION: Final = "v25.0"
"""Of the Graph API; one lives for two years."""


class MetaCalls:
    """Calls with one token.

    Args:
        pool: connections, which others may share; not closed here.
        access_token: whose permissions the calls have.
        app_secret: of the token's app.
        remedies: what staff read when a call may not be made.
    """

    def __init__(self, pool: ChannelCalls, *, access_token: str, app_secret: str, remedies: Remedies) -> None:
        self._pool = pool
        self._proof = proof(app_secret, access_token)
        self._secrets = (access_token, app_secret, self._proof)
        self._headers = {"authorization": f"Bearer {access_token}", "content-type": "application/json"}
        self._remedies = remedies

    async def call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> bytes:
        """Make a call; ``path`` starts behind the version.

        Raises:
            ChannelDownError: it failed for now; ``CallRefusedError`` and ``TooMuchDataError`` are such.
            ChannelGoneError: the token may not make it (any more).
        """
        reply = await self._send(method, path, params, body)
        if reply.status != 200:
            raise failure_in(reply.status, reply.headers, reply.body, self._secrets, self._remedies)
        return reply.body

    async def find(self, path: str, *, params: Mapping[str, str]) -> bytes | None:
        """Read an object; None if there is none. Raises as ``call``."""
        reply = await self._send("GET", path, params, None)
        if reply.status == 200:
            return reply.body
        if is_absent(reply.body):
            return None
        raise failure_in(reply.status, reply.headers, reply.body, self._secrets, self._remedies)

    async def _send(self, method: str, path: str, params: Mapping[str, str] | None, body: bytes | None) -> Reply:
        return await self._pool.call(
            method,
            f"/{API_VERSION}{path}",
            params={**(params or {}), "appsecret_proof": self._proof},
            headers=self._headers,
            body=body,
        )
