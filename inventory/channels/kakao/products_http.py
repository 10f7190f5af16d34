"""Telling a KakaoTalk Store products, and asking it for its items."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.kakao.answers import read_answer
from inventory.channels.kakao.calls_http import PRODUCT, KakaoCalls
from inventory.channels.kakao.listed import Listed, ids_in, items_of, product_in, products_in
from inventory.channels.kakao.products import missing_from, new_product, published, seller_code, whole_product
from inventory.channels.publishing import ItemPage, ListedItem, Product, PublishAnswer, Publishing

PRODUCTS: Final = "/v1/store/products"
REGISTER: Final = "/v1/store/product/register"
UPDATE: Final = "/v1/store/product/update"

VARIANTS_MOST: Final = 100
"""Variants of one product: Kakao refuses more combinations."""

PUBLISH_CALLS_PER_S: Final = 0.5
"""Products are told this often, each in up to five requests; Kakao publishes no limit."""

PAGE: Final = 10
"""Products of one page of items; Kakao allows 100, but each has to be asked for by itself to know its combinations."""


class KakaoProducts:
    """The products of one store.

    Args:
        template: see ``products.py``.
        writing: held while a product is read and written back whole, here and by whoever else does so.
    """

    def __init__(self, calls: KakaoCalls, template: Mapping[str, object], *, writing: asyncio.Lock) -> None:
        self._calls = calls
        self._template = template
        self._writing = writing

    @property
    def publishing(self) -> Publishing:
        """See ``Publishes``."""
        return Publishing(batch_size=VARIANTS_MOST, calls_per_s=PUBLISH_CALLS_PER_S)

    async def publish(self, product: Product) -> PublishAnswer:
        """See ``Publishes``: register the product, unless the store has it; put that right."""
        async with self._writing:
            listed = await self._found(product)
            if isinstance(listed, Refused):
                return listed
            if listed is None:
                registered = await self._register(product)
                if isinstance(registered, Refused) or not missing_from(registered, product):
                    return registered if isinstance(registered, Refused) else published(registered, product)
                # A combination without stock is only taken in a product that is there already.
                listed = registered
            return await self._put_right(product, listed)

    async def items(self, *, after: str | None) -> ItemPage:
        """See ``Lists``. One page is several requests: a list has no combinations."""
        page = int(after or "1")
        reply = await self._calls.get(PRODUCTS, {"page": str(page), "size": str(PAGE)})
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(self._calls.refusal(reply).reason)
        product_ids, more = ids_in(reply.body, PAGE)
        items: list[ListedItem] = []
        for product_id in product_ids:
            listed = await self._read(product_id)
            if isinstance(listed, Refused):
                raise ChannelDownError(listed.reason)
            items += items_of(listed) if listed is not None else []
        return ItemPage(items=tuple(items), next=str(page + 1) if more else None)

    async def _found(self, product: Product) -> Listed | Refused | None:
        """The store's own product that is ours: by its number, by what is linked, and else by the seller's code."""
        linked = product.linked_listings
        if len(linked) > 1:
            reason = "its SKUs are linked to several products at Kakao: publish them as several"
            return Refused(reason=reason, temporary=False)
        for product_id in dict.fromkeys([product.listing, *linked]):
            listed = await self._read(product_id) if product_id else None
            if listed is not None:
                return listed
        code = seller_code(product)
        reply = await self._calls.get(PRODUCT, {"storeManagementCode": code})
        if reply.status == HTTPStatus.NOT_FOUND:
            return None
        if reply.status != HTTPStatus.OK:
            return self._calls.refusal(reply)
        ours = [one for one in products_in(reply.body) if one.code == code]
        return min(ours, key=lambda one: one.product_id, default=None)

    async def _register(self, product: Product) -> Listed | Refused:
        body = new_product(product, self._template)
        if isinstance(body, Refused):
            return body
        reply = await self._calls.send("POST", REGISTER, body)
        if reply.status != HTTPStatus.OK:
            return self._calls.refusal(reply)
        return await self._again(str(read_answer(reply.body, Listed).product_id))

    async def _put_right(self, product: Product, listed: Listed) -> PublishAnswer:
        body = whole_product(product, self._template, listed)
        if isinstance(body, Refused):
            return body
        reply = await self._calls.send("POST", UPDATE, body)
        if reply.status != HTTPStatus.OK:
            return self._calls.refusal(reply)
        # New combinations have got their ids only now.
        now = await self._again(str(listed.product_id)) if missing_from(listed, product) else listed
        return now if isinstance(now, Refused) else published(now, product)

    async def _again(self, product_id: str) -> Listed | Refused:
        listed = await self._read(product_id)
        if listed is None:
            raise ChannelDownError(f"Kakao does not know product {product_id} yet, which it has just taken")
        return listed

    async def _read(self, product_id: str) -> Listed | Refused | None:
        reply = await self._calls.get(PRODUCT, {"productId": product_id})
        if reply.status == HTTPStatus.NOT_FOUND:
            return None
        if reply.status != HTTPStatus.OK:
            return self._calls.refusal(reply)
        listed = product_in(reply.body)
        if str(listed.product_id) != product_id:
            raise ChannelDownError("Kakao's answer has another product")
        return listed
