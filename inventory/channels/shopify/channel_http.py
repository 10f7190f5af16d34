"""Shopify: stock out and read back, orders in, products out, through the Admin API (GraphQL).

Quantities are set, each only if it is still what was just read: a change names the quantity that it starts from. When
the shop sold one in between, Shopify changes nothing and says so; then the quantities are read and set once more.
Reading first also finds what needs no change: a call whose answer was lost is not made twice.

The idempotency key that Shopify asks for is new with every change. It would protect a repeated change, but a change is
never repeated as it was: the quantity that it starts from was read again.
"""

import re
import uuid
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
from inventory.channels.publishing import ItemPage, Product, PublishAnswer, Publishing
from inventory.channels.selling import ChannelOrder, OrderPage, Pushed, PushRequest, Selling
from inventory.channels.settings import NUMBER, Setting, checked, secret
from inventory.channels.shopify.answers import AVAILABLE, Item, complaints_in, items_in, refusal_of
from inventory.channels.shopify.calls_http import ShopifyCalls
from inventory.channels.shopify.orders_http import ShopifyOrders
from inventory.channels.shopify.products_http import ShopifyProducts
from inventory.channels.shopify.push import pushed
from inventory.channels.template import TEMPLATE, TEMPLATE_SETTING, read_template
from kit.clock import now_ms
from kit.errors import InvalidError

REAL_URL: Final = "https://{shop}"
"""Each shop has a host of its own."""

BATCH: Final = 29
"""Items in one call. A list may have 250 entries, but reading an item costs 3 points, and the smallest plan gets back
100 per second: 29 items read and set are 98. Larger batches would be no faster, and each would wait for longer."""

CALLS_PER_S: Final = 0.8
"""Calls per second: four fifths of the points that come back on the smallest plan are for levels, and the others for
orders and products, which would wait for ever beside a catalogue of changes."""

CALLS_AT_ONCE: Final = 8
"""Calls after a rest: 784 of the 1,000 points that a full bucket has at least; the others are for reading again."""

MOST_QUANTITY: Final = 1_000_000_000
"""The highest quantity that can be set; above it is INVALID_QUANTITY_TOO_HIGH."""

ROUNDS: Final = 2
"""Times that quantities are read and set within one call of ours."""

_SECRET: Final = secret(8, 512, default="")
SETTINGS: Final = {
    "shop": Setting(
        # At most 80 characters with the domain; Shopify gives names of up to 60.
        pattern=re.compile(r"[a-z0-9][a-z0-9-]{0,65}\.myshopify\.com"),
        form="the shop's own name, such as my-shop.myshopify.com",
    ),
    "location_id": Setting(pattern=NUMBER, form="the number of a location, such as 65536"),
    "client_id": Setting(pattern=re.compile(r"[0-9A-Za-z_-]{8,128}"), form="8 to 128 letters and digits", default=""),
    "client_secret": _SECRET,
    "access_token": _SECRET,
    "refresh_token": _SECRET,
    EXPIRES_AT: EXPIRES_AT_SETTING,
    TEMPLATE: TEMPLATE_SETTING,
}

_READ: Final = """\
query ShowdropRead($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) {
    ... on InventoryItem {
      id
      tracked
      inventoryLevel(locationId: $location) { quantities(names: ["available"]) { name quantity } }
    }
  }
}"""

_SET: Final = """\
mutation ShowdropSet($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    userErrors { code field message }
  }
}"""


class ShopifyKind:
    """Sets up and opens shops.

    Settings: ``shop`` (``name.myshopify.com``), ``location_id``; and, as secrets but for ``client_id``, either an
    ``access_token`` that does not end, or ``client_id`` and ``client_secret`` of an app of the merchant's own, with
    which access is asked for, or those two with a ``refresh_token`` (and ``access_token`` and
    ``access_token_expires_at`` where they are known), with which it is renewed.

    Pushes are signed with ``client_secret``: without it none is taken, and orders are asked for instead. For products
    there is ``product_template`` (``product_input.py`` says what may be in there).

    The app needs the scopes ``read_inventory`` and ``write_inventory``, ``read_orders`` and ``write_orders``,
    ``read_products`` and ``write_products``.

    Args:
        base_url: where shops are; ``{shop}`` stands for the setting.
        clock_ms: the wall clock, for the end of tokens.
    """

    def __init__(self, *, base_url: str = REAL_URL, clock_ms: Callable[[], int] = now_ms) -> None:
        self._base_url = base_url
        self._clock_ms = clock_ms

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return "inventory_item_id"

    @property
    def setting_names(self) -> Collection[str]:
        """See ``ChannelKind``."""
        return SETTINGS

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``."""
        if NUMBER.fullmatch(item_id) is None:
            raise InvalidError(
                "a Shopify item id is the number of an inventory item, such as 43729076", field="item_id"
            )

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``; any items may go together."""
        del item_id
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        given = dict(settings)
        if "shop" in given:
            given["shop"] = given["shop"].lower()
        prepared = checked(given, SETTINGS, whose="a Shopify channel")
        read_template(prepared.settings[TEMPLATE])
        renewable = prepared.settings["client_id"] and prepared.secrets["client_secret"]
        if not prepared.secrets["access_token"] and not renewable:
            raise InvalidError(
                "access_token is missing: give it, or client_id and client_secret to ask for access with",
                field="access_token",
            )
        if prepared.secrets["refresh_token"] and not renewable:
            raise InvalidError(
                "a refresh_token is of no use without client_id and client_secret", field="refresh_token"
            )
        return prepared

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "ShopifyChannel":
        """See ``ChannelKind``."""
        return ShopifyChannel(config, save, base_url=self._base_url, clock_ms=self._clock_ms)

    def pushed(self, config: ChannelConfig, request: PushRequest) -> Pushed:
        """See ``Pushes``."""
        return pushed(config.secrets.get("client_secret", ""), config.settings["shop"], request)


class ShopifyChannel:
    """One location of one shop."""

    def __init__(self, config: ChannelConfig, save: SaveSecrets, *, base_url: str, clock_ms: Callable[[], int]) -> None:
        self._location = f"gid://shopify/Location/{config.settings['location_id']}"
        self._pushed = bool(config.secrets.get("client_secret"))
        self._calls = ShopifyCalls(config, save, base_url=base_url, clock_ms=clock_ms)
        self._orders = ShopifyOrders(self._calls, pushed=self._pushed)
        self._products = ShopifyProducts(
            self._calls, template=read_template(config.settings.get(TEMPLATE, "{}")), location=self._location
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
            orders="push" if self._pushed else "poll",
        )

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``. Takes two calls to Shopify, and two more when its quantities changed in between."""
        answers: dict[str, Answer] = {}
        for _ in range(ROUNDS):
            changes: list[tuple[Level, int]] = []
            left = [level for level in levels if level.sku not in answers]
            for level, item in zip(left, await self._look([level.item_id for level in left]), strict=True):
                refused = refusal_of(item)
                if refused is not None:
                    answers[level.sku] = refused
                elif item is not None and item.available is not None and item.available != level.quantity:
                    changes.append((level, item.available))
                else:
                    answers[level.sku] = Told()
            if changes:
                answers |= await self._set(changes)
            if len(answers) == len(levels):
                break
        missed = Refused(
            reason="Shopify changed nothing: the quantity changed meanwhile, or another item of the call was refused",
            temporary=True,
        )
        return [answers.get(level.sku, missed) for level in levels]

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``; None also for an item not stocked at the location, below 0 for one oversold there."""
        return [None if item is None else item.available for item in await self._look(item_ids)]

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

    async def _look(self, item_ids: Sequence[str]) -> list[Item | None]:
        gids = [_gid(item_id) for item_id in item_ids]
        return items_in(await self._calls.run(_READ, {"ids": gids, "location": self._location}), gids)

    async def _set(self, changes: Sequence[tuple[Level, int]]) -> dict[str, Answer]:
        """Set quantities from what was read; returns the answers, by SKU, that are final."""
        quantities = [
            {
                "inventoryItemId": _gid(level.item_id),
                "locationId": self._location,
                "quantity": level.quantity,
                "changeFromQuantity": shown,
            }
            for level, shown in changes
        ]
        values = {"name": AVAILABLE, "reason": "correction", "quantities": quantities}
        complaints = complaints_in(await self._calls.run(_SET, {"input": values, "key": str(uuid.uuid4())}))
        if not complaints:
            return {level.sku: Told() for level, _ in changes}
        answers: dict[str, Answer] = {}
        for complaint in complaints:
            if complaint.place is None and not complaint.final:
                raise ChannelDownError(f"Shopify: {complaint.said}")
            if not complaint.final:
                continue
            if complaint.place is not None and complaint.place >= len(changes):
                raise ChannelDownError("Shopify complains about an entry that it was not sent")
            concerned = changes if complaint.place is None else [changes[complaint.place]]
            answers |= {
                level.sku: Refused(reason=f"Shopify: {complaint.said}", temporary=False) for level, _ in concerned
            }
        return answers


def _gid(item_id: str) -> str:
    return f"gid://shopify/InventoryItem/{item_id}"
