"""WeChat Shop (微信小店): stock out and read back, orders in, the catalogue out and listed.

The API: https://developers.weixin.qq.com/doc/store/shop/API/channels-shop-product/stock/. It takes one SKU per call,
and a difference: setting a level is offered too, but advised against while the shop sells, and there is no idempotency
key. So a tell is two calls: read what the shop has, send what is missing. A difference whose answer is lost may have
been applied; it is never sent again without reading again.

What a buyer sees is the SKU's total: the general stock and the stock set apart for regions and campaigns. Calls here
change the general stock only.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

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
from inventory.channels.publishing import ItemPage, Product, PublishAnswer, Publishing
from inventory.channels.selling import ChannelOrder, OrderPage, Pushed, PushRequest, Selling
from inventory.channels.settings import PAIR, Setting, checked
from inventory.channels.template import TEMPLATE, TEMPLATE_SETTING, read_template
from inventory.channels.wechat.answers import (
    NO_DIFFERENCE,
    NOT_ENOUGH,
    NOT_THERE,
    OK,
    Said,
    StockSaid,
    refusal,
    sentence,
    step_to,
)
from inventory.channels.wechat.calls_http import WechatCalls
from inventory.channels.wechat.crypto import KEY_FORM, TOKEN_FORM
from inventory.channels.wechat.orders_http import SELLING, WechatOrders
from inventory.channels.wechat.products_http import PUBLISHING, WechatProducts
from inventory.channels.wechat.push import greet, push
from kit.clock import now_ms
from kit.errors import InvalidError

REAL_URL: Final = "https://api.weixin.qq.com"

TELLS_PER_S: Final = 5.0
"""What the engine paces. A tell is two calls, so this is 10 a second, or 600 a minute, one half to each address; WeChat
publishes no figure for these, and answers 45011 where a minute had too many."""

READ_PAUSE_S: Final = 0.1
"""Between two calls that one page of items takes: ten a second at most."""

_STOCK_GET: Final = "/channels/ec/product/stock/get"
_STOCK_UPDATE: Final = "/channels/ec/product/stock/update"
_INCREASE: Final = 1
_DECREASE: Final = 2

_CALLBACK_TOKEN: Final = "callback_token"  # noqa: S105 - the name of a setting
_AES_KEY: Final = "encoding_aes_key"
SETTINGS: Final = {
    "appid": Setting(pattern=re.compile(r"wx[0-9a-f]{16}"), form="wx and 16 hexadecimal digits"),
    TEMPLATE: TEMPLATE_SETTING,
    "app_secret": Setting(pattern=re.compile(r"[0-9A-Za-z]{32}"), form="32 letters and digits", secret=True),
    _CALLBACK_TOKEN: Setting(pattern=TOKEN_FORM, form="3 to 32 letters and digits", secret=True, default=""),
    _AES_KEY: Setting(pattern=KEY_FORM, form="43 letters and digits", secret=True, default=""),
}


class WechatKind:
    """Sets up and opens WeChat shops.

    Settings: ``appid`` and ``product_template``; as secrets ``app_secret``, and for orders that are pushed
    ``callback_token`` and ``encoding_aes_key``, both as they stand in the shop's console.

    Args:
        base_url: of the API.
        clock_ms: the wall clock, for the end of tokens and of WeChat's day, and the age of signatures.
        read_pause_s: between two calls of one page of items.
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
        if PAIR.fullmatch(item_id) is None:
            raise InvalidError(f"an item of WeChat is written {self.item_form}, both numbers", field="item_id")

    def group_of(self, item_id: str) -> str:  # noqa: ARG002 - a call has one SKU, so nothing has to match
        """See ``ChannelKind``."""
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        prepared = checked(settings, SETTINGS, whose="a WeChat shop")
        read_template(prepared.settings[TEMPLATE])
        for name, other in ((_CALLBACK_TOKEN, _AES_KEY), (_AES_KEY, _CALLBACK_TOKEN)):
            if prepared.secrets[other] and not prepared.secrets[name]:
                raise InvalidError(f"{name} is missing: it goes together with {other}", field=name)
        return prepared

    def greeted(self, config: ChannelConfig, request: PushRequest) -> bytes:
        """See ``Greets``."""
        return greet(request, token=config.secrets.get(_CALLBACK_TOKEN, ""), now_s=self._clock_ms() // 1000)

    def pushed(self, config: ChannelConfig, request: PushRequest) -> Pushed:
        """See ``Pushes``."""
        return push(
            request,
            token=config.secrets.get(_CALLBACK_TOKEN, ""),
            encoding_aes_key=config.secrets.get(_AES_KEY, ""),
            appid=config.settings["appid"],
            now_s=self._clock_ms() // 1000,
        )

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "WechatChannel":  # noqa: ARG002 - nothing is renewed
        """See ``ChannelKind``."""
        return WechatChannel(config, base_url=self._base_url, clock_ms=self._clock_ms, read_pause_s=self._read_pause_s)


class WechatChannel:
    """One shop."""

    def __init__(
        self, config: ChannelConfig, *, base_url: str, clock_ms: Callable[[], int], read_pause_s: float
    ) -> None:
        self._calls = WechatCalls(
            base_url=base_url,
            appid=config.settings["appid"],
            app_secret=config.secrets["app_secret"],
            clock_ms=clock_ms,
        )
        self._orders = WechatOrders(self._calls, clock_ms=clock_ms)
        template = read_template(config.settings.get(TEMPLATE, "{}"))
        self._products = WechatProducts(self._calls, template, pause_s=read_pause_s, clock_ms=clock_ms)

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``."""
        return Capabilities(batch_size=1, calls_per_s=TELLS_PER_S, reads=True, orders="push")

    @property
    def selling(self) -> Selling:
        """See ``Sells``."""
        return SELLING

    @property
    def publishing(self) -> Publishing:
        """See ``Publishes``."""
        return PUBLISHING

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``."""
        return [await self._tell_one(level) for level in levels]

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``; the SKU's total."""
        return [await self._read_one(item_id) for item_id in item_ids]

    async def orders_changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells``."""
        return await self._orders.changed(since_ms, after)

    async def orders(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells``."""
        return await self._orders.read(order_ids)

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels``: a refund for want of stock."""
        return await self._orders.cancel(order_id)

    async def publish(self, products: Sequence[Product]) -> list[PublishAnswer]:
        """See ``Publishes``; what was told goes through WeChat's audit, and is on sale after it."""
        return await self._products.publish(products)

    async def items(self, *, after: str | None) -> ItemPage:
        """See ``Lists``."""
        return await self._products.items(after)

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
            said = await self._calls.post(_STOCK_UPDATE, _ids(level.item_id) | change, Said)
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
        said = await self._calls.post(_STOCK_GET, _ids(item_id), StockSaid)
        if said.errcode == OK and said.data is None:
            raise ChannelDownError("WeChat told no stock of this item")
        return said


def _ids(item_id: str) -> dict[str, object]:
    product_id, _, sku_id = item_id.partition("/")
    return {"product_id": product_id, "sku_id": sku_id}
