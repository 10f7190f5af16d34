"""The catalogue of a Douyin shop: products told, and its items listed.

Adding a product has no idempotency key. So each one gets a number made of our own id, and before it is added the shop
is asked for that number, and for products of the same name that have one of its SKUs.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from inventory.channels.channel import ChannelDownError, Refused, refused_for_good
from inventory.channels.douyin.answers import OK, Said, refused_call, sentence
from inventory.channels.douyin.calls_http import DouyinCalls
from inventory.channels.douyin.products import (
    ListSaid,
    MadeSaid,
    Shown,
    ShownSaid,
    added,
    edited,
    links_of,
    listed_items,
    made_skus,
    new_prices,
    number_of,
    unfit,
)
from inventory.channels.publishing import ItemPage, Product, PublishAnswer, Published, Publishing

PUBLISHING: Final = Publishing(batch_size=100, products=1, calls_per_s=1.0)
"""A product takes two to five calls, and one for each price that changed. Douyin says itself how many SKUs are too
many."""

LIST_SIZE: Final = 100
"""Products in one call for a list; Douyin shows a hundred such pages."""

LIST_PAGES: Final = 100

PAGE_PRODUCTS: Final = 10
"""Products of one page of items, each read with a call of its own."""

NAMESAKES: Final = 5
"""Products of the same name that are looked at before another one is added."""

_ADD: Final = "/product/addV2"
_EDIT: Final = "/product/editV2"
_DETAIL: Final = "/product/detail"
_LIST: Final = "/product/listV2"
_PRICE: Final = "/sku/editPrice"


class DouyinProducts:
    """The products of one shop; used by one loop.

    Args:
        calls: to the shop.
        template: the merchant's fields.
        pause_s: between two calls of one page.
    """

    def __init__(self, calls: DouyinCalls, template: Mapping[str, object], *, pause_s: float) -> None:
        self._calls = calls
        self._template = template
        self._pause_s = pause_s

    async def publish(self, products: Sequence[Product]) -> list[PublishAnswer]:
        """See ``Publishes``."""
        return [await self._publish_one(one) for one in products]

    async def items(self, after: str | None) -> ItemPage:
        """See ``Lists``; the list has no SKUs, so a page takes one call more for each product."""
        first = int(after or 0)
        number, offset = divmod(first, LIST_SIZE)
        said = await self._list({"page": number + 1, "size": LIST_SIZE})
        found = []
        for one in said.products[offset : offset + PAGE_PRODUCTS]:
            await asyncio.sleep(self._pause_s)
            shown = await self._detail({"product_id": str(one.product_id)})
            if shown is not None and not shown.is_deleted:
                found += listed_items(shown)
        is_last = len(said.products) < LIST_SIZE and offset + PAGE_PRODUCTS >= len(said.products)
        following = first + PAGE_PRODUCTS
        return ItemPage(
            items=tuple(found), next=None if is_last or following >= LIST_SIZE * LIST_PAGES else str(following)
        )

    async def _publish_one(self, product: Product) -> PublishAnswer:
        refused = unfit(product, self._template)
        if refused is not None:
            return refused
        listings = [product.listing] if product.listing else product.linked_listings
        if len(listings) > 1:
            return refused_for_good(f"its SKUs are linked to several products of Douyin: {', '.join(listings[:5])}")
        if listings:
            shown = await self._detail({"product_id": listings[0]})
            if shown is None or shown.is_deleted:
                return refused_for_good(f"Douyin has no product {listings[0]} any more")
        else:
            shown = await self._find(product)
        return await self._add(product) if shown is None else await self._edit(product, shown)

    async def _add(self, product: Product) -> PublishAnswer:
        said = await self._calls.post(_ADD, added(product, self._template), MadeSaid)
        if said.code != OK:
            return refused_call(said, what="product")
        if said.data is None:
            raise ChannelDownError("Douyin added a product and does not say which")
        product_id = said.data.product_id
        return Published(listing=str(product_id), items=links_of(product, product_id, made_skus(said.data)))

    async def _edit(self, product: Product, shown: Shown) -> PublishAnswer:
        has_all = shown.skus.keys() == {one.sku for one in product.variants}
        prices = new_prices(product, shown)
        if shown.is_in_audit:
            if has_all and not prices and shown.name == product.title:
                return _published(product, shown)
            return Refused(reason="Douyin is reviewing the product; it cannot be changed meanwhile", temporary=True)
        if not has_all and not shown.has_our_option:
            return refused_for_good(
                "the product has options of its own at Douyin; add the missing SKUs there and link them"
            )
        for body in prices if has_all else ():
            said = await self._calls.post(_PRICE, body, Said)
            if said.code != OK:
                return refused_call(said, what="product")
        said = await self._calls.post(_EDIT, edited(product, self._template, shown), Said)
        if said.code != OK:
            return refused_call(said, what="product")
        if has_all:
            return _published(product, shown)
        after = await self._detail({"product_id": str(shown.product_id)})
        return _published(product, after or shown)

    async def _find(self, product: Product) -> Shown | None:
        """Return a product of the shop's that is this one."""
        ours = {one.sku for one in product.variants}
        shown = await self._detail({"out_product_id": str(number_of(product))})
        if shown is not None and not shown.is_deleted and ours & shown.skus.keys():
            return shown
        said = await self._list({"name": product.title, "page": 1, "size": LIST_SIZE})
        namesakes = [one for one in said.products if one.name == product.title]
        for one in namesakes[:NAMESAKES]:
            shown = await self._detail({"product_id": str(one.product_id)})
            if shown is not None and not shown.is_deleted and ours & shown.skus.keys():
                return shown
        return None

    async def _list(self, params: Mapping[str, object]) -> ListSaid:
        said = await self._calls.post(_LIST, params, ListSaid)
        if said.code != OK:
            raise ChannelDownError(sentence("Douyin does not list its products", said))
        return said

    async def _detail(self, which: Mapping[str, object]) -> Shown | None:
        """Return a product, its draft where there is one; None where there is no such product."""
        for draft in ("true", "false"):
            said = await self._calls.post(_DETAIL, {**which, "show_draft": draft}, ShownSaid)
            if said.data is not None:
                return said.data
        return None


def _published(product: Product, shown: Shown) -> Published:
    return Published(listing=str(shown.product_id), items=links_of(product, shown.product_id, shown.skus))
