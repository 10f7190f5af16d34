"""KakaoTalk Store (톡스토어): the Shopping Open API of https://shopping-developers.kakao.com.

A product has one option object, and the API takes it whole: what is left out is deleted. So a product is read, its
stock quantities are changed and everything else goes back byte for byte, also what we have no name for. Quantities are
absolute, therefore a call whose answer was lost may be repeated. What a sale at Kakao takes from *another* combination
between our read and our write is written back; the next order poll or drift check tells that combination again.
Publishing writes products whole too, so both take turns.

Keys are static: the agency's admin key and the seller's REST key. An answer of Kakao's about a key repeats the key, so
only its code is kept.
"""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Final

from inventory.channels.channel import (
    Answer,
    Capabilities,
    ChannelConfig,
    Level,
    Prepared,
    Refused,
    SaveSecrets,
    Told,
)
from inventory.channels.kakao.answers import MOST_QUANTITY, Product, changed, product_from, shown
from inventory.channels.kakao.calls_http import PRODUCT, KakaoCalls
from inventory.channels.kakao.orders_http import KakaoOrders, OrderPaths
from inventory.channels.kakao.products_http import KakaoProducts
from inventory.channels.publishing import ItemPage, PublishAnswer, Publishing
from inventory.channels.publishing import Product as OurProduct
from inventory.channels.selling import ChannelOrder, OrderPage, Selling
from inventory.channels.settings import Setting, checked
from inventory.channels.template import TEMPLATE, TEMPLATE_SETTING, read_template
from kit.clock import now_ms
from kit.errors import InvalidError

REAL_URL: Final = "https://kapi.kakao.com"

BATCH: Final = 100
"""Combinations of one product in one call; Kakao names no limit, as the object goes whole in any case."""

CALLS_PER_S: Final = 2.0
"""Levels are told this often; each time is a read and a write. Kakao publishes no limit: four requests are modest."""

TALK_STORE: Final = "101"
"""The ``channel-ids`` of KakaoTalk Store."""

_UPDATE: Final = "/v1/store/product/option/update"
_ITEM_ID: Final = re.compile(r"[1-9][0-9]{0,18}(?:/[1-9][0-9]{0,18})?")

_KEY: Final = Setting(
    pattern=re.compile(r"[A-Za-z0-9_-]{16,128}"), form="16 to 128 letters, digits, '-' or '_'", secret=True
)
_PLACE: Final = r"/[A-Za-z0-9/_.-]{0,150}"
_ONE: Final = _PLACE + r"\{order_id\}[A-Za-z0-9/_.?&=-]{0,150}"

SETTINGS: Final = {
    "admin_key": _KEY,
    "seller_key": _KEY,
    "channel_ids": Setting(
        pattern=re.compile(r"[0-9]{1,6}(?:,[0-9]{1,6}){0,9}"),
        form="a number, or up to ten with commas between",
        default=TALK_STORE,
    ),
    "orders_path": Setting(
        pattern=re.compile(rf"(?:{_PLACE}(?:\?(?:[A-Za-z0-9_.&=-]|\{{(?:from|to|page)\}}){{1,300}})?)?"),
        form="a path that lists orders, with or without a query with {from}, {to} and {page} in it",
        default="",
    ),
    "order_path": Setting(
        pattern=re.compile(rf"(?:{_ONE})?"), form="a path with {order_id} in it, that answers one order", default=""
    ),
    "cancel_path": Setting(
        pattern=re.compile(rf"(?:(?:(?:PUT|POST) )?{_ONE})?"),
        form="a path with {order_id} in it, that cancels an order; 'POST ' before it if it is no PUT",
        default="",
    ),
    TEMPLATE: TEMPLATE_SETTING,
}


class KakaoKind:
    """Sets up and opens KakaoTalk Stores; settings: see ``SETTINGS``.

    Args:
        base_url: where the API is.
        clock_ms: the wall clock.
    """

    def __init__(self, *, base_url: str = REAL_URL, clock_ms: Callable[[], int] = now_ms) -> None:
        self._base_url = base_url
        self._clock_ms = clock_ms

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return "product_id/combination_id, or product_id for a product without combinations"

    @property
    def setting_names(self) -> Collection[str]:
        """See ``ChannelKind``."""
        return SETTINGS

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``."""
        if _ITEM_ID.fullmatch(item_id) is None:
            raise InvalidError(f"an item of KakaoTalk Store is written {self.item_form}, in digits", field="item_id")

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``: one product per call."""
        return item_id.partition("/")[0]

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``. Both keys have to be given; without paths to orders, there are no orders."""
        prepared = checked(settings, SETTINGS, whose="a KakaoTalk Store")
        read_template(prepared.settings[TEMPLATE])
        paths = prepared.settings
        if bool(paths["orders_path"]) != bool(paths["order_path"]):
            missing = "order_path" if paths["orders_path"] else "orders_path"
            raise InvalidError("orders need both orders_path and order_path", field=missing)
        if paths["cancel_path"] and not paths["order_path"]:
            raise InvalidError("cancel_path needs order_path: what was cancelled is looked at", field="order_path")
        return prepared

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "KakaoChannel":
        """See ``ChannelKind``. Keys are never renewed."""
        del save
        return KakaoChannel(config, base_url=self._base_url, clock_ms=self._clock_ms)


class KakaoChannel:
    """One KakaoTalk Store. Its calls may overlap, but for those that read a product and write it back whole."""

    def __init__(self, config: ChannelConfig, *, base_url: str, clock_ms: Callable[[], int]) -> None:
        settings, secrets = config.settings, config.secrets
        self._calls = KakaoCalls(
            secrets["admin_key"], secrets["seller_key"], settings["channel_ids"], base_url=base_url
        )
        paths = OrderPaths(
            orders=settings.get("orders_path", ""),
            order=settings.get("order_path", ""),
            cancel=settings.get("cancel_path", ""),
        )
        self._has_orders = bool(paths.orders and paths.order)
        self._orders = KakaoOrders(self._calls, paths, clock_ms=clock_ms)
        self._writing = asyncio.Lock()
        template = read_template(settings.get(TEMPLATE, "{}"))
        self._products = KakaoProducts(self._calls, template, writing=self._writing)

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``. Orders are polled where the paths to them were given."""
        return Capabilities(
            batch_size=BATCH,
            calls_per_s=CALLS_PER_S,
            most_quantity=MOST_QUANTITY,
            reads=True,
            orders="poll" if self._has_orders else "none",
        )

    @property
    def selling(self) -> Selling:
        """See ``Sells``."""
        return self._orders.selling

    @property
    def publishing(self) -> Publishing:
        """See ``Publishes``."""
        return self._products.publishing

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``. Nothing is written when the product shows these levels already."""
        async with self._writing:
            return await self._tell(levels)

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Readable``. An unlimited stock reads as the highest quantity."""
        product = await self._read(item_ids[0].partition("/")[0])
        if isinstance(product, Refused):
            return [None] * len(item_ids)
        return shown(product, [item_id.partition("/")[2] for item_id in item_ids])

    async def orders_changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells``."""
        return await self._orders.changed(since_ms, after=after)

    async def orders(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells``."""
        return await self._orders.read(order_ids)

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels``; refused where no ``cancel_path`` was given."""
        return await self._orders.cancel(order_id)

    async def publish(self, products: Sequence[OurProduct]) -> list[PublishAnswer]:
        """See ``Publishes``."""
        return [await self._products.publish(product) for product in products]

    async def items(self, *, after: str | None) -> ItemPage:
        """See ``Lists``."""
        return await self._products.items(after=after)

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

    async def _tell(self, levels: Sequence[Level]) -> list[Answer]:
        product_id = levels[0].item_id.partition("/")[0]
        product = await self._read(product_id)
        if isinstance(product, Refused):
            return [product] * len(levels)
        answers, option = changed(product, levels)
        if option is None:
            return answers
        reply = await self._calls.form(_UPDATE, {"productId": product_id, "option": option})
        if reply.status == HTTPStatus.OK:
            return answers
        refused = self._calls.refusal(reply)
        return [refused if isinstance(answer, Told) else answer for answer in answers]

    async def _read(self, product_id: str) -> Product | Refused:
        """The product; refused, if Kakao has none of this id or does not give it to us."""
        reply = await self._calls.get(PRODUCT, {"productId": product_id})
        if reply.status == HTTPStatus.OK:
            return product_from(reply.body, product_id)
        if reply.status == HTTPStatus.NOT_FOUND:
            return Refused(reason=f"Kakao has no product {product_id}: correct the link", temporary=False)
        return self._calls.refusal(reply)
