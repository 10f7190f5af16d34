"""Calls to a shop's Admin API (GraphQL), made with access that has not ended.

An app has access in one of three ways: with a token that does not end; with one that ends and is asked for anew with
the app's id and secret; or with one that ends and is renewed with a refresh token, which changes each time.

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens
"""

from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

from inventory.channels.access import Access, RenewedAccess
from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.channel import ChannelConfig, ChannelDownError, ChannelGoneError, SaveSecrets
from inventory.channels.unreadable import decoded

API_VERSION: Final = "2026-07"
"""From 2026-04 a change of a quantity has to name the one it starts from, and a version lives for a year."""

TOKEN_MARGIN_S: Final = 600
"""Access is renewed so many seconds before its end; it lasts for a day, or for an hour where there is a refresh
token."""

_GRAPHQL: Final = f"/admin/api/{API_VERSION}/graphql.json"
_RENEW: Final = "/admin/oauth/access_token"
_ENDED: Final = 401
_GONE: Final = {
    _ENDED: "the access token is not valid (any more): install the app again and set the channel up with its new token",
    402: "the shop is frozen for an unpaid bill: settle it in Shopify, then resume the channel",
    403: "access to the shop is forbidden: check the app's scopes and the shop's state, then resume the channel",
    404: "there is no such shop: check its name",
    423: "the shop is locked: ask Shopify's support, then resume the channel",
}


class _Tokens(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    expires_in: int
    refresh_token: str = ""

    def __repr__(self) -> str:
        """Without the tokens."""
        return f"_Tokens(expires_in={self.expires_in})"


class ShopifyCalls:
    """The calls of one shop; they may overlap.

    Args:
        config: the channel's; its access is renewed if it has ``client_id`` and ``client_secret``.
        save: stores its secrets.
        base_url: where shops are; ``{shop}`` stands for the setting.
        clock_ms: the wall clock, for the end of tokens.
    """

    def __init__(self, config: ChannelConfig, save: SaveSecrets, *, base_url: str, clock_ms: Callable[[], int]) -> None:
        self._calls = ChannelCalls(base_url.replace("{shop}", config.settings["shop"]))
        self._client_id = config.settings.get("client_id", "")
        self._client_secret = config.secrets.get("client_secret", "")
        self._token = config.secrets.get("access_token", "")
        self._clock_ms = clock_ms
        secrets = {"access_token": "", "refresh_token": "", "access_token_expires_at": "0", **config.secrets}
        self._access = (
            RenewedAccess(secrets, save, self._renew, margin_s=TOKEN_MARGIN_S, clock_ms=clock_ms)
            if self._client_id and self._client_secret
            else None
        )

    async def run(self, query: str, variables: Mapping[str, object]) -> bytes:
        """Run a query or a mutation; once more with new access if the first had ended.

        Returns:
            The body of an answer with status 200; it may still tell of errors.

        Raises:
            ChannelDownError, ChannelGoneError: as ``Channel.tell``.
        """
        body = msgspec.json.encode({"query": query, "variables": variables})
        token = await self._good_token()
        reply = await self._send(body, token)
        if reply.status == _ENDED and self._access is not None:
            reply = await self._send(body, await self._access.renewed(token))
        if reply.status in _GONE:
            raise ChannelGoneError(f"Shopify answered {reply.status}: {_GONE[reply.status]}")
        if reply.status != 200:
            raise ChannelDownError(f"Shopify answered {reply.status}")
        return reply.body

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()

    async def _send(self, body: bytes, token: str) -> Reply:
        headers = {"content-type": "application/json", "x-shopify-access-token": token}
        return await self._calls.call("POST", _GRAPHQL, headers=headers, body=body)

    async def _good_token(self) -> str:
        return self._token if self._access is None else await self._access.token()

    async def _renew(self, refresh_token: str) -> Access:
        form = {"client_id": self._client_id, "client_secret": self._client_secret}
        if refresh_token:
            form |= {"grant_type": "refresh_token", "refresh_token": refresh_token}
        else:
            form |= {"grant_type": "client_credentials"}
        reply = await self._calls.call(
            "POST",
            _RENEW,
            headers={"content-type": "application/x-www-form-urlencoded", "accept": "application/json"},
            body=urlencode(form).encode(),
        )
        if reply.status >= 400:
            raise ChannelGoneError(
                f"Shopify answered {reply.status} and gives no access: check the app's client_id and client_secret, and"
                " that it is installed in the shop; then set the channel up anew"
            )
        tokens = decoded(reply.body, _Tokens, "Shopify's new access")
        return Access(
            access_token=tokens.access_token,
            refresh_token=tokens.refresh_token or refresh_token,
            expires_at_s=self._clock_ms() // 1000 + tokens.expires_in,
        )
