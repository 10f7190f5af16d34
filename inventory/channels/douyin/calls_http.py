"""Calls to one shop of Douyin: signed, with access that is renewed, and what an answer says of us."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from inventory.channels.access import Access, RenewedAccess
from inventory.channels.calls_http import ChannelCalls
from inventory.channels.channel import ChannelConfig, ChannelDownError, ChannelGoneError, SaveSecrets
from inventory.channels.douyin.answers import (
    OK,
    PARTLY,
    Renewed,
    Said,
    is_access_ended,
    raise_for_call,
    raise_for_renewal,
    sentence,
)
from inventory.channels.douyin.signing import METHOD, VERSION, param_json, sign
from inventory.channels.unreadable import decoded

TOKEN_MARGIN_S: Final = 30 * 60
"""Access lasts about seven days and is renewed so many seconds before its end: earlier than an hour before it Douyin
gives the same token again, and after its end it is too late."""

_REFRESH: Final = "/token/refresh"
_HEADERS: Final = {"content-type": "application/json", "x-open-no-old-err-code": "1"}
_Said_ = TypeVar("_Said_", bound=Said)


class DouyinCalls:
    """A pool of connections to one shop; several loops call at the same time.

    Args:
        config: of the channel.
        save: stores renewed secrets.
        base_url: of the API.
        clock_ms: the wall clock, for signatures and the end of tokens.
    """

    def __init__(self, config: ChannelConfig, save: SaveSecrets, *, base_url: str, clock_ms: Callable[[], int]) -> None:
        self._app_key = config.settings["app_key"]
        self._shop_id = int(config.settings["shop_id"])
        self._app_secret = config.secrets["app_secret"]
        self._clock_ms = clock_ms
        self._calls = ChannelCalls(base_url)
        self._access = RenewedAccess(config.secrets, save, self._renew, margin_s=TOKEN_MARGIN_S, clock_ms=clock_ms)

    async def post(self, path: str, params: Mapping[str, object], form: type[_Said_]) -> _Said_:
        """Make a call; once more with new access if the first had ended.

        Returns:
            What Douyin said of the matter, success or not.

        Raises:
            ChannelDownError, ChannelGoneError: it said something of us.
        """
        token = await self._access.token()
        said = await self._send(path, params, form, token=token)
        if is_access_ended(said):
            said = await self._send(path, params, form, token=await self._access.renewed(token))
            if is_access_ended(said):
                raise ChannelGoneError(
                    sentence("Douyin does not take its own new access; authorise the app again", said)
                )
        raise_for_call(said)
        return said

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()

    async def _send(self, path: str, params: Mapping[str, object], form: type[_Said_], *, token: str = "") -> _Said_:
        """Make one call and read its answer.

        Raises:
            ChannelDownError: there is none, or it cannot be read.
        """
        body = param_json(params)
        method = path.removeprefix("/").replace("/", ".")
        timestamp = str(self._clock_ms() // 1000)
        query = {
            "app_key": self._app_key,
            "method": method,
            "timestamp": timestamp,
            "v": VERSION,
            "sign": sign(self._app_secret, app_key=self._app_key, method=method, timestamp=timestamp, body=body),
            "sign_method": METHOD,
        }
        if token:
            query["access_token"] = token
        reply = await self._calls.call("POST", path, params=query, headers=_HEADERS, body=body)
        whose = f"Douyin's answer (status {reply.status})"
        said = decoded(reply.body, Said, whose, strict=False)
        if said.code in {OK, PARTLY}:
            return decoded(reply.body, form, whose, strict=False)
        # What stands in the data of a failure is of no form.
        hide = self._access.hide
        return form(code=said.code, msg=hide(said.msg or ""), sub_code=said.sub_code, sub_msg=hide(said.sub_msg or ""))

    async def _renew(self, refresh_token: str) -> Access:
        params = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        said = await self._send(_REFRESH, params, Renewed)
        raise_for_renewal(said)
        if said.data is None or not said.data.access_token or not said.data.refresh_token:
            raise ChannelDownError("Douyin renewed the access and told no tokens")
        if said.data.shop_id not in {None, self._shop_id}:
            raise ChannelGoneError(f"the access is for another shop of Douyin, {said.data.shop_id}; set it up anew")
        return Access(
            access_token=said.data.access_token,
            refresh_token=said.data.refresh_token,
            expires_at_s=said.data.expires_at_s(self._clock_ms() // 1000),
        )
