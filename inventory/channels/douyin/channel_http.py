"""Shops of Douyin (抖店): stock out and read back, orders in, the catalogue out and listed.

The API: https://op.jinritemai.com/docs/api-docs. One call sets the stock of up to 50 SKUs of any products, each taken
or refused by itself. A call has a name (``idempotent_id``) that is accepted once a day: what was told, but not
answered, is not applied again over what the shop has sold since.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from inventory.channels.access import EXPIRES_AT, EXPIRES_AT_SETTING
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
from inventory.channels.douyin.answers import (
    OK,
    PARTLY,
    Found,
    Updated,
    answers,
    idempotent_id,
    is_already_used,
    refused_call,
)
from inventory.channels.douyin.calls_http import DouyinCalls
from inventory.channels.douyin.orders_http import SELLING, DouyinOrders
from inventory.channels.douyin.products import checked_template
from inventory.channels.douyin.products_http import PUBLISHING, DouyinProducts
from inventory.channels.douyin.push import push
from inventory.channels.halves import tell_in_halves
from inventory.channels.publishing import ItemPage, Product, PublishAnswer, Publishing
from inventory.channels.selling import ChannelOrder, OrderPage, Pushed, PushRequest, Selling
from inventory.channels.settings import Setting, checked, secret
from inventory.channels.template import TEMPLATE, TEMPLATE_SETTING, read_template
from kit.clock import now_ms
from kit.errors import InvalidError

REAL_URL: Final = "https://openapi-fxg.jinritemai.com"

BATCH: Final = 50
"""SKUs in one call."""

CALLS_PER_S: Final = 5.0
"""Updates per second: 250 SKUs. No number is published; a call too many is answered 60000 and waited for."""

READ_PAUSE_S: Final = 0.1
"""Between two of the calls that a reading takes, one for each SKU: at most ten calls per second ..."""

READ_SIZE: Final = 5
"""... of so many SKUs, so that a sale waits for half a second at most ..."""

READS_PER_S: Final = 1.0
"""... and so often."""

_UPDATE: Final = "/sku/syncStockBatchMultiProducts"
_STOCK: Final = "/sku/stockNum"
_ITEM_ID: Final = re.compile(r"([1-9][0-9]{0,18})/([1-9][0-9]{0,18})")
_TOKEN: Final = secret(8, 2048)
_PUSH_SIGN: Final = "push_sign"
_MD5: Final = "md5"
_HMAC: Final = "hmac-sha256"
SETTINGS: Final = {
    "app_key": Setting(pattern=re.compile(r"[0-9]{4,32}"), form="4 to 32 digits"),
    "shop_id": Setting(pattern=re.compile(r"[1-9][0-9]{0,18}"), form="a number"),
    _PUSH_SIGN: Setting(pattern=re.compile(f"{_MD5}|{_HMAC}"), form=f"{_MD5} or {_HMAC}", default=_MD5),
    TEMPLATE: TEMPLATE_SETTING,
    "app_secret": secret(8, 128),
    "access_token": _TOKEN,
    "refresh_token": _TOKEN,
    EXPIRES_AT: EXPIRES_AT_SETTING,
}


class DouyinKind:
    """Sets up and opens shops of Douyin.

    Settings: ``app_key``, ``shop_id``, ``push_sign`` and ``product_template``; and as secrets ``app_secret``,
    ``access_token``, ``refresh_token`` and ``access_token_expires_at`` (seconds since the epoch; without it, access is
    renewed at once).

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

    @property
    def setting_names(self) -> Collection[str]:
        """See ``ChannelKind``."""
        return SETTINGS

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``: two numbers."""
        if _ITEM_ID.fullmatch(item_id) is None:
            raise InvalidError(f"an item of Douyin is written {self.item_form}, both numbers", field="item_id")

    def group_of(self, item_id: str) -> str:  # noqa: ARG002 - SKUs of any products go together
        """See ``ChannelKind``."""
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        prepared = checked(settings, SETTINGS, whose="a shop of Douyin")
        checked_template(prepared.settings[TEMPLATE])
        return prepared

    def pushed(self, config: ChannelConfig, request: PushRequest) -> Pushed:
        """See ``Pushes``."""
        return push(
            request,
            app_id=config.settings["app_key"],
            app_secret=config.secrets["app_secret"],
            how="hmac-sha256" if config.settings.get(_PUSH_SIGN) == _HMAC else "md5",
            shop_id=config.settings["shop_id"],
        )

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "DouyinChannel":
        """See ``ChannelKind``."""
        calls = DouyinCalls(config, save, base_url=self._base_url, clock_ms=self._clock_ms)
        template = read_template(config.settings.get(TEMPLATE, "{}"))
        return DouyinChannel(
            calls,
            orders=DouyinOrders(calls, clock_ms=self._clock_ms),
            products=DouyinProducts(calls, template, pause_s=self._read_pause_s),
            read_pause_s=self._read_pause_s,
        )


class DouyinChannel:
    """One shop. It owns ``calls``."""

    def __init__(
        self, calls: DouyinCalls, *, orders: DouyinOrders, products: DouyinProducts, read_pause_s: float
    ) -> None:
        self._calls = calls
        self._orders = orders
        self._products = products
        self._read_pause_s = read_pause_s
        # The name of the last update, until its answer is here.
        self._unanswered = ""

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``. A reading takes one call per item, ``READ_PAUSE_S`` apart, within one call of ours."""
        return Capabilities(
            batch_size=BATCH,
            calls_per_s=CALLS_PER_S,
            reads=True,
            read_size=READ_SIZE,
            reads_per_s=READS_PER_S,
            orders="push",
        )

    @property
    def selling(self) -> Selling:
        """See ``Sells``."""
        return SELLING

    @property
    def publishing(self) -> Publishing:
        """See ``Publishes``."""
        return PUBLISHING

    async def orders_changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells``."""
        return await self._orders.changed(since_ms, after)

    async def orders(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells``."""
        return await self._orders.read(order_ids)

    async def publish(self, products: Sequence[Product]) -> list[PublishAnswer]:
        """See ``Publishes``; what was told goes through Douyin's audit, and is on sale after it."""
        return await self._products.publish(products)

    async def items(self, *, after: str | None) -> ItemPage:
        """See ``Lists``."""
        return await self._products.items(after)

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
            said = await self._calls.post(_STOCK, {"sku_id": sku_id}, Found)
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
        return await self._calls.post(_UPDATE, body, Updated)


def _ids(item_id: str) -> tuple[int, int]:
    product_id, _, sku_id = item_id.partition("/")
    return int(product_id), int(sku_id)
