"""Calls to one WeChat shop: its access token, and what an answer says of us.

Access tokens last two hours and are asked for with the app's secret, so they are kept in memory and nothing is saved.
Several loops call at the same time: a token is asked for by one of them, and the others wait for it.
"""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.channel import ChannelDownError
from inventory.channels.hiding import hidden
from inventory.channels.wechat.answers import (
    ACCESS_ENDED,
    GONE,
    OK,
    SECRET_GONE,
    Form,
    TokenSaid,
    raise_for_us,
    read_answer,
    sentence,
)

TOKEN_MARGIN_MS: Final = 4 * 60_000
"""An access token is asked for again so long before its end: in its last five minutes WeChat gives out the next one,
and both are good until the first one ends."""

_ASK_ACCESS: Final = "/cgi-bin/stable_token"
_HEADERS: Final = {"content-type": "application/json"}


class WechatCalls:
    """A pool of connections to one shop.

    Args:
        base_url: of the API.
        appid: the app's.
        app_secret: the app's.
        clock_ms: the wall clock, for the end of tokens and of WeChat's day.
    """

    def __init__(self, *, base_url: str, appid: str, app_secret: str, clock_ms: Callable[[], int]) -> None:
        self._calls = ChannelCalls(base_url)
        self._appid = appid
        self._app_secret = app_secret
        self._clock_ms = clock_ms
        self._asking = asyncio.Lock()
        self._access = ""
        self._access_until_ms = 0

    async def post(
        self, path: str, body: Mapping[str, object], form: type[Form], *, params: Mapping[str, str] | None = None
    ) -> Form:
        """Make a call, and once more with a new access token if the first one has ended.

        Args:
            path: of the API.
            body: sent as JSON.
            form: of the answer.
            params: of the address, besides the token.

        Returns:
            What WeChat said of the matter, success or not.

        Raises:
            ChannelDownError, ChannelGoneError: it said something of us.
        """
        token = await self._token()
        said = await self._send(path, body, form, params, token)
        if said.errcode in ACCESS_ENDED:
            # Nothing was applied, so the same call may be made again.
            token = await self._token(ended=token)
            said = await self._send(path, body, form, params, token)
        if said.errcode in ACCESS_ENDED:
            if self._access == token:
                self._access = ""
            raise ChannelDownError(sentence("WeChat does not take the access token that it just gave", said))
        raise_for_us(said, now=self._now(), gone=GONE)
        return said

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()

    async def _send(
        self, path: str, body: Mapping[str, object], form: type[Form], params: Mapping[str, str] | None, token: str
    ) -> Form:
        query = {"access_token": token, **(params or {})}
        reply = await self._calls.call("POST", path, params=query, headers=_HEADERS, body=msgspec.json.encode(body))
        return self._read(reply, form, token)

    async def _token(self, *, ended: str = "") -> str:
        """Return an access token that has not ended, as far as we know; another than ``ended``."""
        async with self._asking:
            if self._access == ended:
                self._access = ""
            if self._access and self._clock_ms() < self._access_until_ms - TOKEN_MARGIN_MS:
                return self._access
            # Never with force_refresh: that would end the token of everybody else who calls for this shop.
            body = {"grant_type": "client_credential", "appid": self._appid, "secret": self._app_secret}
            asked_at_ms = self._clock_ms()
            reply = await self._calls.call("POST", _ASK_ACCESS, headers=_HEADERS, body=msgspec.json.encode(body))
            said = self._read(reply, TokenSaid, "")
            raise_for_us(said, now=self._now(), gone=SECRET_GONE)
            if said.errcode != OK or not said.access_token or said.expires_in <= 0:
                raise ChannelDownError(sentence("WeChat gave no access token", said))
            self._access = said.access_token
            self._access_until_ms = asked_at_ms + said.expires_in * 1000
            return self._access

    def _read(self, reply: Reply, form: type[Form], token: str) -> Form:
        said = read_answer(reply.status, reply.body, form)
        return msgspec.structs.replace(said, errmsg=hidden(said.errmsg, (self._app_secret, token)))

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock_ms() / 1000, UTC)
