"""TikTok Shop's catalogue: products told, items listed.

A product that is there already is found by its SKUs before one is created, and a creation has a key under which TikTok
knows it again: a lost answer makes no second product. Of one that is there, texts and prices are changed; its SKUs are
not, because whatever of them is not said is deleted over there.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.publishing import ItemPage, Product, PublishAnswer, Published, Publishing
from inventory.channels.tiktok.answers import OK, PRODUCTS, Said, sentence
from inventory.channels.tiktok.calls_http import TikTokCalls
from inventory.channels.tiktok.products import (
    Created,
    Found,
    Looked,
    changed_prices,
    changed_texts,
    new_product,
    refused,
    sku_ids,
)
from kit.errors import InvalidError

BATCH: Final = 100
"""Variants of one product: the most in the markets with the fewest."""

CALLS_PER_S: Final = 1.0
"""Products per second; each is up to three calls, and how many may be listed in a day is limited anyway."""

PAGE: Final = 50
"""Products on one page: with 100 SKUs each some 3 MB."""

_SEARCH: Final = "/product/202502/products/search"
_PRODUCTS: Final = "/product/202309/products"


class TikTokProducts:
    """The catalogue of one shop.

    Args:
        calls: the shop's.
        template: what TikTok wants to know of every product.
        warehouses: of every SKU.
    """

    publishing: Final = Publishing(batch_size=BATCH, products=1, calls_per_s=CALLS_PER_S)

    def __init__(self, calls: TikTokCalls, *, template: Mapping[str, object], warehouses: Sequence[str]) -> None:
        self._calls = calls
        self._template = template
        self._warehouses = warehouses

    async def publish(self, product: Product) -> PublishAnswer:
        """See ``Publishes``, for one product."""
        if len(product.variants) > BATCH:
            return Refused(reason=f"TikTok Shop takes at most {BATCH} SKUs of a product", temporary=False)
        listings = [product.listing] if product.listing else await self._find(product)
        if len(listings) > 1:
            return Refused(
                reason=f"its SKUs are in several products of TikTok Shop: {', '.join(listings[:3])}", temporary=False
            )
        try:
            return await self._change(listings[0], product) if listings else await self._create(product)
        except InvalidError as error:  # of a price whose currency is none
            return Refused(reason=error.message, temporary=False)

    async def items(self, *, after: str | None) -> ItemPage:
        """See ``Lists``."""
        params = {"page_size": str(PAGE)} | ({} if after is None else {"page_token": after})
        said = await self._calls.post(_SEARCH, {"status": "ALL"}, Found, about=PRODUCTS, params=params)
        if said.code != OK:
            raise ChannelDownError(sentence("TikTok Shop does not list its products", said))
        return said.items()

    async def _find(self, product: Product) -> list[str]:
        """Return the products that our SKUs are linked to or called the same in, sorted."""
        if product.linked_listings:
            return product.linked_listings
        skus = [variant.sku for variant in product.variants]
        body = {"status": "ALL", "seller_skus": skus}
        said = await self._calls.post(_SEARCH, body, Found, about=PRODUCTS, params={"page_size": str(PAGE)})
        if said.code != OK:
            raise ChannelDownError(sentence("TikTok Shop does not say whether it has the product", said))
        return sorted(said.with_skus(skus))

    async def _create(self, product: Product) -> PublishAnswer:
        body = new_product(product, self._template, self._warehouses)
        if isinstance(body, Refused):
            return body
        said = await self._calls.post(_PRODUCTS, body, Created, about=PRODUCTS)
        if said.code != OK:
            return refused(said)
        if said.data is None:
            raise ChannelDownError("TikTok Shop does not say which product it created")
        listing = str(said.data.product_id)
        return _published(product, listing, sku_ids(product, listing, said.data.skus))

    async def _change(self, listing: str, product: Product) -> PublishAnswer:
        looked = await self._calls.get(f"{_PRODUCTS}/{listing}", {}, Looked, about=PRODUCTS)
        if looked.code != OK:
            return refused(looked)
        if looked.data is None:
            raise ChannelDownError("TikTok Shop does not tell the product that it has")
        ids = sku_ids(product, listing, looked.data.skus or [])
        if isinstance(ids, Refused):
            return ids
        texts = changed_texts(product, looked.data)
        if texts:
            path = f"/product/202509/products/{listing}/partial_edit"
            said = await self._calls.post(path, texts, Said, about=PRODUCTS)
            if said.code != OK:
                return refused(said)
        prices = changed_prices(product, looked.data, ids)
        if prices:
            path = f"{_PRODUCTS}/{listing}/prices/update"
            said = await self._calls.post(path, {"skus": prices}, Said, about=PRODUCTS)
            if said.code != OK:
                return refused(said)
        return _published(product, listing, ids)


def _published(product: Product, listing: str, ids: Mapping[str, str] | Refused) -> PublishAnswer:
    if isinstance(ids, Refused):
        return ids
    return Published(
        listing=listing, items={variant.sku: f"{listing}/{ids[variant.sku]}" for variant in product.variants}
    )
