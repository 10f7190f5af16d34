"""LINE MyShop (Thailand): the shop of https://developers-oaplus.line.biz, and messages by https://api.line.me.

``adjust`` is not used: its documentation can be read as "set to" and as "add to". So the quantity on sale is read,
each time, and ``increase`` or ``decrease`` is called with what is missing. A call whose answer was lost is no danger:
the next one reads again and finds nothing missing. A sale between the two calls lowers the quantity by what was sold,
which is right: the order arrives here too and lowers the level.

Item ids are ``product_id/inventory_id``: changes go by the inventory's id, but quantities can only be read with the
products, and those can be asked for by the product's id or our SKU, not by the inventory's id.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Final, Literal

import msgspec

from inventory.channels.announcing import Announcement
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
from inventory.channels.line_myshop.answers import Inventory, available_in, read_answer
from inventory.channels.line_myshop.calls_http import INVENTORY, PRODUCTS, MyshopCalls
from inventory.channels.line_myshop.messages_http import REAL_MESSAGING_URL, LineMessages
from inventory.channels.line_myshop.orders_http import MyshopOrders
from inventory.channels.line_myshop.products_http import MyshopProducts
from inventory.channels.publishing import ItemPage, Product, PublishAnswer, Publishing
from inventory.channels.selling import ChannelOrder, OrderPage, Selling
from inventory.channels.settings import Setting, checked
from inventory.channels.template import TEMPLATE, TEMPLATE_SETTING, read_template
from kit.errors import InvalidError

REAL_URL: Final = "https://developers-oaplus.line.biz"

BATCH: Final = 1
"""A change names one inventory."""

MOST_QUANTITY: Final = 99_999
"""LINE's limit of what is on sale, and of one change."""

CALLS_PER_S: Final = 6.0
"""Levels are told this often; each time is a read and a change. LINE allows 1,000 requests a minute and 50 a second per
resource (told by others, not confirmed); as if it were one resource, levels make 740, orders 130 and products 65."""

CALLS_AT_ONCE: Final = 10
"""Levels told directly after each other after a rest: 20 requests."""

TRIES: Final = 2
"""Changes tried for one level: one more, when the quantity moved between read and change."""

_ITEM_ID: Final = re.compile(r"[1-9][0-9]{0,18}/[1-9][0-9]{0,18}")

SETTINGS: Final = {
    "api_key": Setting(
        pattern=re.compile(r"[A-Za-z0-9+/=_.-]{16,256}"),
        form="16 to 256 letters, digits, or one of +/=_.-",
        secret=True,
    ),
    "messaging_token": Setting(
        pattern=re.compile(r"(?:[A-Za-z0-9+/=_.-]{16,1024})?"),
        form="a long-lived channel access token of the Messaging API",
        secret=True,
        default="",
    ),
    "messaging_to": Setting(
        pattern=re.compile(r"(?:[UCR][0-9a-f]{32}(?:,[UCR][0-9a-f]{32})*)?"),
        form="ids of users, groups or rooms, with commas between; blank for everybody who follows the account",
        default="",
    ),
    TEMPLATE: TEMPLATE_SETTING,
}


class LineMyshopKind:
    """Sets up and opens LINE MyShops; settings: see ``SETTINGS``.

    Args:
        base_url: where the shop's API is.
        messaging_url: where the Messaging API is.
    """

    def __init__(self, *, base_url: str = REAL_URL, messaging_url: str = REAL_MESSAGING_URL) -> None:
        self._base_url = base_url
        self._messaging_url = messaging_url

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return "product_id/inventory_id"

    @property
    def announces(self) -> Literal[True]:
        """See ``AnnouncingKind``."""
        return True

    @property
    def setting_names(self) -> Collection[str]:
        """See ``ChannelKind``."""
        return SETTINGS

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``."""
        if _ITEM_ID.fullmatch(item_id) is None:
            raise InvalidError(f"an item of LINE MyShop is written {self.item_form}, in digits", field="item_id")

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``."""
        return item_id.partition("/")[0]

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``. Only the key has to be given; without ``messaging_token`` no messages are sent."""
        prepared = checked(settings, SETTINGS, whose="a LINE MyShop")
        read_template(prepared.settings[TEMPLATE])
        return prepared

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "LineMyshopChannel":
        """See ``ChannelKind``. The key and the token are never renewed."""
        del save
        return LineMyshopChannel(config, base_url=self._base_url, messaging_url=self._messaging_url)


class LineMyshopChannel:
    """One LINE MyShop. Its parts share connections and nothing else, so their calls may overlap."""

    def __init__(self, config: ChannelConfig, *, base_url: str, messaging_url: str) -> None:
        self._calls = MyshopCalls(config.secrets["api_key"], base_url=base_url)
        self._orders = MyshopOrders(self._calls)
        self._products = MyshopProducts(self._calls, read_template(config.settings.get(TEMPLATE, "{}")))
        self._messages = LineMessages(
            base_url=messaging_url,
            token=config.secrets.get("messaging_token", ""),
            to=config.settings.get("messaging_to", ""),
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
            orders="poll",
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
        """See ``Channel``. Nothing is changed when the shop has this quantity already."""
        return [await self._tell(level) for level in levels]

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Readable``: what the storefront offers, without what is reserved or waits to be shipped."""
        found = [await self._available(item_id) for item_id in item_ids]
        return [None if isinstance(one, Refused) else one for one in found]

    async def orders_changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells``."""
        return await self._orders.changed(since_ms, after=after)

    async def orders(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells``."""
        return await self._orders.read(order_ids)

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels``."""
        return await self._orders.cancel(order_id)

    async def publish(self, products: Sequence[Product]) -> list[PublishAnswer]:
        """See ``Publishes``."""
        return [await self._products.publish(product) for product in products]

    async def items(self, *, after: str | None) -> ItemPage:
        """See ``Lists``."""
        return await self._products.items(after=after)

    async def announce(self, announcement: Announcement) -> Told | Refused:
        """See ``Announces``; refused where no ``messaging_token`` was given."""
        return await self._messages.announce(announcement)

    async def close(self) -> None:
        """See ``Channel``."""
        try:
            await self._calls.close()
        finally:
            await self._messages.close()

    async def _tell(self, level: Level) -> Answer:
        before: int | None = None
        refused = Refused(reason="", temporary=True)
        for _ in range(TRIES):
            available = await self._available(level.item_id)
            if isinstance(available, Refused):
                return available
            if available == level.quantity:
                return Told()
            if available == before and not refused.temporary:
                return refused
            by = level.quantity - available
            verb, inventory_id = "increase" if by > 0 else "decrease", level.item_id.partition("/")[2]
            body = {"amount": min(abs(by), MOST_QUANTITY)}
            reply = await self._calls.send("PUT", f"{INVENTORY}/{inventory_id}/{verb}", body)
            if reply.status == HTTPStatus.OK:
                read_answer(reply.body, Inventory)
                return Told()
            refused, before = self._calls.refusal(reply), available
        # It was refused for what it would have been, and the quantity moves: a later try finds it at rest.
        return msgspec.structs.replace(refused, temporary=True)

    async def _available(self, item_id: str) -> int | Refused:
        """What is on sale; refused, if the shop has no such item or does not give it to us."""
        product_id, _, inventory_id = item_id.partition("/")
        reply = await self._calls.get(PRODUCTS, ids=product_id)
        if reply.status != HTTPStatus.OK:
            return self._calls.refusal(reply)
        available = available_in(reply.body, int(product_id), int(inventory_id))
        if available is None:
            return Refused(reason=f"LINE MyShop has no item {item_id}: correct the link", temporary=False)
        return available
