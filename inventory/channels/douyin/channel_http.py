"""Shops of Douyin (抖店): stock out and read back.

The API: https://op.jinritemai.com/docs/api-docs. One call sets the stock of up to 50 SKUs of any products, each taken
or refused by itself. A call has a name (``idempotent_id``) that is accepted once a day: what was told, but not
answered, is not applied again over what the shop has sold since.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from inventory.channels.access import Access, RenewedAccess
from inventory.channels.calls_http import ChannelCalls
from inventory.channels.channel import (
    Answer,
    Capabilities,
    ChannelConfig,
    ChannelDownError,
    ChannelGoneError,
    Level,
    Prepared,
    Refused,
    SaveSecrets,
    Told,
)
from inventory.channels.douyin.answers import (
    OK,
    PARTLY,
    Found,
    Renewed,
    Said,
    Updated,
    answers,
    idempotent_id,
    is_access_ended,
    is_already_used,
    raise_for_call,
    raise_for_renewal,
    refused_call,
    sentence,
)
from inventory.channels.douyin.signing import METHOD, VERSION, param_json, sign
from inventory.channels.halves import tell_in_halves
from inventory.channels.unreadable import UNREADABLE
from kit.clock import now_ms
from kit.errors import InvalidError

REAL_URL: Final = "https://openapi-fxg.jinritemai.com"

BATCH: Final = 50
"""SKUs in one call."""

CALLS_PER_S: Final = 5.0
"""Updates per second: 250 SKUs. No number is published; a call too many is answered 60000 and waited for."""

READ_PAUSE_S: Final = 0.1
"""Between two of the calls that a reading takes, one for each SKU: a reading of 50 makes at most ten calls per second,
and lasts five seconds and 50 answers."""

TOKEN_MARGIN_S: Final = 30 * 60
"""Access lasts about seven days and is renewed so many seconds before its end: earlier than an hour before it Douyin
gives the same token again, and after its end it is too late."""

_UPDATE: Final = "/sku/syncStockBatchMultiProducts"
_STOCK: Final = "/sku/stockNum"
_REFRESH: Final = "/token/refresh"
_HEADERS: Final = {"content-type": "application/json", "x-open-no-old-err-code": "1"}
_ITEM_ID: Final = re.compile(r"([1-9][0-9]{0,18})/([1-9][0-9]{0,18})")
_TOKEN: Final = re.compile(r"[!-~]{8,2048}")
_SETTINGS: Final = {
    "app_key": (re.compile(r"[0-9]{4,32}"), "4 to 32 digits"),
    "shop_id": (re.compile(r"[1-9][0-9]{0,18}"), "a number"),
}
_SECRETS: Final = {
    "app_secret": (re.compile(r"[!-~]{8,128}"), "8 to 128 characters"),
    "access_token": (_TOKEN, "8 to 2048 characters"),
    "refresh_token": (_TOKEN, "8 to 2048 characters"),
    "access_token_expires_at": (re.compile(r"[0-9]{1,11}"), "seconds since 1970, or 0 if that is not known"),
}
_Said_ = TypeVar("_Said_", bound=Said)


class DouyinKind:
    """Sets up and opens shops of Douyin.

    Settings: ``app_key``, ``shop_id``; and as secrets ``app_secret``, ``access_token``, ``refresh_token`` and
    ``access_token_expires_at`` (seconds since the epoch; without it, access is renewed at once).

    Args:
        base_url: of the API.
        clock_ms: the wall clock, for signatures and the end of tokens.
        read_pause_s: between two calls of one reading.
    """

    def __init__(
        self, *, base_url: str = REAL_URL, clock_ms: Callable[[], int] = now_ms, read_pause_s: float = READ_PAUSE_S
    ) -> None:
        self._base_url = base_url
        self._clock_ms = clock_ms
        self._read_pause_s = read_pause_s

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return "product_id/sku_id"

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``: two numbers."""
        if _ITEM_ID.fullmatch(item_id) is None:
            raise InvalidError(f"an item of Douyin is written {self.item_form}, both numbers", field="item_id")

    def group_of(self, item_id: str) -> str:  # noqa: ARG002 - SKUs of any products go together
        """See ``ChannelKind``."""
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        forms = _SETTINGS | _SECRETS
        unknown = sorted(set(settings) - set(forms))
        if unknown:
            raise InvalidError(f"a shop of Douyin has no setting {unknown[0]!r}", field=unknown[0])
        given = {"access_token_expires_at": "0", **settings}
        for name, (pattern, form) in forms.items():
            if pattern.fullmatch(given.get(name, "")) is None:
                raise InvalidError(f"{name} has to be {form}", field=name)
        return Prepared(
            settings={name: given[name] for name in _SETTINGS}, secrets={name: given[name] for name in _SECRETS}
        )

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "DouyinChannel":
        """See ``ChannelKind``."""
        return DouyinChannel(
            config, save, base_url=self._base_url, clock_ms=self._clock_ms, read_pause_s=self._read_pause_s
        )


class DouyinChannel:
    """One shop."""

    def __init__(
        self,
        config: ChannelConfig,
        save: SaveSecrets,
        *,
        base_url: str,
        clock_ms: Callable[[], int],
        read_pause_s: float,
    ) -> None:
        self._app_key = config.settings["app_key"]
        self._shop_id = int(config.settings["shop_id"])
        self._app_secret = config.secrets["app_secret"]
        self._clock_ms = clock_ms
        self._read_pause_s = read_pause_s
        self._calls = ChannelCalls(base_url)
        self._access = RenewedAccess(config.secrets, save, self._renew, margin_s=TOKEN_MARGIN_S, clock_ms=clock_ms)
        # The name of the last update, until its answer is here.
        self._unanswered = ""

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``. A reading takes one call per item, ``READ_PAUSE_S`` apart, within one call of ours."""
        return Capabilities(batch_size=BATCH, calls_per_s=CALLS_PER_S, reads=True, orders="push")

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``. A call that Douyin refuses as a whole is told again in halves."""
        return await tell_in_halves(levels, self._tell_once)

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``; None also for a SKU that has stock by region only, which ``tell`` does not set."""
        quantities: list[int | None] = []
        for item_id in item_ids:
            if quantities:
                await asyncio.sleep(self._read_pause_s)
            sku_id = _ids(item_id)[1]
            said = await self._post(_STOCK, {"sku_id": sku_id}, Found)
            if said.code == OK and (said.data is None or said.data.sku_id != sku_id):
                raise ChannelDownError("Douyin told no stock, or that of another SKU")
            quantities.append(None if said.data is None else said.data.stock_num)
        return quantities

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

    async def _tell_once(self, levels: Sequence[Level]) -> list[Answer] | Refused:
        by_sku = [(_ids(level.item_id)[1], level) for level in levels]
        name = idempotent_id(by_sku)
        was_lost = self._unanswered == name
        self._unanswered = name
        said = await self._update(levels, name)
        if is_already_used(said) and was_lost:
            # It was accepted, and its answer lost. If single SKUs were refused in it, the check for drift finds them.
            self._unanswered = ""
            return [Told()] * len(levels)
        if is_already_used(said):
            # The same was told before, by us and something of it was refused, or by a process before us.
            said = await self._update(levels, idempotent_id(by_sku, salt=secrets.token_hex(8)))
        told = answers(by_sku, said) if said.code in {OK, PARTLY} else refused_call(said)
        self._unanswered = ""
        return told

    async def _update(self, levels: Sequence[Level], name: str) -> Updated:
        items = []
        for level in levels:
            product_id, sku_id = _ids(level.item_id)
            items.append({"product_id": product_id, "sku_id": sku_id, "stock_num": level.quantity})
        # Without allow_partial_success, one SKU that cannot be set stops all others.
        body = {"items": items, "incremental": False, "idempotent_id": name, "allow_partial_success": True}
        return await self._post(_UPDATE, body, Updated)

    async def _post(self, path: str, params: Mapping[str, object], form: type[_Said_]) -> _Said_:
        """Make a call; once more with new access if the first had ended.

        Returns:
            What Douyin said of items, success or not.

        Raises:
            ChannelDownError, ChannelGoneError: it said something of us.
        """
        said = await self._send(path, params, form, token=await self._access.token())
        if is_access_ended(said):
            said = await self._send(path, params, form, token=await self._access.renewed())
            if is_access_ended(said):
                raise ChannelGoneError(
                    sentence("Douyin does not take its own new access; authorise the app again", said)
                )
        raise_for_call(said)
        return said

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
        try:
            said = msgspec.json.decode(reply.body, type=Said, strict=False)
            if said.code in {OK, PARTLY}:
                return msgspec.json.decode(reply.body, type=form, strict=False)
        except UNREADABLE as error:
            raise ChannelDownError(f"Douyin's answer (status {reply.status}) cannot be read") from error
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


def _ids(item_id: str) -> tuple[int, int]:
    product_id, _, sku_id = item_id.partition("/")
    return int(product_id), int(sku_id)
