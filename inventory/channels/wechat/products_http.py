"""The catalogue of a WeChat shop: products told, and its items listed.

WeChat cannot be asked for a product by the merchant's own SKUs, and adding a product has no idempotency key. So before
a product is added all the shop's products are read, in parts, and remembered with their SKUs; after ten minutes, and
after an addition without an answer, the list is read again, with one call more for each product that is not known yet.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from inventory.channels.channel import ChannelDownError, Refused, refused_for_good
from inventory.channels.publishing import ItemPage, Product, PublishAnswer, Published, Publishing
from inventory.channels.wechat.answers import NOT_THERE, OK, refusal, sentence
from inventory.channels.wechat.calls_http import WechatCalls
from inventory.channels.wechat.products import (
    IMAGE_HOST,
    MOST_SKUS,
    MadeSaid,
    PictureSaid,
    ProductSaid,
    ProductsSaid,
    body_of,
    is_told,
    linked_skus,
    links_of,
    listed_items,
    unfit,
)

PUBLISHING: Final = Publishing(batch_size=MOST_SKUS, products=1, calls_per_s=1.0)
"""A product takes three or four calls."""

PAGE_PRODUCTS: Final = 10
"""Products of one page of items, each read with a call of its own."""

LOOK_CALLS: Final = 60
"""Calls for looking through the shop within one call of ours, some twelve seconds; the next one goes on."""

LOOK_AGAIN_MS: Final = 1_000
"""The pause before it."""

LOOK_GOOD_MS: Final = 10 * 60_000
"""How long what was read counts: somebody else may add products too."""

PICTURES_KEPT: Final = 10_000
"""Addresses of pictures that WeChat fetched already."""

_ADD: Final = "/channels/ec/product/add"
_UPDATE: Final = "/channels/ec/product/update"
_GET: Final = "/channels/ec/product/get"
_LIST: Final = "/channels/ec/product/list/get"
_FETCH: Final = "/shop/ec/basics/img/upload"
_BY_ADDRESS: Final = {"upload_type": "1", "resp_type": "1"}
_BOTH_FORMS: Final = 3


class WechatProducts:
    """The products of one shop; used by one loop.

    Args:
        calls: to the shop.
        template: the merchant's fields.
        pause_s: between two calls of one page.
        clock_ms: the wall clock.
    """

    def __init__(
        self, calls: WechatCalls, template: Mapping[str, object], *, pause_s: float, clock_ms: Callable[[], int]
    ) -> None:
        self._calls = calls
        self._template = template
        self._pause_s = pause_s
        self._clock_ms = clock_ms
        self._pictures: dict[str, str] = {}
        # The SKUs of the products that were seen, how far the list is read, and until when a list that was read counts.
        self._skus: dict[str, frozenset[str]] = {}
        self._next_key = ""
        self._known_until_ms = 0

    async def publish(self, products: Sequence[Product]) -> list[PublishAnswer]:
        """See ``Publishes``."""
        return [await self._publish_one(one) for one in products]

    async def items(self, after: str | None) -> ItemPage:
        """See ``Lists``; the list has no SKUs, so a page takes one call more for each product."""
        page = await self._page(after or "")
        found = []
        for product_id in page.product_ids or ():
            await asyncio.sleep(self._pause_s)
            said = await self._get(str(product_id))
            found += listed_items(str(product_id), said)
        return ItemPage(items=tuple(found), next=_following(page, after or ""))

    async def _publish_one(self, product: Product) -> PublishAnswer:
        refused = unfit(product, self._template)
        if refused is not None:
            return refused
        listings = [product.listing] if product.listing else product.linked_listings or await self._find(product)
        if len(listings) > 1:
            return refused_for_good(f"its SKUs belong to several products at WeChat: {', '.join(listings[:5])}")
        picture = await self._picture(product.image)
        if isinstance(picture, Refused):
            return picture
        if listings:
            return await self._update(product, listings[0], picture)
        return await self._add(product, picture)

    async def _add(self, product: Product, picture: str | None) -> PublishAnswer:
        body = body_of(product, self._template, picture=picture, sku_ids={})
        # Until the answer is here the product may be there without our knowing.
        known_until_ms, self._known_until_ms = self._known_until_ms, 0
        said = await self._calls.post(_ADD, body | {"out_product_id": product.product_id}, MadeSaid)
        if said.errcode != OK:
            self._known_until_ms = known_until_ms
            return refusal(said)
        if said.data is None:
            raise ChannelDownError("WeChat added a product and does not say which")
        self._known_until_ms = known_until_ms
        listing = str(said.data.product_id)
        self._skus[listing] = frozenset(one.sku for one in product.variants)
        return Published(listing=listing, items=links_of(product, listing, await self._get(listing)))

    async def _update(self, product: Product, listing: str, picture: str | None) -> PublishAnswer:
        known = await self._get(listing)
        if known.errcode != OK:
            return refused_for_good(f"WeChat has no product {listing} any more")
        if known.is_in_audit:
            if is_told(product, known):
                return Published(listing=listing, items=links_of(product, listing, known))
            return Refused(reason="WeChat is reviewing the product; it cannot be changed meanwhile", temporary=True)
        sku_ids = linked_skus(product, listing) | known.sku_ids
        body = body_of(product, self._template, picture=picture, sku_ids=sku_ids)
        said = await self._calls.post(_UPDATE, body | {"product_id": listing}, MadeSaid)
        if said.errcode != OK:
            return refusal(said)
        return Published(listing=listing, items=links_of(product, listing, await self._get(listing)))

    async def _picture(self, address: str | None) -> str | Refused | None:
        """Return where a picture is at WeChat, which fetches it itself."""
        if address is None or address.startswith(IMAGE_HOST):
            return address
        if address not in self._pictures:
            said = await self._calls.post(_FETCH, {"img_url": address}, PictureSaid, params=_BY_ADDRESS)
            if said.errcode != OK or said.pic_file is None or not said.pic_file.img_url:
                return Refused(reason=sentence("WeChat could not fetch the product's picture", said), temporary=True)
            if len(self._pictures) >= PICTURES_KEPT:
                self._pictures.pop(next(iter(self._pictures)))
            self._pictures[address] = said.pic_file.img_url
        return self._pictures[address]

    async def _find(self, product: Product) -> list[str]:
        """Return the shop's products that have one of the product's SKUs."""
        calls = 0
        while self._known_until_ms <= self._clock_ms():
            calls = self._count(calls)
            page = await self._page(self._next_key)
            for product_id in map(str, page.product_ids or ()):
                if product_id not in self._skus:
                    calls = self._count(calls)
                    await asyncio.sleep(self._pause_s)
                    self._skus[product_id] = frozenset((await self._get(product_id)).sku_ids)
            following = _following(page, self._next_key)
            self._next_key = following or ""
            if following is None:
                self._known_until_ms = self._clock_ms() + LOOK_GOOD_MS
        ours: Collection[str] = {one.sku for one in product.variants}
        return sorted(listing for listing, skus in self._skus.items() if not skus.isdisjoint(ours))

    def _count(self, calls: int) -> int:
        if calls == LOOK_CALLS:
            said = f"{len(self._skus)} of the shop's products are read, to find out which there are already"
            raise ChannelDownError(said, retry_after_ms=LOOK_AGAIN_MS)
        return calls + 1

    async def _page(self, next_key: str) -> ProductsSaid:
        said = await self._calls.post(_LIST, {"page_size": PAGE_PRODUCTS, "next_key": next_key}, ProductsSaid)
        if said.errcode != OK:
            raise ChannelDownError(sentence("WeChat does not list its products", said))
        return said

    async def _get(self, product_id: str) -> ProductSaid:
        """Return a product; one without SKUs where it is gone."""
        said = await self._calls.post(_GET, {"product_id": product_id, "data_type": _BOTH_FORMS}, ProductSaid)
        if said.errcode not in {OK, NOT_THERE}:
            raise ChannelDownError(sentence(f"WeChat does not tell product {product_id}", said))
        return said


def _following(page: ProductsSaid, next_key: str) -> str | None:
    """Return the key of the next page; None when this was the last."""
    return page.next_key if page.product_ids and page.next_key and page.next_key != next_key else None
