"""Calls to TikTok Shop: signed, and made with access that has not ended."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec

from inventory.channels.access import Access, RenewedAccess
from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.channel import ChannelConfig, ChannelDownError, ChannelGoneError, SaveSecrets
from inventory.channels.tiktok.answers import (
    ACCESS_ENDED,
    OK,
    About,
    Renewed,
    Said,
    raise_for_call,
    raise_for_renewal,
    sentence,
)
from inventory.channels.tiktok.signing import sign
from inventory.channels.unreadable import decoded

TOKEN_MARGIN_S: Final = 60 * 60
"""Access lasts about seven days and is renewed so many seconds before its end: an hour's outage of TikTok's
authorisation server stops nothing."""

_REFRESH: Final = "/api/v2/token/refresh"
_Said_ = TypeVar("_Said_", bound=Said)


class TikTokCalls:
    """The calls of one shop; they may overlap.

    Args:
        config: the channel's.
        save: stores its secrets.
        base_url: of the API.
        auth_url: of the authorisation server.
        clock_ms: the wall clock, for signatures and the end of tokens.
    """

    def __init__(
        self, config: ChannelConfig, save: SaveSecrets, *, base_url: str, auth_url: str, clock_ms: Callable[[], int]
    ) -> None:
        self._app_key = config.settings["app_key"]
        self._shop_cipher = config.settings["shop_cipher"]
        self._app_secret = config.secrets["app_secret"]
        self._clock_ms = clock_ms
        self._calls = ChannelCalls(base_url)
        self._auth_calls = ChannelCalls(auth_url)
        self._access = RenewedAccess(config.secrets, save, self._renew, margin_s=TOKEN_MARGIN_S, clock_ms=clock_ms)

    async def post(
        self,
        path: str,
        body: Mapping[str, object],
        form: type[_Said_],
        *,
        about: About,
        params: Mapping[str, str] | None = None,
    ) -> _Said_:
        """Make a call with a body; otherwise as ``get``."""
        return await self._call("POST", path, params or {}, msgspec.json.encode(body), form=form, about=about)

    async def get(self, path: str, params: Mapping[str, str], form: type[_Said_], *, about: About) -> _Said_:
        """Make a call; once more with new access if the first had ended.

        Returns:
            What TikTok said of what the call is about, success or not.

        Raises:
            ChannelDownError, ChannelGoneError: it said something of us.
        """
        return await self._call("GET", path, params, b"", form=form, about=about)

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()
        await self._auth_calls.close()

    async def _call(
        self, method: str, path: str, params: Mapping[str, str], body: bytes, *, form: type[_Said_], about: About
    ) -> _Said_:
        token = await self._access.token()
        said = self._read(await self._send(method, path, params, body, token), form)
        if said.code == ACCESS_ENDED:
            token = await self._access.renewed(token)
            said = self._read(await self._send(method, path, params, body, token), form)
            if said.code == ACCESS_ENDED:
                raise ChannelGoneError(
                    sentence("TikTok Shop does not take its own new access; authorise the app again", said)
                )
        raise_for_call(said, about)
        return said

    async def _send(self, method: str, path: str, params: Mapping[str, str], body: bytes, token: str) -> Reply:
        signed = {
            **params,
            "app_key": self._app_key,
            "shop_cipher": self._shop_cipher,
            "timestamp": str(self._clock_ms() // 1000),
        }
        signed["sign"] = sign(self._app_secret, path, signed, body)
        headers = {"content-type": "application/json", "x-tts-access-token": token}
        return await self._calls.call(method, path, params=signed, headers=headers, body=body or None)

    async def _renew(self, refresh_token: str) -> Access:
        params = {
            "app_key": self._app_key,
            "app_secret": self._app_secret,
            "refresh_token": refresh_token,
            "grant_type": "refresh_token",
        }
        said = self._read(await self._auth_calls.call("GET", _REFRESH, params=params), Renewed)
        raise_for_renewal(said)
        if said.data is None or not said.data.access_token or not said.data.refresh_token:
            raise ChannelDownError("TikTok Shop renewed the access and told no tokens")
        return Access(
            access_token=said.data.access_token,
            refresh_token=said.data.refresh_token,
            expires_at_s=said.data.access_token_expire_in,
        )

    def _read(self, reply: Reply, form: type[_Said_]) -> _Said_:
        """Read an answer; TikTok tells errors in the same form with any status.

        Raises:
            ChannelDownError: it is none; the message says what is missing.
        """
        whose = f"TikTok Shop's answer (status {reply.status})"
        said = decoded(reply.body, Said, whose)
        if said.code == OK:
            return decoded(reply.body, form, whose)
        # What stands in the data of a failure is of no form.
        return form(code=said.code, message=self._access.hide(said.message))
