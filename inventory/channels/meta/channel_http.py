"""Meta: the catalogue behind Facebook and Instagram shops, and the orders of such a shop.

Levels and products are told in batches that Meta works on later (``batches_http.py``). Orders are had by a shop that
sells on Meta's own pages, which few may; a channel without ``commerce_account_id`` has none.

The access token is a system user's, which does not expire: there is nothing to renew, and a token that Meta does not
take any more is a matter for staff.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from inventory.channels.calls_http import ChannelCalls
from inventory.channels.channel import (
    BY_SKU,
    Answer,
    Capabilities,
    ChannelConfig,
    Level,
    Pending,
    Prepared,
    Refused,
    SaveSecrets,
    Told,
)
from inventory.channels.meta.answers import Outcome, Shown, products_in, request_for
from inventory.channels.meta.batches_http import MetaBatches
from inventory.channels.meta.calls_http import MetaCalls
from inventory.channels.meta.failures import CATALOGUE, SHOP, CallRefusedError
from inventory.channels.meta.orders_http import SELLING, MetaOrders
from inventory.channels.meta.products import ITEM_ID_CHARS, MOST_QUANTITY, answers_for, is_item_id, requests_for
from inventory.channels.product_addresses import ADDRESSES_IF_PUBLISHED, check_templates
from inventory.channels.product_rows import row_settings
from inventory.channels.publishing import Product, PublishAnswer, Publishing
from inventory.channels.selling import ChannelOrder, OrderPage, Selling
from inventory.channels.settings import NUMBER, Setting, checked, secret
from kit.errors import InvalidError

REAL_URL: Final = "https://graph.facebook.com"

BATCH: Final = 2_500
"""Items in one call. Meta takes 5,000, and recommends fewer than 3,000."""

CALLS_PER_S: Final = 6 / 61
"""Batches of levels per second: a catalogue that nobody has looked at yet has 8 batches a minute, and more with its
visits. The extra second is for a batch that travels faster than the one before it. The eighth is for products, ..."""

CALLS_AT_ONCE: Final = 2
"""... and the seventh goes directly after another, when there was a rest: an offer that opens a moment after units came
does not leave them on sale over there for ten seconds."""

PUBLISH_BATCH: Final = 1_000
"""Items in one call that says all of them; with the longest texts 20 MB, of the 28 that Meta takes."""

PUBLISH_CALLS_PER_S: Final = 1 / 61
"""Batches of products per second: the eighth."""

READ_ITEMS: Final = 50
"""Items that are searched for in one call ..."""

READ_CHARS: Final = 4_000
"""... and characters of their ids in its address, which may be about 8,000 long."""

READS_PER_S: Final = 1.0
"""Such calls per second: they are counted apart from batches, 20,000 an hour at least."""

_TOKEN: Final = secret(1, 1000)
SETTINGS: Final = {
    "catalog_id": Setting(pattern=NUMBER, form="the number of a catalogue"),
    "access_token": _TOKEN,
    "app_secret": _TOKEN,
    "commerce_account_id": Setting(
        pattern=re.compile(rf"({NUMBER.pattern})?"), form="the number of a commerce account, or blank", default=""
    ),
    "page_access_token": secret(0, 1000, default=""),
    **ADDRESSES_IF_PUBLISHED,
}


class MetaKind:
    """Sets up and opens catalogues; settings: ``catalog_id``, ``access_token`` (secret), ``app_secret`` (secret).

    The token belongs to a system user who has ``catalog_management`` on the catalogue. If there are orders also
    ``commerce_account_id`` and, where the system user may not read them, ``page_access_token`` (secret); if products
    are published ``link_template``, ``image_template``, ``brand`` and ``condition``.

    Args:
        base_url: where the Graph API is.
    """

    def __init__(self, *, base_url: str = REAL_URL) -> None:
        self._base_url = base_url

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``: Meta calls it the retailer id."""
        return BY_SKU

    @property
    def setting_names(self) -> Collection[str]:
        """See ``ChannelKind``."""
        return SETTINGS

    @property
    def names_items(self) -> Literal[True]:
        """See ``NamesItems``."""
        return True

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``."""
        if not is_item_id(item_id):
            raise InvalidError(
                f"a Meta item id is the item's retailer id, 1 to {ITEM_ID_CHARS} printable characters", field="item_id"
            )

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``; any items may go together."""
        del item_id
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        prepared = checked(settings, SETTINGS, whose="a Meta channel")
        check_templates(prepared.settings)
        return prepared

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "MetaChannel":
        """See ``ChannelKind``; there is nothing to save, the token is not renewed."""
        del save
        return MetaChannel(config, base_url=self._base_url)


class MetaChannel:
    """One catalogue, and the shop that sells from it."""

    def __init__(self, config: ChannelConfig, *, base_url: str) -> None:
        token, app_secret = config.secrets["access_token"], config.secrets["app_secret"]
        page_token = config.secrets.get("page_access_token") or token
        account_id = config.settings.get("commerce_account_id", "")
        self._catalog = f"/{config.settings['catalog_id']}"
        self._sells = bool(account_id)
        self._rows = row_settings(config.settings, "meta")
        self._pool = ChannelCalls(base_url)
        self._calls = MetaCalls(self._pool, access_token=token, app_secret=app_secret, remedies=CATALOGUE)
        self._batches = MetaBatches(self._calls, config.settings["catalog_id"])
        shop = MetaCalls(self._pool, access_token=page_token, app_secret=app_secret, remedies=SHOP)
        self._orders = MetaOrders(shop, account_id)

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``."""
        return Capabilities(
            batch_size=BATCH,
            calls_per_s=CALLS_PER_S,
            calls_at_once=CALLS_AT_ONCE,
            read_size=READ_ITEMS,
            reads_per_s=READS_PER_S,
            most_quantity=MOST_QUANTITY,
            reads=True,
            orders="poll" if self._sells else "none",
        )

    @property
    def selling(self) -> Selling:
        """See ``Sells``."""
        return SELLING

    @property
    def publishing(self) -> Publishing:
        """See ``Publishes``."""
        return Publishing(batch_size=PUBLISH_BATCH, products=PUBLISH_BATCH, calls_per_s=PUBLISH_CALLS_PER_S)

    async def tell(self, levels: Sequence[Level]) -> list[Answer] | Pending:
        """See ``Channel``. An item that Meta does not have is refused: it must not come into being half filled."""
        try:
            work = await self._batches.begin([(level.item_id, request_for(level)) for level in levels], upsert=False)
        except CallRefusedError as error:
            return [Refused(reason=error.message, temporary=False) for _ in levels]
        return work.pending if work.handles else _answers(levels, Outcome(refused=work.refused, unnamed=0))

    async def outcome(self, pending: Pending, levels: Sequence[Level]) -> list[Answer] | None:
        """See ``AnswersLater``."""
        outcome = await self._batches.outcome(pending)
        return None if outcome is None else _answers(levels, outcome)

    async def publish(self, products: Sequence[Product]) -> list[PublishAnswer] | Pending:
        """See ``Publishes``. Items are called as in the levels, so a second telling makes no second item."""
        entries: list[tuple[str, dict[str, object]]] = []
        for product in products:
            requests = requests_for(product, self._rows)
            if not isinstance(requests, Refused):
                ids = (variant.item_id or variant.sku for variant in product.variants)
                entries += zip(ids, requests, strict=True)
        nothing_known = Outcome(refused={}, unnamed=0)
        if not entries:
            return answers_for(products, self._rows, nothing_known)
        try:
            work = await self._batches.begin(entries, upsert=True)
        except CallRefusedError as error:
            refused = Outcome(refused={item_id: error.message for item_id, _ in entries}, unnamed=0)
            return answers_for(products, self._rows, refused)
        if not work.handles:
            return answers_for(products, self._rows, Outcome(refused=work.refused, unnamed=0))
        return work.pending

    async def published(self, pending: Pending, products: Sequence[Product]) -> list[PublishAnswer] | None:
        """See ``PublishesLater``."""
        outcome = await self._batches.outcome(pending)
        return None if outcome is None else answers_for(products, self._rows, outcome)

    async def orders_changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells``."""
        return await self._orders.changed(since_ms, after=after)

    async def orders(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells``."""
        return await self._orders.read(order_ids)

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels``."""
        return await self._orders.cancel(order_id)

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``; an item in stock without a quantity sells without end, and is answered as the highest."""
        found: dict[str, Shown] = {}
        for some in _portions(item_ids):
            params = {
                "filter": msgspec.json.encode({"retailer_id": {"is_any": some}}).decode(),
                "fields": "retailer_id,availability,quantity_to_sell_on_facebook",
                "limit": str(len(some)),
            }
            found |= products_in(await self._calls.call("GET", f"{self._catalog}/products", params=params))
        return [_shown(found.get(item_id)) for item_id in item_ids]

    async def close(self) -> None:
        """See ``Channel``."""
        await self._pool.close()


def _answers(levels: Sequence[Level], outcome: Outcome) -> list[Answer]:
    rest: Answer = Told()
    if outcome.unnamed:
        reason = f"Meta refused {outcome.unnamed} items of the batch, and does not say which"
        rest = Refused(reason=reason, temporary=True)
    return [
        Refused(reason=outcome.refused[level.item_id], temporary=False) if level.item_id in outcome.refused else rest
        for level in levels
    ]


def _shown(item: Shown | None) -> int | None:
    if item is None:
        return None
    if not item.in_stock:
        return 0
    return MOST_QUANTITY if item.quantity is None else item.quantity


def _portions(item_ids: Sequence[str]) -> Iterator[list[str]]:
    """Cut item ids into portions that fit into an address."""
    some: list[str] = []
    chars = 0
    for item_id in item_ids:
        needs = len(quote(item_id, safe=""))
        if some and (len(some) == READ_ITEMS or chars + needs > READ_CHARS):
            yield some
            some, chars = [], 0
        some.append(item_id)
        chars += needs
    if some:
        yield some
