"""TikTok Shop: stock out and read back.

The API: https://partner.tiktokshop.com/docv2/page/update-inventory-202309. One call sets the stock of one product's
SKUs, each with all of its warehouses: the first that is set up here carries the level, the others are set to 0. A call
may be taken for some SKUs and refused for others.

Whether 0 is a quantity is told differently by different versions of that page. It is sent; where it is refused, staff
is told to deactivate the SKU.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from inventory.channels.access import Access, RenewedAccess
from inventory.channels.calls_http import ChannelCalls, Reply
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
)
from inventory.channels.halves import tell_in_halves
from inventory.channels.tiktok.answers import (
    ACCESS_ENDED,
    OK,
    Found,
    Renewed,
    Said,
    Updated,
    answers,
    raise_for_call,
    raise_for_renewal,
    refused_call,
    sentence,
)
from inventory.channels.tiktok.signing import sign
from inventory.channels.unreadable import UNREADABLE
from kit.clock import now_ms
from kit.errors import InvalidError

REAL_URL: Final = "https://open-api.tiktokglobalshop.com"
REAL_AUTH_URL: Final = "https://auth.tiktok-shops.com"

BATCH: Final = 100
"""SKUs in one call: the most that one product may have (12052050)."""

CALLS_PER_S: Final = 10.0
"""Updates per second. TikTok allows 50 for one app at one shop; that is shared with the calls that fetch orders, and
calls that follow each other one by one get no further than this anyway."""

CALLS_AT_ONCE: Final = 5
"""Updates that may follow each other directly."""

MOST_QUANTITY: Final = 99_999
"""The highest quantity of a SKU in a warehouse."""

MOST_WAREHOUSES: Final = 20
"""Warehouses of one channel: 100 SKUs with 20 each are a body of 150 KB."""

TOKEN_MARGIN_S: Final = 60 * 60
"""Access lasts about seven days and is renewed so many seconds before its end: an hour's outage of TikTok's
authorisation server stops nothing."""

_REFRESH: Final = "/api/v2/token/refresh"
_SEARCH: Final = "/product/202309/inventory/search"
_ITEM_ID: Final = re.compile(r"([1-9][0-9]{0,19})/([1-9][0-9]{0,19})")
_WAREHOUSES: Final = re.compile(rf"[1-9][0-9]{{0,19}}(,[1-9][0-9]{{0,19}}){{0,{MOST_WAREHOUSES - 1}}}")
_TOKEN: Final = re.compile(r"[!-~]{8,2048}")
_SETTINGS: Final = {
    "app_key": (re.compile(r"[0-9A-Za-z_]{4,64}"), "4 to 64 letters and digits"),
    "shop_cipher": (re.compile(r"[0-9A-Za-z_\-+/=.]{4,128}"), "4 to 128 letters, digits and signs"),
    "warehouse_ids": (_WAREHOUSES, f"1 to {MOST_WAREHOUSES} numbers with commas between them"),
}
_SECRETS: Final = {
    "app_secret": (re.compile(r"[!-~]{8,128}"), "8 to 128 characters"),
    "access_token": (_TOKEN, "8 to 2048 characters"),
    "refresh_token": (_TOKEN, "8 to 2048 characters"),
    "access_token_expires_at": (re.compile(r"[0-9]{1,11}"), "seconds since 1970, or 0 if that is not known"),
}
_Said_ = TypeVar("_Said_", bound=Said)


class TikTokKind:
    """Sets up and opens TikTok Shops.

    Settings: ``app_key``, ``shop_cipher``, ``warehouse_ids``; and as secrets ``app_secret``, ``access_token``,
    ``refresh_token`` and ``access_token_expires_at`` (seconds since the epoch; without it, access is renewed at once).

    Args:
        base_url: of the API.
        auth_url: of the authorisation server.
        clock_ms: the wall clock, for signatures and the end of tokens.
    """

    def __init__(
        self, *, base_url: str = REAL_URL, auth_url: str = REAL_AUTH_URL, clock_ms: Callable[[], int] = now_ms
    ) -> None:
        self._base_url = base_url
        self._auth_url = auth_url
        self._clock_ms = clock_ms

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return "product_id/sku_id"

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``: two numbers."""
        if _ITEM_ID.fullmatch(item_id) is None:
            raise InvalidError(f"an item of TikTok Shop is written {self.item_form}, both numbers", field="item_id")

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``: the product."""
        return item_id.partition("/")[0]

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        forms = _SETTINGS | _SECRETS
        unknown = sorted(set(settings) - set(forms))
        if unknown:
            raise InvalidError(f"a TikTok Shop has no setting {unknown[0]!r}", field=unknown[0])
        given = {"access_token_expires_at": "0", **settings}
        given["warehouse_ids"] = given.get("warehouse_ids", "").replace(" ", "")
        for name, (pattern, form) in forms.items():
            if pattern.fullmatch(given.get(name, "")) is None:
                raise InvalidError(f"{name} has to be {form}", field=name)
        warehouses = given["warehouse_ids"].split(",")
        if len(set(warehouses)) < len(warehouses):
            raise InvalidError("a warehouse stands twice in warehouse_ids", field="warehouse_ids")
        return Prepared(
            settings={name: given[name] for name in _SETTINGS}, secrets={name: given[name] for name in _SECRETS}
        )

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "TikTokChannel":
        """See ``ChannelKind``."""
        return TikTokChannel(config, save, base_url=self._base_url, auth_url=self._auth_url, clock_ms=self._clock_ms)


class TikTokChannel:
    """One shop."""

    def __init__(
        self, config: ChannelConfig, save: SaveSecrets, *, base_url: str, auth_url: str, clock_ms: Callable[[], int]
    ) -> None:
        self._app_key = config.settings["app_key"]
        self._shop_cipher = config.settings["shop_cipher"]
        self._warehouses = config.settings["warehouse_ids"].split(",")
        self._app_secret = config.secrets["app_secret"]
        self._clock_ms = clock_ms
        self._calls = ChannelCalls(base_url)
        self._auth_calls = ChannelCalls(auth_url)
        self._access = RenewedAccess(config.secrets, save, self._renew, margin_s=TOKEN_MARGIN_S, clock_ms=clock_ms)

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``."""
        return Capabilities(
            batch_size=BATCH,
            calls_per_s=CALLS_PER_S,
            calls_at_once=CALLS_AT_ONCE,
            most_quantity=MOST_QUANTITY,
            reads=True,
            orders="push",
        )

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``. A call that TikTok refuses as a whole for one SKU is told again in halves."""
        return await tell_in_halves(levels, self._tell_once)

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``; the units for sale in all warehouses, without those of orders that are already there."""
        ids = [_ids(item_id) for item_id in item_ids]
        said = await self._post(_SEARCH, {"sku_ids": [sku_id for _, sku_id in ids]}, Found)
        if said.code != OK:
            raise ChannelDownError(sentence("TikTok Shop does not tell the stock of these items", said))
        quantities = said.quantities()
        return [quantities.get(one) for one in ids]

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()
        await self._auth_calls.close()

    async def _tell_once(self, levels: Sequence[Level]) -> list[Answer] | Refused:
        by_sku = {_ids(level.item_id)[1]: level for level in levels}
        product_id = _ids(levels[0].item_id)[0]
        said = await self._post(
            f"/product/202309/products/{product_id}/inventory/update",
            {"skus": [{"id": sku_id, "inventory": self._inventory(level)} for sku_id, level in by_sku.items()]},
            Updated,
        )
        if said.code != OK:
            return refused_call(levels, said)
        return answers(by_sku, (said.data and said.data.errors) or [])

    def _inventory(self, level: Level) -> list[dict[str, str | int]]:
        quantities = [level.quantity] + [0] * (len(self._warehouses) - 1)
        return [
            {"warehouse_id": warehouse_id, "quantity": quantity}
            for warehouse_id, quantity in zip(self._warehouses, quantities, strict=True)
        ]

    async def _post(self, path: str, body: Mapping[str, object], form: type[_Said_]) -> _Said_:
        """Make a call; once more with new access if the first had ended.

        Returns:
            What TikTok said of products, success or not.

        Raises:
            ChannelDownError, ChannelGoneError: it said something of us.
        """
        encoded = msgspec.json.encode(body)
        said = self._read(await self._send(path, encoded, await self._access.token()), form)
        if said.code == ACCESS_ENDED:
            said = self._read(await self._send(path, encoded, await self._access.renewed()), form)
            if said.code == ACCESS_ENDED:
                raise ChannelGoneError(
                    sentence("TikTok Shop does not take its own new access; authorise the app again", said)
                )
        raise_for_call(said)
        return said

    async def _send(self, path: str, body: bytes, token: str) -> Reply:
        params = {
            "app_key": self._app_key,
            "shop_cipher": self._shop_cipher,
            "timestamp": str(self._clock_ms() // 1000),
        }
        params["sign"] = sign(self._app_secret, path, params, body)
        headers = {"content-type": "application/json", "x-tts-access-token": token}
        return await self._calls.call("POST", path, params=params, headers=headers, body=body)

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
            ChannelDownError: it is none.
        """
        try:
            said = msgspec.json.decode(reply.body, type=Said)
            if said.code == OK:
                return msgspec.json.decode(reply.body, type=form)
        except UNREADABLE as error:
            raise ChannelDownError(f"TikTok Shop's answer (status {reply.status}) cannot be read") from error
        # What stands in the data of a failure is of no form.
        return form(code=said.code, message=self._access.hide(said.message))


def _ids(item_id: str) -> tuple[str, str]:
    product_id, _, sku_id = item_id.partition("/")
    return product_id, sku_id
