"""Pinterest: the products of a catalogue out, and whether they can be bought, out and read back.

The API, version 5: https://developers.pinterest.com/docs/api/v5/, described by ``pinterest/api-description``. It knows
no quantities, only availability. A batch is taken at once and worked on later; what came of it is asked for by its id.
Levels are updates of availability only. Title, price and pictures come from a product feed, or from products that are
published here; the catalogue of an account with a feed takes no new items in batches, and says so.

A batch like one of a moment ago is skipped, and Pinterest does not say how it compares them. Where "sold out, back,
sold out" is told quickly, the third may be taken for the first. So after a skipped batch the catalogue is read.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from http import HTTPStatus
from typing import Final, Literal
from urllib.parse import quote

from inventory.channels.access import EXPIRES_AT, EXPIRES_AT_SETTING
from inventory.channels.calls_http import Reply
from inventory.channels.channel import (
    BY_SKU,
    Answer,
    Capabilities,
    ChannelConfig,
    ChannelDownError,
    Level,
    Pending,
    Prepared,
    Refused,
    SaveSecrets,
    Told,
)
from inventory.channels.pinterest.answers import (
    Batch,
    Items,
    answers_of,
    attributes_of,
    availability_of,
    read_answer,
    sentence,
    shown,
)
from inventory.channels.pinterest.calls_http import PinterestCalls
from inventory.channels.pinterest.products import ITEM_ID_CHARS, answers_for, is_item_id, items_for, shown_as_told
from inventory.channels.product_addresses import ADDRESSES_IF_PUBLISHED, check_templates
from inventory.channels.product_rows import row_settings
from inventory.channels.publishing import Product, PublishAnswer, Published, Publishing
from inventory.channels.settings import Setting, checked, secret
from kit.clock import now_ms
from kit.errors import InvalidError

REAL_URL: Final = "https://api.pinterest.com/v5"

BATCH: Final = 1_000
"""Items of one batch, and of one reading; both are the API's own limits."""

CALLS_PER_S: Final = 1.0
"""Calls per second. The limits per minute of the catalogue calls are shown to an app's owner only; all calls together
may be 100 a second. Each call says 1,000 items, so one a second, and as many questions after it, is ample."""

PUBLISH_BATCH: Final = 250
"""Items of one batch that says all of them: 5 MB with the longest texts; how long a call may be is not documented."""

PUBLISH_CALLS_PER_S: Final = 0.2
"""Batches of products per second, of the same limits."""

_ITEMS_BATCH: Final = "/catalogs/items/batch"
_ITEMS: Final = "/catalogs/items"

_SECRET: Final = secret(1, 2000)

_SKIPPED: Final = Refused(reason="Pinterest skipped it as it was told the same a moment ago", temporary=True)

SETTINGS: Final = {
    "catalog_id": Setting(pattern=re.compile(r"[0-9]{1,25}"), form="a number"),
    "country": Setting(pattern=re.compile(r"[A-Z]{2}"), form="a country of two capital letters, such as US"),
    "language": Setting(pattern=re.compile(r"[A-Za-z]{2}(-[A-Za-z0-9]{2,4})?"), form="a language, such as en or en-US"),
    "client_id": Setting(pattern=re.compile(r"[0-9]{1,25}"), form="the app's id, a number"),
    "client_secret": _SECRET,
    "refresh_token": _SECRET,
    "access_token": secret(0, 2000, default=""),
    EXPIRES_AT: EXPIRES_AT_SETTING,
    **ADDRESSES_IF_PUBLISHED,
}


class PinterestKind:
    """Sets up and opens catalogues.

    Settings: ``catalog_id``, ``country``, ``language``, ``client_id``; and as secrets ``client_secret``,
    ``refresh_token``, and if they are known ``access_token`` and ``access_token_expires_at`` (seconds since the epoch).
    Without those two, access is renewed at once. If products are published also ``link_template``, ``image_template``,
    ``brand`` and ``condition``.

    Args:
        base_url: of the API, with its version.
        clock_ms: the wall clock, for the end of access tokens.
    """

    def __init__(self, *, base_url: str = REAL_URL, clock_ms: Callable[[], int] = now_ms) -> None:
        self._base_url = base_url
        self._clock_ms = clock_ms

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``; a catalogue has the merchant's own ids."""
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
            message = f"an item of Pinterest is the sku of the catalogue, 1 to {ITEM_ID_CHARS} characters on one line"
            raise InvalidError(message, field="item_id")

    def group_of(self, item_id: str) -> str:  # noqa: ARG002 - any items may go together
        """See ``ChannelKind``."""
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        prepared = checked(settings, SETTINGS, whose="a Pinterest channel")
        check_templates(prepared.settings)
        return prepared

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "PinterestChannel":
        """See ``ChannelKind``."""
        return PinterestChannel(config, save, base_url=self._base_url, clock_ms=self._clock_ms)


class PinterestChannel:
    """One catalogue."""

    def __init__(self, config: ChannelConfig, save: SaveSecrets, *, base_url: str, clock_ms: Callable[[], int]) -> None:
        self._settings = config.settings
        self._rows = row_settings(config.settings, "pinterest")
        self._calls = PinterestCalls(config, save, base_url=base_url, clock_ms=clock_ms)

    @property
    def capabilities(self) -> Capabilities:
        """See ``Channel``."""
        return Capabilities(batch_size=BATCH, calls_per_s=CALLS_PER_S, tells="availability", reads=True)

    @property
    def publishing(self) -> Publishing:
        """See ``Publishes``."""
        return Publishing(batch_size=PUBLISH_BATCH, products=PUBLISH_BATCH, calls_per_s=PUBLISH_CALLS_PER_S)

    async def tell(self, levels: Sequence[Level]) -> list[Answer] | Pending:
        """See ``Channel``."""
        items = [
            {
                "item_id": level.item_id,
                "operation": "UPDATE",
                "attributes": {"availability": availability_of(level.quantity)},
                # A name in here without a value in the attributes would be deleted.
                "update_mask": ["availability"],
            }
            for level in levels
        ]
        reply = await self._begin(items)
        if reply.status != HTTPStatus.OK:
            reason = sentence("Pinterest did not take the batch", self._calls.fault(reply))
            return [Refused(reason=reason, temporary=False)] * len(levels)
        batch = read_answer(reply.body, Batch)
        if batch.created_time is None:
            return await self._seen(levels)
        return _pending(batch)

    async def outcome(self, pending: Pending, levels: Sequence[Level]) -> list[Answer] | None:
        """See ``Channel``."""
        found = await self._outcome(pending)
        if isinstance(found, Refused):
            return [found] * len(levels)
        return None if found is None else answers_of(found, levels)

    async def publish(self, products: Sequence[Product]) -> list[PublishAnswer] | Pending:
        """See ``Publishes``. Items are called as in the levels, so a second telling makes no second item."""
        items = [
            item for product in products if isinstance(made := items_for(product, self._rows), list) for item in made
        ]
        if not items:
            return answers_for(products, self._rows, Batch(created_time=None))
        reply = await self._begin(items)
        if reply.status != HTTPStatus.OK:
            reason = sentence("Pinterest did not take the batch", self._calls.fault(reply))
            return self._all_but_refused(products, Refused(reason=reason, temporary=False))
        batch = read_answer(reply.body, Batch)
        if batch.created_time is None:
            return await self._seen_products(products, [str(item["item_id"]) for item in items])
        return _pending(batch)

    async def published(self, pending: Pending, products: Sequence[Product]) -> list[PublishAnswer] | None:
        """See ``PublishesLater``."""
        found = await self._outcome(pending)
        if isinstance(found, Refused):
            return self._all_but_refused(products, found)
        return None if found is None else answers_for(products, self._rows, found)

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``."""
        seen = shown(await self._items(item_ids))
        return [seen.get(item_id) for item_id in item_ids]

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

    async def _seen(self, levels: Sequence[Level]) -> list[Answer]:
        """Answer for a batch that was skipped, by what the catalogue shows."""
        seen = await self.read([level.item_id for level in levels])
        return [
            Told() if is_there == int(level.quantity > 0) else _SKIPPED
            for is_there, level in zip(seen, levels, strict=True)
        ]

    async def _seen_products(self, products: Sequence[Product], item_ids: Sequence[str]) -> list[PublishAnswer]:
        """The same for products; the batch of a moment ago may not have been worked on yet."""
        seen = attributes_of(await self._items(item_ids))
        return [
            Published() if shown_as_told(product, self._rows, seen) else answer
            for product, answer in zip(products, self._all_but_refused(products, _SKIPPED), strict=True)
        ]

    def _all_but_refused(self, products: Sequence[Product], answer: Refused) -> list[PublishAnswer]:
        """Return one answer for all products but those that were not told at all."""
        made = (items_for(product, self._rows) for product in products)
        return [one if isinstance(one, Refused) else answer for one in made]

    async def _begin(self, items: Sequence[Mapping[str, object]]) -> Reply:
        catalogue = {"catalog_type": "RETAIL", "catalog_id": self._settings["catalog_id"]}
        return await self._calls.call("POST", _ITEMS_BATCH, {**catalogue, **self._market(), "items": items})

    async def _outcome(self, pending: Pending) -> Batch | Refused | None:
        """Return a batch that is done, or why nothing is known of it; None while Pinterest works on it."""
        reply = await self._calls.call("GET", f"{_ITEMS_BATCH}/{quote(pending.handle, safe='')}")
        if reply.status != HTTPStatus.OK:
            # It has forgotten the batch, with or without applying it.
            reason = sentence("Pinterest does not tell what came of the batch", self._calls.fault(reply))
            return Refused(reason=reason, temporary=True)
        batch = read_answer(reply.body, Batch)
        if batch.status is None:
            raise ChannelDownError("Pinterest does not tell how far the batch is")
        return None if batch.status == "PROCESSING" else batch

    async def _items(self, item_ids: Sequence[str]) -> Items:
        filters = {
            "catalog_type": "RETAIL",
            "catalog_id": self._settings["catalog_id"],
            "item_ids": list(item_ids),
        }
        reply = await self._calls.call("POST", _ITEMS, {**self._market(), "filters": filters})
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(sentence("Pinterest does not show the catalogue", self._calls.fault(reply)))
        return read_answer(reply.body, Items)

    def _market(self) -> dict[str, str]:
        return {"country": self._settings["country"], "language": self._settings["language"]}


def _pending(batch: Batch) -> Pending:
    if not batch.batch_id:
        raise ChannelDownError("Pinterest named no batch")
    return Pending(handle=batch.batch_id)
