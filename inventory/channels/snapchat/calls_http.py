"""Calls to Snapchat's Marketing API with access that is renewed.

An access token lasts half an hour or an hour; the refresh token stays good unless Snapchat replaces it. A replaced one
is saved before anything is called with its access token (``access.py``).
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import msgspec

from inventory.channels.access import Access, RenewedAccess
from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.channel import ChannelDownError, ChannelGoneError, SaveSecrets
from inventory.channels.hiding import hidden
from inventory.channels.snapchat.answers import Tokens, read_answer, sentence

TOKEN_MARGIN_S: Final = 300
"""Access is renewed so many seconds before its end; calls are few, and take seconds."""

_RENEW: Final = "/access_token"


class SnapchatCalls:
    """Calls for one catalogue.

    Args:
        client_id: of the merchant's app.
        secrets: ``client_secret``, and those of ``RenewedAccess``.
        save: stores renewed access.
        feed_token: the token in the feed's address, which must not be repeated to anybody either.
        base_url: of the API, with its version.
        auth_url: where access is renewed.
        clock_ms: the wall clock.
    """

    def __init__(
        self,
        client_id: str,
        secrets: Mapping[str, str],
        save: SaveSecrets,
        *,
        feed_token: str,
        base_url: str,
        auth_url: str,
        clock_ms: Callable[[], int],
    ) -> None:
        self._client_id = client_id
        self._client_secret = secrets["client_secret"]
        self._feed_token = feed_token
        self._clock_ms = clock_ms
        self._pool = ChannelCalls(base_url)
        self._auth_pool = ChannelCalls(auth_url)
        self._access = RenewedAccess(secrets, save, self._renew, margin_s=TOKEN_MARGIN_S, clock_ms=clock_ms)

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Reply:
        """Make a call, and once more with a new access token if Snapchat does not take the first one.

        Raises:
            ChannelDownError: no answer.
            ChannelGoneError: there is no access any more, or not to this catalogue.
        """
        content = None if body is None else msgspec.json.encode(body)
        token = await self._access.token()
        reply = await self._send(method, path, params, content, token)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            reply = await self._send(method, path, params, content, await self._access.renewed(token))
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise ChannelGoneError(self.said("Snapchat takes no access token of this app; authorise it again", reply))
        if reply.status == HTTPStatus.FORBIDDEN:
            what = "the app may not change this catalogue; authorise it as an admin of the organisation"
            raise ChannelGoneError(self.said(what, reply))
        if reply.status == HTTPStatus.NOT_FOUND:
            raise ChannelGoneError("Snapchat has no such catalogue; check catalog_id")
        return reply

    def said(self, what: str, reply: Reply) -> str:
        """Return a sentence with what an answer says, without our secrets, should it repeat them."""
        text = self._access.hide(reply.body.decode(errors="replace"))
        return sentence(what, hidden(text, [self._feed_token]))

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()
        await self._auth_pool.close()

    async def _send(
        self, method: str, path: str, params: Mapping[str, str] | None, content: bytes | None, access_token: str
    ) -> Reply:
        headers = {"authorization": f"Bearer {access_token}"}
        if content is not None:
            headers["content-type"] = "application/json"
        return await self._pool.call(method, path, params=params, headers=headers, body=content)

    async def _renew(self, refresh_token: str) -> Access:
        """Ask for new access.

        Raises:
            ChannelDownError: no answer.
            ChannelGoneError: the refresh token was taken back, or the app's secret was changed.
        """
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self._client_id,
            "client_secret": self._client_secret,
        }
        asked_at_s = self._clock_ms() // 1000
        headers = {"content-type": "application/x-www-form-urlencoded"}
        reply = await self._auth_pool.call("POST", _RENEW, headers=headers, body=urlencode(form).encode())
        if reply.status in {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            what = "Snapchat does not renew the access of this app; authorise it again"
            raise ChannelGoneError(self.said(what, reply))
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(f"POST {_RENEW}: answered {reply.status}")
        tokens = read_answer(reply.body, Tokens)
        if not tokens.access_token:
            raise ChannelDownError("Snapchat renewed the access and told no token")
        return Access(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or refresh_token,
            expires_at_s=asked_at_s + tokens.expires_in,
        )
