"""TikTok Shop: stock out and read back, orders in, products out.

The API: https://partner.tiktokshop.com/docv2/page/update-inventory-202309. One call sets the stock of one product's
SKUs, each with all of its warehouses: the first that is set up here carries the level, the others are set to 0. A call
may be taken for some SKUs and refused for others.

Whether 0 is a quantity is told differently by different versions of that page. It is sent; where it is refused, staff
is told to deactivate the SKU.
"""

import re
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
from inventory.channels.halves import tell_in_halves
from inventory.channels.publishing import ItemPage, Product, PublishAnswer, Publishing
from inventory.channels.selling import ChannelOrder, OrderPage, Pushed, PushRequest, Selling
from inventory.channels.settings import NUMBER, PAIR, Setting, checked, secret
from inventory.channels.template import TEMPLATE, TEMPLATE_SETTING, read_template
from inventory.channels.tiktok.answers import LEVELS, OK, Found, Updated, answers, refused_call, sentence
from inventory.channels.tiktok.calls_http import TikTokCalls
from inventory.channels.tiktok.orders_http import TikTokOrders
from inventory.channels.tiktok.products import inventory
from inventory.channels.tiktok.products_http import TikTokProducts
from inventory.channels.tiktok.push import pushed
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

_SEARCH: Final = "/product/202309/inventory/search"
_WAREHOUSES: Final = re.compile(rf"{NUMBER.pattern}(,{NUMBER.pattern}){{0,{MOST_WAREHOUSES - 1}}}")
_TOKEN: Final = secret(8, 2048)
SETTINGS: Final = {
    "app_key": Setting(pattern=re.compile(r"[0-9A-Za-z_]{4,64}"), form="4 to 64 letters and digits"),
    "shop_cipher": Setting(pattern=re.compile(r"[0-9A-Za-z_\-+/=.]{4,128}"), form="4 to 128 letters, digits and signs"),
    "warehouse_ids": Setting(pattern=_WAREHOUSES, form=f"1 to {MOST_WAREHOUSES} numbers with commas between them"),
    "app_secret": secret(8, 128),
    "access_token": _TOKEN,
    "refresh_token": _TOKEN,
    EXPIRES_AT: EXPIRES_AT_SETTING,
    TEMPLATE: TEMPLATE_SETTING,
}


class TikTokKind:
    """Sets up and opens TikTok Shops.

    Settings: ``app_key``, ``shop_cipher``, ``warehouse_ids``; as secrets ``app_secret``, ``access_token``,
    ``refresh_token`` and ``access_token_expires_at`` (seconds since the epoch; without it, access is renewed at once);
    and for products ``product_template`` (``products.py`` says what may be in there).

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

    @property
    def setting_names(self) -> Collection[str]:
        """See ``ChannelKind``."""
        return SETTINGS

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``: two numbers."""
        if PAIR.fullmatch(item_id) is None:
            raise InvalidError(f"an item of TikTok Shop is written {self.item_form}, both numbers", field="item_id")

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``: the product."""
        return item_id.partition("/")[0]

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        given = dict(settings)
        if "warehouse_ids" in given:
            given["warehouse_ids"] = given["warehouse_ids"].replace(" ", "")
        prepared = checked(given, SETTINGS, whose="a TikTok Shop")
        warehouses = prepared.settings["warehouse_ids"].split(",")
        if len(set(warehouses)) < len(warehouses):
            raise InvalidError("a warehouse stands twice in warehouse_ids", field="warehouse_ids")
        read_template(prepared.settings[TEMPLATE])
        return prepared

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "TikTokChannel":
        """See ``ChannelKind``."""
        return TikTokChannel(config, save, base_url=self._base_url, auth_url=self._auth_url, clock_ms=self._clock_ms)

    def pushed(self, config: ChannelConfig, request: PushRequest) -> Pushed:
        """See ``Pushes``."""
        return pushed(config.settings["app_key"], config.secrets["app_secret"], request)


class TikTokChannel:
    """One shop."""

    def __init__(
        self, config: ChannelConfig, save: SaveSecrets, *, base_url: str, auth_url: str, clock_ms: Callable[[], int]
    ) -> None:
        self._warehouses = config.settings["warehouse_ids"].split(",")
        self._calls = TikTokCalls(config, save, base_url=base_url, auth_url=auth_url, clock_ms=clock_ms)
        self._orders = TikTokOrders(self._calls)
        self._products = TikTokProducts(
            self._calls,
            template=read_template(config.settings.get(TEMPLATE, "{}")),
            warehouses=self._warehouses,
        )

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
        said = await self._calls.post(_SEARCH, {"sku_ids": [sku_id for _, sku_id in ids]}, Found, about=LEVELS)
        if said.code != OK:
            raise ChannelDownError(sentence("TikTok Shop does not tell the stock of these items", said))
        quantities = said.quantities()
        return [quantities.get(one) for one in ids]

    @property
    def selling(self) -> Selling:
        """See ``Sells``."""
        return self._orders.selling

    async def orders_changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells``."""
        return await self._orders.changed(since_ms, after=after)

    async def orders(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells``."""
        return await self._orders.read(order_ids)

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels``."""
        return await self._orders.cancel(order_id)

    @property
    def publishing(self) -> Publishing:
        """See ``Publishes``."""
        return self._products.publishing

    async def publish(self, products: Sequence[Product]) -> list[PublishAnswer]:
        """See ``Publishes``; one product at a time."""
        return [await self._products.publish(product) for product in products]

    async def items(self, *, after: str | None) -> ItemPage:
        """See ``Lists``."""
        return await self._products.items(after=after)

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

    async def _tell_once(self, levels: Sequence[Level]) -> list[Answer] | Refused:
        by_sku = {_ids(level.item_id)[1]: level for level in levels}
        product_id = _ids(levels[0].item_id)[0]
        skus = [
            {"id": sku_id, "inventory": inventory(self._warehouses, level.quantity)} for sku_id, level in by_sku.items()
        ]
        path = f"/product/202309/products/{product_id}/inventory/update"
        said = await self._calls.post(path, {"skus": skus}, Updated, about=LEVELS)
        if said.code != OK:
            return refused_call(levels, said)
        return answers(by_sku, (said.data and said.data.errors) or [])


def _ids(item_id: str) -> tuple[str, str]:
    product_id, _, sku_id = item_id.partition("/")
    return product_id, sku_id
