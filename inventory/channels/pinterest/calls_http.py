"""Calls to Pinterest's API with access that is renewed.

Access tokens last a month and are renewed with a refresh token, which may be replaced each time. A replaced token that
was lost would lock the merchant out, so it is saved before anything is called with its access token (``access.py``).
"""

import base64
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import msgspec

from inventory.channels.access import Access, RenewedAccess
from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.channel import ChannelConfig, ChannelDownError, ChannelGoneError, SaveSecrets
from inventory.channels.pinterest.answers import Fault, Tokens, fault_of, read_answer, sentence

TOKEN_MARGIN_S: Final = 24 * 3_600
"""Access lasts about a month and is renewed so many seconds before its end: a day without renewing stops nothing."""

_RENEW: Final = "/oauth/token"


class PinterestCalls:
    """Calls for one catalogue.

    Args:
        config: of the channel.
        save: stores renewed access.
        base_url: of the API, with its version.
        clock_ms: the wall clock.
    """

    def __init__(self, config: ChannelConfig, save: SaveSecrets, *, base_url: str, clock_ms: Callable[[], int]) -> None:
        self._client_id = config.settings["client_id"]
        self._client_secret = config.secrets["client_secret"]
        self._clock_ms = clock_ms
        self._pool = ChannelCalls(base_url)
        self._access = RenewedAccess(config.secrets, save, self._renew, margin_s=TOKEN_MARGIN_S, clock_ms=clock_ms)

    async def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Reply:
        """Make a call, and once more with a new access token if Pinterest does not take the first one.

        Raises:
            ChannelDownError: no answer.
            ChannelGoneError: there is no access any more, or not to this catalogue.
        """
        content = None if body is None else msgspec.json.encode(body)
        token = await self._access.token()
        reply = await self._send(method, path, content, token)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            reply = await self._send(method, path, content, await self._access.renewed(token))
        if reply.status == HTTPStatus.UNAUTHORIZED:
            what = "Pinterest takes no access token of this app; authorise it again"
            raise ChannelGoneError(sentence(what, self.fault(reply)))
        if reply.status == HTTPStatus.FORBIDDEN:
            what = "the app may not read and write this catalogue; authorise it with catalogs:read and catalogs:write"
            raise ChannelGoneError(sentence(what, self.fault(reply)))
        return reply

    def fault(self, reply: Reply) -> Fault:
        """Read why a call was refused, without our secrets, should it repeat them."""
        return fault_of(self._access.hide(reply.body.decode(errors="replace")).encode())

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def _send(self, method: str, path: str, content: bytes | None, access_token: str) -> Reply:
        headers = {"authorization": f"Bearer {access_token}"}
        if content is not None:
            headers["content-type"] = "application/json"
        return await self._pool.call(method, path, headers=headers, body=content)

    async def _renew(self, refresh_token: str) -> Access:
        """Ask for new access.

        Raises:
            ChannelDownError: no answer.
            ChannelGoneError: the refresh token has ended, or the app's secret was changed.
        """
        pair = f"{self._client_id}:{self._client_secret}"
        headers = {
            "authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
            "content-type": "application/x-www-form-urlencoded",
        }
        body = urlencode({"grant_type": "refresh_token", "refresh_token": refresh_token})
        asked_at_s = self._clock_ms() // 1000
        reply = await self._pool.call("POST", _RENEW, headers=headers, body=body.encode())
        if reply.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            what = "Pinterest does not renew the access of this app; authorise it again"
            raise ChannelGoneError(sentence(what, self.fault(reply)))
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(f"POST {_RENEW}: answered {reply.status}")
        tokens = read_answer(reply.body, Tokens)
        if not tokens.access_token:
            raise ChannelDownError("Pinterest renewed the access and told no token")
        return Access(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or refresh_token,
            expires_at_s=asked_at_s + tokens.expires_in,
        )
