"""What a channel calls our goods, and which of them it has: links, items that nobody linked, published products."""

import asyncio
from typing import Annotated

import msgspec

from inventory.channels.channels_pg import Channels
from inventory.channels.items_pg import ChannelItems, UnlinkedPage
from inventory.channels.limits import ITEM_ID_CHARS, MAX_PAGE
from inventory.channels.links import Linked
from inventory.channels.links_csv import read_links
from inventory.channels.links_pg import Links
from inventory.channels.products_pg import ChannelProducts, PublishedPage
from kit.errors import InvalidError
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import NEXT_SAID, NOT_BLANK, AfterProduct, ProductId, Sku
from live.api.limits import JSON_BODY_MAX_BYTES, LINKS_BODY_MAX_BYTES, PAGE_DEFAULT_ITEMS

_Limit = Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)]


class ItemQuery(Request, frozen=True):
    """Which items."""

    limit: _Limit = PAGE_DEFAULT_ITEMS
    after: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=ITEM_ID_CHARS, pattern=NOT_BLANK, description=NEXT_SAID)]
        | None
    ) = None


class PublishedQuery(Request, frozen=True):
    """Which products."""

    limit: _Limit = PAGE_DEFAULT_ITEMS
    after: AfterProduct | None = None


class Publication(Request, frozen=True):
    """Products that the channel should have; without ``product_ids`` all that there are now."""

    product_ids: Annotated[list[ProductId], msgspec.Meta(min_length=1, max_length=MAX_PAGE)] | None = None


class Withdrawal(Request, frozen=True):
    """Products of which the channel is told no more."""

    product_ids: Annotated[list[ProductId], msgspec.Meta(min_length=1, max_length=MAX_PAGE)]


class PublicationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How many products it is about."""

    channel_id: str
    products: int


class Unlinking(Request, frozen=True):
    """SKUs that are none of the channel's items any more."""

    skus: Annotated[list[Sku], msgspec.Meta(min_length=1, max_length=MAX_PAGE)]


class Unlinked(msgspec.Struct, frozen=True, kw_only=True):
    """How many of them were linked."""

    unlinked: int


class MatchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The channel's items are listed and matched; what is left stands in the list of its items."""

    channel_id: str


class ChannelCatalogueEndpoints:
    """The calls about goods of channels."""

    def __init__(self, channels: Channels, links: Links, items: ChannelItems, products: ChannelProducts) -> None:
        self._channels = channels
        self._links = links
        self._channel_items = items
        self._channel_products = products

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [*self._linking(), *self._publishing()]

    def _linking(self) -> list[Endpoint]:
        return [
            endpoint(
                "channels",
                "link_channel_items",
                "POST",
                "/v1/channels/{id}/links",
                "Upload a CSV (`sku,item_id`) that says which of the channel's items is which SKU",
                roles=STAFF,
                body=Empty,
                body_kind="file",
                body_limit=LINKS_BODY_MAX_BYTES,
                query=Empty,
                answer=Linked,
                handle=self._link,
            ),
            endpoint(
                "channels",
                "unlink_channel_items",
                "POST",
                "/v1/channels/{id}/links/remove",
                "Let SKUs go; the channel keeps showing what it was told of them last",
                roles=STAFF,
                body=Unlinking,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=Unlinked,
                handle=self._unlink,
            ),
            endpoint(
                "channels",
                "match_channel_items",
                "POST",
                "/v1/channels/{id}/links/match",
                "List the channel's items, and link those that are called exactly as a SKU",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=MatchAnswer,
                status=202,
                handle=self._match,
            ),
            endpoint(
                "channels",
                "list_unlinked_items",
                "GET",
                "/v1/channels/{id}/items",
                "Items of the channel that are not linked, as of the last matching",
                roles=STAFF,
                body=Empty,
                query=ItemQuery,
                answer=UnlinkedPage,
                handle=self._items,
            ),
        ]

    def _publishing(self) -> list[Endpoint]:
        return [
            endpoint(
                "channels",
                "publish_products",
                "POST",
                "/v1/channels/{id}/publish",
                "Let a channel have products, now and whenever they change",
                roles=STAFF,
                body=Publication,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=PublicationAnswer,
                status=202,
                handle=self._publish,
            ),
            endpoint(
                "channels",
                "withdraw_products",
                "POST",
                "/v1/channels/{id}/withdraw",
                "Tell a channel no more of products; it keeps what it has of them",
                roles=STAFF,
                body=Withdrawal,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=PublicationAnswer,
                handle=self._withdraw,
            ),
            endpoint(
                "channels",
                "list_published_products",
                "GET",
                "/v1/channels/{id}/products",
                "Products that a channel should have, and what it says of them",
                roles=STAFF,
                body=Empty,
                query=PublishedQuery,
                answer=PublishedPage,
                handle=self._products,
            ),
        ]

    async def _link(self, call: Call[Empty, Empty]) -> Linked:
        if call.asked.file is None:
            raise RuntimeError("links are declared with a file body")
        links, left_out = await asyncio.to_thread(read_links, call.asked.file)
        linked = await self._links.link(call.id, links)
        return msgspec.structs.replace(linked, left_out=sorted([*left_out, *linked.left_out], key=lambda one: one.line))

    async def _unlink(self, call: Call[Unlinking, Empty]) -> Unlinked:
        return Unlinked(unlinked=await self._links.unlink(call.id, call.body.skus))

    async def _match(self, call: Call[Empty, Empty]) -> MatchAnswer:
        if not (await self._channels.abilities(call.id)).lists:
            raise InvalidError("this channel does not say which items it has", code="lists_no_items")
        await self._channel_items.ask_match(call.id)
        return MatchAnswer(channel_id=call.id)

    async def _items(self, call: Call[Empty, ItemQuery]) -> UnlinkedPage:
        return await self._channel_items.page(call.id, limit=call.query.limit, after=call.query.after)

    async def _publish(self, call: Call[Publication, Empty]) -> PublicationAnswer:
        if not (await self._channels.abilities(call.id)).publishes:
            raise InvalidError("this channel takes no products", code="takes_no_products")
        products = await self._channel_products.publish(call.id, call.body.product_ids)
        return PublicationAnswer(channel_id=call.id, products=products)

    async def _withdraw(self, call: Call[Withdrawal, Empty]) -> PublicationAnswer:
        products = await self._channel_products.withdraw(call.id, call.body.product_ids)
        return PublicationAnswer(channel_id=call.id, products=products)

    async def _products(self, call: Call[Empty, PublishedQuery]) -> PublishedPage:
        return await self._channel_products.page(call.id, limit=call.query.limit, after=call.query.after)
