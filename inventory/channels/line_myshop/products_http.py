"""Telling a LINE MyShop products, and asking it for its items."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.line_myshop.answers import is_unknown
from inventory.channels.line_myshop.calls_http import PER_PAGE, PRODUCTS, MyshopCalls
from inventory.channels.line_myshop.products import (
    Listed,
    added_variants,
    changed_prices,
    details,
    item_ids_of,
    items_in,
    new_product,
    ours_among,
    product_in,
    products_in,
    published,
)
from inventory.channels.publishing import ItemPage, Product, PublishAnswer, Publishing

VARIANTS_MOST: Final = 100
"""Variants of one product; LINE names no limit, and finds at most as many by their SKUs in one answer."""

PUBLISH_CALLS_PER_S: Final = 0.2
"""Products are told this often, each in up to five requests. See ``channel_http.CALLS_PER_S``."""


class MyshopProducts:
    """The products of one shop.

    Args:
        template: see ``products.py``.
    """

    def __init__(self, calls: MyshopCalls, template: Mapping[str, object]) -> None:
        self._calls = calls
        self._template = template

    @property
    def publishing(self) -> Publishing:
        """See ``Publishes``."""
        return Publishing(batch_size=VARIANTS_MOST, calls_per_s=PUBLISH_CALLS_PER_S)

    async def publish(self, product: Product) -> PublishAnswer:
        """See ``Publishes``: make the product, unless the shop has one with our SKUs; put that right."""
        found = await self._found(product)
        if isinstance(found, Refused):
            return found
        elsewhere = product.linked_elsewhere([] if found is None else item_ids_of(found))
        if elsewhere is not None:
            return elsewhere
        if found is not None:
            return await self._put_right(product, found)
        body = new_product(product, self._template)
        if isinstance(body, Refused):
            return body
        made = await self._tell("POST", PRODUCTS, body)
        return made if isinstance(made, Refused) else published(made, product)

    async def items(self, *, after: str | None) -> ItemPage:
        """See ``Lists``."""
        page = int(after or "1")
        reply = await self._calls.get(PRODUCTS, page=page, perPage=PER_PAGE)
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(self._calls.refusal(reply).reason)
        return items_in(reply.body, page)

    async def _found(self, product: Product) -> Listed | Refused | None:
        """The shop's own product that is ours: by its number, and if that is gone by our SKUs."""
        if product.listing:
            reply = await self._calls.get(PRODUCTS, ids=[product.listing], perPage=PER_PAGE)
            if reply.status == HTTPStatus.OK:
                there = [one for one in products_in(reply.body) if str(one.id) == product.listing]
                if there:
                    return there[0]
            elif not is_unknown(reply.status, reply.body):
                return self._calls.refusal(reply)
        skus = [variant.sku for variant in product.variants]
        reply = await self._calls.get(PRODUCTS, skus=skus, perPage=PER_PAGE)
        if reply.status == HTTPStatus.OK:
            return ours_among(products_in(reply.body), product)
        return None if is_unknown(reply.status, reply.body) else self._calls.refusal(reply)

    async def _put_right(self, product: Product, listed: Listed) -> PublishAnswer:
        prices, added = changed_prices(product, listed), added_variants(product, listed, self._template)
        if isinstance(prices, Refused):
            return prices
        if isinstance(added, Refused):
            return added
        address = f"{PRODUCTS}/{listed.id}"
        now = await self._tell("PATCH", address, details(product, self._template))
        if prices is not None and isinstance(now, Listed):
            now = await self._tell("PATCH", f"{address}/prices", prices)
        if added is not None and isinstance(now, Listed):
            now = await self._tell("POST", f"{address}/variants", added)
        return published(now, product) if isinstance(now, Listed) else now

    async def _tell(self, method: str, path: str, body: Mapping[str, object]) -> Listed | Refused:
        reply = await self._calls.send(method, path, body)
        if reply.status in {HTTPStatus.OK, HTTPStatus.CREATED}:
            return product_in(reply.body)
        return self._calls.refusal(reply)
