"""WeChat Shop (微信小店): stock out and read back.

The API: https://developers.weixin.qq.com/doc/store/shop/API/channels-shop-product/stock/. It takes one SKU per call,
and a difference: setting a level is offered too, but advised against while the shop sells, and there is no idempotency
key. So a tell is two calls: read what the shop has, send what is missing. A difference whose answer is lost may have
been applied; it is never sent again without reading again.

What a buyer sees is the SKU's total: the general stock and the stock set apart for regions and campaigns. Calls here
change the general stock only.

Access tokens last two hours and are asked for with the app's secret, so they are kept in memory and nothing is saved.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from inventory.channels.calls_http import ChannelCalls, Reply
from inventory.channels.channel import (
    Answer,
    Capabilities,
    ChannelConfig,
    ChannelDownError,
    Level,
    Prepared,
    Refused,
    SaveSecrets,
    Told,
)
from inventory.channels.wechat.answers import (
    ACCESS_ENDED,
    GONE,
    NO_DIFFERENCE,
    NOT_ENOUGH,
    NOT_THERE,
    OK,
    SECRET_GONE,
    Form,
    Said,
    StockSaid,
    TokenSaid,
    raise_for_us,
    read_answer,
    refusal,
    sentence,
    step_to,
)
from kit.clock import now_ms
from kit.errors import InvalidError

REAL_URL: Final = "https://api.weixin.qq.com"

TELLS_PER_S: Final = 5.0
"""What the engine paces. A tell is two calls, so this is 10 a second, or 600 a minute, one half to each address; WeChat
publishes no figure for these, and answers 45011 where a minute had too many."""

TOKEN_MARGIN_MS: Final = 4 * 60_000
"""An access token is asked for again so long before its end: in its last five minutes WeChat gives out the next one,
and both are good until the first one ends."""

_ASK_ACCESS: Final = "/cgi-bin/stable_token"
_STOCK_GET: Final = "/channels/ec/product/stock/get"
_STOCK_UPDATE: Final = "/channels/ec/product/stock/update"
_INCREASE: Final = 1
_DECREASE: Final = 2
_HEADERS: Final = {"content-type": "application/json"}

_SETTINGS: Final = {
    "appid": (re.compile(r"wx[0-9a-f]{16}"), "wx and 16 hexadecimal digits"),
    "app_secret": (re.compile(r"[0-9A-Za-z]{32}"), "32 letters and digits"),
}
_ITEM_ID: Final = re.compile(r"([1-9][0-9]{0,19})/([1-9][0-9]{0,19})")


class WechatKind:
    """Sets up and opens WeChat shops; settings: ``appid``, and ``app_secret``, which is kept as a secret.

    Args:
        base_url: of the API.
        clock_ms: the wall clock, for the end of tokens and of WeChat's day.
    """

    def __init__(self, *, base_url: str = REAL_URL, clock_ms: Callable[[], int] = now_ms) -> None:
        self._base_url = base_url
        self._clock_ms = clock_ms

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return "product_id/sku_id"

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``: two numbers."""
        if _ITEM_ID.fullmatch(item_id) is None:
            raise InvalidError(f"an item of WeChat is written {self.item_form}, both numbers", field="item_id")

    def group_of(self, item_id: str) -> str:  # noqa: ARG002 - a call has one SKU, so nothing has to match
        """See ``ChannelKind``."""
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        unknown = sorted(set(settings) - set(_SETTINGS))
        if unknown:
            raise InvalidError(f"a WeChat channel has no setting {unknown[0]!r}", field=unknown[0])
        for name, (pattern, form) in _SETTINGS.items():
            if pattern.fullmatch(settings.get(name, "")) is None:
                raise InvalidError(f"{name} has to be {form}", field=name)
        return Prepared(settings={"appid": settings["appid"]}, secrets={"app_secret": settings["app_secret"]})

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "WechatChannel":  # noqa: ARG002 - see the module
        """See ``ChannelKind``."""
        return WechatChannel(config, base_url=self._base_url, clock_ms=self._clock_ms)


class WechatChannel:
    """One shop."""

    def __init__(self, config: ChannelConfig, *, base_url: str, clock_ms: Callable[[], int]) -> None:
        self._appid = config.settings["appid"]
        self._app_secret = config.secrets["app_secret"]
        self._clock_ms = clock_ms
        self._calls = ChannelCalls(base_url)
        self._access = ""
        self._access_until_ms = 0

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``."""
        return Capabilities(batch_size=1, calls_per_s=TELLS_PER_S, reads=True, orders="push")

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``."""
        return [await self._tell_one(level) for level in levels]

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``; the SKU's total."""
        return [await self._read_one(item_id) for item_id in item_ids]

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

    async def _read_one(self, item_id: str) -> int | None:
        said = await self._stock(item_id)
        if said.data is not None:
            return said.data.total_stock_num
        if said.errcode == NOT_THERE:
            return None
        raise ChannelDownError(sentence("WeChat does not tell this item's stock", said))

    async def _tell_one(self, level: Level) -> Answer:
        answer = await self._bring(level)
        if answer is None:
            # The shop sold some between our two calls: once more with a new reading.
            answer = await self._bring(level)
        return answer or refusal(Said(errcode=NOT_ENOUGH, errmsg="twice"))

    async def _bring(self, level: Level) -> Answer | None:
        """Read the stock and send what is missing; None if there was less than we read."""
        read = await self._stock(level.item_id)
        if read.data is None:
            return refusal(read)
        step = step_to(level.quantity, read.data)
        if step != 0:
            change = {"diff_type": _INCREASE if step > 0 else _DECREASE, "num": abs(step)}
            said = await self._post(_STOCK_UPDATE, _ids(level.item_id) | change, Said)
            if said.errcode == NOT_ENOUGH:
                return None
            if said.errcode not in {OK, NO_DIFFERENCE}:
                return refusal(said)
        apart = read.data.total_stock_num + step
        if apart > level.quantity:
            reason = f"{apart} units are set apart for regions or campaigns at WeChat; lower them there"
            return Refused(reason=reason, temporary=False)
        return Told()

    async def _stock(self, item_id: str) -> StockSaid:
        said = await self._post(_STOCK_GET, _ids(item_id), StockSaid)
        if said.errcode == OK and said.data is None:
            raise ChannelDownError("WeChat told no stock of this item")
        return said

    async def _post(self, path: str, body: Mapping[str, str | int], form: type[Form]) -> Form:
        """Make a call, and once more with a new access token if the first one has ended.

        Returns:
            What WeChat said of this item, success or not.

        Raises:
            ChannelDownError, ChannelGoneError: it said something of us.
        """
        said = await self._send(path, body, form)
        if said.errcode in ACCESS_ENDED:
            # Nothing was applied, so the same call may be made again.
            self._access = ""
            said = await self._send(path, body, form)
        if said.errcode in ACCESS_ENDED:
            self._access = ""
            raise ChannelDownError(sentence("WeChat does not take the access token that it just gave", said))
        raise_for_us(said, now=self._now(), gone=GONE)
        return said

    async def _send(self, path: str, body: Mapping[str, str | int], form: type[Form]) -> Form:
        params = {"access_token": await self._access_token()}
        reply = await self._calls.call("POST", path, params=params, headers=_HEADERS, body=msgspec.json.encode(body))
        return self._read(reply, form)

    async def _access_token(self) -> str:
        if self._access and self._clock_ms() < self._access_until_ms - TOKEN_MARGIN_MS:
            return self._access
        # Never with force_refresh: that would end the token of everybody else who calls for this shop.
        body = {"grant_type": "client_credential", "appid": self._appid, "secret": self._app_secret}
        asked_at_ms = self._clock_ms()
        reply = await self._calls.call("POST", _ASK_ACCESS, headers=_HEADERS, body=msgspec.json.encode(body))
        said = self._read(reply, TokenSaid)
        raise_for_us(said, now=self._now(), gone=SECRET_GONE)
        if said.errcode != OK or not said.access_token or said.expires_in <= 0:
            raise ChannelDownError(sentence("WeChat gave no access token", said))
        self._access = said.access_token
        self._access_until_ms = asked_at_ms + said.expires_in * 1000
        return self._access

    def _read(self, reply: Reply, form: type[Form]) -> Form:
        said = read_answer(reply.status, reply.body, form)
        message = said.errmsg
        for secret in filter(None, (self._app_secret, self._access)):
            message = message.replace(secret, "…")
        return msgspec.structs.replace(said, errmsg=message)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock_ms() / 1000, UTC)


def _ids(item_id: str) -> dict[str, str | int]:
    product_id, _, sku_id = item_id.partition("/")
    return {"product_id": product_id, "sku_id": sku_id}
