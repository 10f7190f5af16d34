"""Shopify: quantities are set through the Admin API (GraphQL), each only if it is still what was just read.

A change names the quantity that it starts from. When the shop sold one in between, Shopify changes nothing and says so;
then the quantities are read and set once more. Reading first also finds what needs no change: a call whose answer was
lost is not made twice.

The idempotency key that Shopify asks for is new with every change. It would protect a repeated change, but a change is
never repeated as it was: the quantity that it starts from was read again.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

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
from inventory.channels.shopify.answers import AVAILABLE, Item, complaints_in, items_in, refusal_of
from kit.errors import InvalidError

REAL_URL: Final = "https://{shop}"
"""Each shop has a host of its own."""

API_VERSION: Final = "2026-07"
"""From 2026-04 a change has to name the quantity it starts from, and a version lives for a year."""

BATCH: Final = 29
"""Items in one call. A list may have 250 entries, but reading an item costs 3 points, and the smallest plan gets back
100 per second: 29 items read and set are 98. Larger batches would be no faster, and each would wait for longer."""

CALLS_PER_S: Final = 1.0
"""Calls per second: the points of a full batch come back in a second on the smallest plan."""

CALLS_AT_ONCE: Final = 8
"""Calls after a rest: 784 of the 1,000 points that a full bucket has at least; the others are for reading again."""

MOST_QUANTITY: Final = 1_000_000_000
"""The highest quantity that can be set; above it is INVALID_QUANTITY_TOO_HIGH."""

ROUNDS: Final = 2
"""Times that quantities are read and set within one call of ours."""

SHOP_CHARS: Final = 80
"""Characters of a shop's name with its domain; Shopify gives names of up to 60."""

TOKEN_CHARS: Final = 512
"""Characters of an access token; today's have about 40."""

_SHOP = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")
_NUMBER = re.compile(r"[1-9][0-9]{0,19}")
_TOKEN = re.compile(r"[!-~]+")

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

_HTTP_GONE: Final = {
    401: "the access token is not valid (any more): install the app again and set the channel up with its new token",
    402: "the shop is frozen for an unpaid bill: settle it in Shopify, then resume the channel",
    403: "access to the shop is forbidden: check the app's scopes and the shop's state, then resume the channel",
    404: "there is no such shop: check its name",
    423: "the shop is locked: ask Shopify's support, then resume the channel",
}


class ShopifyKind:
    """Sets up and opens shops; settings: ``shop`` (``name.myshopify.com``), ``location_id``, ``access_token`` (secret).

    The token belongs to an app that has ``read_inventory`` and ``write_inventory``, and does not expire.

    Args:
        base_url: where shops are; ``{shop}`` stands for the setting.
    """

    def __init__(self, *, base_url: str = REAL_URL) -> None:
        self._base_url = base_url

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return "inventory_item_id"

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``."""
        if _NUMBER.fullmatch(item_id) is None:
            raise InvalidError(
                "a Shopify item id is the number of an inventory item, such as 43729076", field="item_id"
            )

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``; any items may go together."""
        del item_id
        return ""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``."""
        unknown = sorted(set(settings) - {"shop", "location_id", "access_token"})
        if unknown:
            raise InvalidError(f"a Shopify channel has no setting {unknown[0]!r}", field=unknown[0])
        shop = settings.get("shop", "").lower()
        if len(shop) > SHOP_CHARS or _SHOP.fullmatch(shop) is None:
            raise InvalidError("shop must be the shop's own name, such as my-shop.myshopify.com", field="shop")
        location_id = settings.get("location_id", "")
        if _NUMBER.fullmatch(location_id) is None:
            raise InvalidError("location_id must be the number of a location, such as 65536", field="location_id")
        token = settings.get("access_token", "")
        if len(token) > TOKEN_CHARS or _TOKEN.fullmatch(token) is None:
            raise InvalidError(
                f"access_token must be at most {TOKEN_CHARS} printable ASCII characters", field="access_token"
            )
        return Prepared(settings={"shop": shop, "location_id": location_id}, secrets={"access_token": token})

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "ShopifyChannel":
        """See ``ChannelKind``; there is nothing to save, the token is not renewed."""
        del save
        return ShopifyChannel(config, base_url=self._base_url)


class ShopifyChannel:
    """One location of one shop."""

    def __init__(self, config: ChannelConfig, *, base_url: str) -> None:
        self._location = f"gid://shopify/Location/{config.settings['location_id']}"
        self._headers = {
            "content-type": "application/json",
            "x-shopify-access-token": config.secrets["access_token"],
        }
        self._calls = ChannelCalls(base_url.replace("{shop}", config.settings["shop"]))

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

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

    async def _look(self, item_ids: Sequence[str]) -> list[Item | None]:
        gids = [_gid(item_id) for item_id in item_ids]
        return items_in(await self._call(_READ, {"ids": gids, "location": self._location}), gids)

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
        complaints = complaints_in(await self._call(_SET, {"input": values, "key": str(uuid.uuid4())}))
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

    async def _call(self, query: str, variables: Mapping[str, object]) -> bytes:
        reply = await self._calls.call(
            "POST",
            f"/admin/api/{API_VERSION}/graphql.json",
            headers=self._headers,
            body=msgspec.json.encode({"query": query, "variables": variables}),
        )
        if reply.status in _HTTP_GONE:
            raise ChannelGoneError(f"Shopify answered {reply.status}: {_HTTP_GONE[reply.status]}")
        if reply.status != 200:
            raise ChannelDownError(f"Shopify answered {reply.status}")
        return reply.body


def _gid(item_id: str) -> str:
    return f"gid://shopify/InventoryItem/{item_id}"
