"""LINE MyShop (Thailand): the inventory of https://developers-oaplus.line.biz.

``adjust`` is not used: its documentation can be read as "set to" and as "add to". So the quantity on sale is read,
each time, and ``increase`` or ``decrease`` is called with what is missing. A call whose answer was lost is no danger:
the next one reads again and finds nothing missing. A sale between the two calls lowers the quantity by what was sold,
which is right: the order arrives here too and lowers the level.

Item ids are ``product_id/inventory_id``: changes go by the inventory's id, but quantities can only be read with the
products, and those can be asked for by the product's id or our SKU, not by the inventory's id.
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec

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
    Told,
)
from inventory.channels.unreadable import UNREADABLE
from kit.errors import InvalidError

REAL_URL: Final = "https://developers-oaplus.line.biz"

BATCH: Final = 1
"""A change names one inventory."""

MOST_QUANTITY: Final = 99_999
"""LINE's limit of what is on sale, and of one change."""

CALLS_PER_S: Final = 8.0
"""Levels are told this often; each time is a read and a change. LINE allows 1,000 requests a minute and 50 a second per
resource (told by others, not confirmed); counted as if it were one resource, this and `CALLS_AT_ONCE` make 980."""

CALLS_AT_ONCE: Final = 10
"""Levels told directly after each other after a rest: 20 requests."""

TRIES: Final = 2
"""Changes tried for one level: one more, when the quantity moved between read and change."""

SAID_CHARS: Final = 160
"""Characters of LINE's own message that are kept."""

_PRODUCTS: Final = "/myshop/v1/products"
_INVENTORY: Final = "/myshop/v1/inventory"
_ITEM_ID: Final = re.compile(r"[1-9][0-9]{0,18}/[1-9][0-9]{0,18}")
_API_KEY: Final = re.compile(r"[A-Za-z0-9+/=_.-]{16,256}")

_T = TypeVar("_T")


class LineMyshopKind:
    """Sets up and opens LINE MyShops; settings: ``api_key``, of OA Plus, Settings, API keys.

    Args:
        base_url: where the API is.
    """

    def __init__(self, *, base_url: str = REAL_URL) -> None:
        self._base_url = base_url

    @property
    def item_form(self) -> str:
        """See ``ChannelKind``."""
        return "product_id/inventory_id"

    def check_item_id(self, item_id: str) -> None:
        """See ``ChannelKind``."""
        if _ITEM_ID.fullmatch(item_id) is None:
            raise InvalidError(f"an item of LINE MyShop is written {self.item_form}, in digits", field="item_id")

    def group_of(self, item_id: str) -> str:
        """See ``ChannelKind``."""
        return item_id.partition("/")[0]

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """See ``ChannelKind``. The key is a secret; there is nothing else to set."""
        unknown = sorted(set(settings) - {"api_key"})
        if unknown:
            raise InvalidError(f"a LINE MyShop has no setting {unknown[0]!r}", field=unknown[0])
        if _API_KEY.fullmatch(settings.get("api_key", "")) is None:
            raise InvalidError("api_key is 16 to 256 letters, digits, or one of +/=_.-", field="api_key")
        return Prepared(settings={}, secrets={"api_key": settings["api_key"]})

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "LineMyshopChannel":
        """See ``ChannelKind``. The key is never renewed."""
        del save
        return LineMyshopChannel(config, base_url=self._base_url)


class LineMyshopChannel:
    """One LINE MyShop."""

    def __init__(self, config: ChannelConfig, *, base_url: str) -> None:
        self._api_key = config.secrets["api_key"]
        self._calls = ChannelCalls(base_url)

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

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """See ``Channel``. Nothing is changed when the shop has this quantity already."""
        return [await self._tell(level) for level in levels]

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """See ``Channel``: what the storefront offers, without what is reserved or waits to be shipped."""
        found = [await self._available(item_id) for item_id in item_ids]
        return [None if isinstance(one, Refused) else one for one in found]

    async def close(self) -> None:
        """See ``Channel``."""
        await self._calls.close()

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
            reply = await self._change(level.item_id, level.quantity - available)
            if reply.status == HTTPStatus.OK:
                decoded(reply.body, Inventory)
                return Told()
            refused, before = refusal(reply.status, reply.body, hide=self._api_key), available
        # It was refused for what it would have been, and the quantity moves: a later try finds it at rest.
        return msgspec.structs.replace(refused, temporary=True)

    async def _available(self, item_id: str) -> int | Refused:
        """What is on sale; refused, if the shop has no such item or does not give it to us."""
        product_id, _, inventory_id = item_id.partition("/")
        reply = await self._calls.call(
            "GET", _PRODUCTS, params={"ids": product_id}, headers={"x-api-key": self._api_key}
        )
        if reply.status != HTTPStatus.OK:
            return refusal(reply.status, reply.body, hide=self._api_key)
        available = available_in(reply.body, int(product_id), int(inventory_id))
        if available is None:
            return Refused(reason=f"LINE MyShop has no item {item_id}: correct the link", temporary=False)
        return available

    async def _change(self, item_id: str, by: int) -> Reply:
        inventory_id = item_id.partition("/")[2]
        return await self._calls.call(
            "PUT",
            f"{_INVENTORY}/{inventory_id}/{'increase' if by > 0 else 'decrease'}",
            headers={"x-api-key": self._api_key, "content-type": "application/json"},
            body=msgspec.json.encode({"amount": min(abs(by), MOST_QUANTITY)}),
        )


class Inventory(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a change: what is on sale now."""

    available_number: int


def available_in(body: bytes, product_id: int, inventory_id: int) -> int | None:
    """Return what is on sale of an inventory, from a page of products; None if it is not there.

    Raises:
        ChannelDownError: it is no such page.
    """
    for product in decoded(body, _Page).data or []:
        for variant in product.variants or []:
            if product.id == product_id and variant.inventory_id == inventory_id:
                if variant.available_number is None:
                    raise ChannelDownError("LINE's answer has an item without a quantity")
                return variant.available_number
    return None


def refusal(status: int, body: bytes, *, hide: str = "") -> Refused:
    """Return what a failed call means: a refusal, for now if something else changed the item at the same time.

    Args:
        status: of HTTP, other than 200.
        body: of the answer.
        hide: a text that must not be repeated.

    Raises:
        ChannelDownError: it passes by itself.
        ChannelGoneError: the key, or what it allows, has to be put right.
    """
    try:
        error = decoded(body, _Error)
    except ChannelDownError:
        if status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise
        error = _Error(code=str(status))
    code = error.code[:SAID_CHARS]
    if code in {"UNAUTHORIZED", "PERMISSION_DENIED"} or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise ChannelGoneError(f"LINE gives no access ({status}): make a new API key in OA Plus, or allow more to it")
    if code == "INTERNAL_ERROR" or status < HTTPStatus.BAD_REQUEST:
        raise ChannelDownError(f"LINE failed for now ({status})")
    said = f"{code}: {error.message}".replace(hide or "\0", "…")[:SAID_CHARS]
    return Refused(reason=f"LINE refused it: {said}", temporary=code == "DATA_CONFLICT")


def decoded(body: bytes, kind: type[_T]) -> _T:
    """Read an answer.

    Raises:
        ChannelDownError: it is not of this kind.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE as error:
        raise ChannelDownError("LINE's answer could not be read") from error


class _Variant(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    inventory_id: int | None = None
    available_number: int | None = None


class _Product(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    variants: list[_Variant] | None = None


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    data: list[_Product] | None


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    message: str = ""
