"""Shopify's catalogue: products told, items listed.

A product made here has a handle that is made from our id. Shopify looks for it and updates or creates in one step, so
a lost answer makes no second product. One that the merchant made by hand is found by its SKUs and taken over.
"""

from collections.abc import Mapping
from typing import Final

from inventory.channels.channel import Refused
from inventory.channels.publishing import ItemPage, Product, PublishAnswer, Publishing
from inventory.channels.shopify.calls_http import ShopifyCalls
from inventory.channels.shopify.orders import number
from inventory.channels.shopify.product_input import handle_of, product_input, wrong_currency
from inventory.channels.shopify.products import (
    FIND,
    FIND_SKUS,
    ITEMS,
    MOST_VARIANTS,
    SET,
    Looked,
    items_in,
    looked_in,
    products_in,
    published_in,
    search_for,
)

CALLS_PER_S: Final = 0.25
"""Products per second; each is up to four calls, and the levels want most of what the smallest plan gives."""

CALLS_AT_ONCE: Final = 2
"""Products that may follow each other directly."""


class ShopifyProducts:
    """The catalogue of one shop.

    Args:
        calls: the shop's.
        template: the merchant's own fields of every product.
        location: the global id of the one that new variants are stocked at.
    """

    publishing: Final = Publishing(
        batch_size=MOST_VARIANTS, products=1, calls_per_s=CALLS_PER_S, calls_at_once=CALLS_AT_ONCE
    )

    def __init__(self, calls: ShopifyCalls, *, template: Mapping[str, object], location: str) -> None:
        self._calls = calls
        self._template = template
        self._location = location

    async def publish(self, product: Product) -> PublishAnswer:
        """See ``Publishes``, for one product."""
        looked = await self._find(product)
        if isinstance(looked, Refused):
            return looked
        has = looked.product_by_identifier
        many = len(product.variants) > MOST_VARIANTS or (has is not None and has.variants.page_info.has_next_page)
        if many:
            return Refused(reason=f"a product may have at most {MOST_VARIANTS} variants to be told", temporary=False)
        refused = wrong_currency(product, looked.shop.currency_code)
        if refused is not None:
            return refused
        items = () if has is None else [number(one.inventory_item.id) for one in has.variants.nodes]
        elsewhere = product.linked_elsewhere(items)
        if elsewhere is not None:
            return elsewhere
        told = product_input(product, self._template, location=self._location, has=has)
        if isinstance(told, Refused):
            return told
        identifier = {"handle": handle_of(product.product_id)} if has is None else {"id": has.id}
        return published_in(await self._calls.run(SET, {"identifier": identifier, "input": told}), product, has)

    async def items(self, *, after: str | None) -> ItemPage:
        """See ``Lists``."""
        return items_in(await self._calls.run(ITEMS, {"after": after}))

    async def _find(self, product: Product) -> Looked | Refused:
        """Look for the product: by what it was called at last, by its handle, by its SKUs."""
        looked = await self._look({"handle": handle_of(product.product_id)} if not product.listing else _id(product))
        if looked.product_by_identifier is not None:
            return looked
        skus = [variant.sku for variant in product.variants]
        found = products_in(await self._calls.run(FIND_SKUS, {"query": search_for(skus)}), skus)
        if len(found) > 1:
            return Refused(reason="its SKUs are in several products of the shop: correct them there", temporary=False)
        return await self._look({"id": found[0]}) if found else looked

    async def _look(self, identifier: Mapping[str, str]) -> Looked:
        return looked_in(await self._calls.run(FIND, {"identifier": identifier}))


def _id(product: Product) -> dict[str, str]:
    return {"id": f"gid://shopify/Product/{product.listing}"}
