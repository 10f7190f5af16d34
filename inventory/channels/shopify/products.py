"""Shopify's products: the queries and the mutation, and their answers read into ours. Pure.

https://shopify.dev/docs/api/admin-graphql/2026-07/mutations/productSet; what it is given is made in
``product_input.py``.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.limits import SAID_CHARS
from inventory.channels.publishing import ItemPage, ListedItem, Product, PublishAnswer, Published, Variant
from inventory.channels.shopify.answers import data_in
from inventory.channels.shopify.orders import number

SCOPE: Final = "read_products and write_products"

MOST_VARIANTS: Final = 100
"""Variants of a product that are read, with what else it has there: some 300 points."""

FIND: Final = f"""\
query ShowdropFind($identifier: ProductIdentifierInput!) {{
  shop {{ currencyCode }}
  productByIdentifier(identifier: $identifier) {{
    id
    variants(first: {MOST_VARIANTS}) {{
      nodes {{ id sku selectedOptions {{ name value }} inventoryItem {{ id }} }}
      pageInfo {{ hasNextPage }}
    }}
  }}
}}"""

FIND_SKUS: Final = f"""\
query ShowdropFindSkus($query: String!) {{
  productVariants(first: {MOST_VARIANTS}, query: $query) {{ nodes {{ sku product {{ id }} }} }}
}}"""

SET: Final = f"""\
mutation ShowdropProduct($identifier: ProductSetIdentifiers!, $input: ProductSetInput!) {{
  productSet(identifier: $identifier, input: $input, synchronous: true) {{
    product {{ id variants(first: {MOST_VARIANTS}) {{ nodes {{ sku inventoryItem {{ id }} }} }} }}
    userErrors {{ code field message }}
  }}
}}"""

ITEMS: Final = f"""\
query ShowdropItems($after: String) {{
  productVariants(first: {MOST_VARIANTS}, after: $after) {{
    nodes {{ sku displayName inventoryItem {{ id }} }}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}"""

_PASSING: Final = frozenset({"GENERIC_ERROR", "JOB_ERROR"})


class _Camel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Shopify's way to write names."""


class _Id(_Camel, frozen=True, kw_only=True):
    id: str


class _Option(_Camel, frozen=True, kw_only=True):
    name: str
    value: str


class HasVariant(_Camel, frozen=True, kw_only=True):
    """A variant of it."""

    id: str
    inventory_item: _Id
    selected_options: list[_Option]
    sku: str | None = None


class _PageInfo(_Camel, frozen=True, kw_only=True):
    has_next_page: bool
    end_cursor: str | None = None


class _Variants(_Camel, frozen=True, kw_only=True):
    nodes: list[HasVariant]
    page_info: _PageInfo


class Has(_Camel, frozen=True, kw_only=True):
    """A product that the shop has."""

    id: str
    variants: _Variants


class _Shop(_Camel, frozen=True, kw_only=True):
    currency_code: str


class Looked(_Camel, frozen=True, kw_only=True):
    """The answer to a look at a product."""

    shop: _Shop
    product_by_identifier: Has | None


class _Sku(_Camel, frozen=True, kw_only=True):
    product: _Id
    sku: str | None = None


class _Skus(_Camel, frozen=True, kw_only=True):
    nodes: list[_Sku]


class _FoundSkus(_Camel, frozen=True, kw_only=True):
    product_variants: _Skus


class _Told(_Camel, frozen=True, kw_only=True):
    inventory_item: _Id
    sku: str | None = None
    display_name: str = ""


class _ToldVariants(_Camel, frozen=True, kw_only=True):
    nodes: list[_Told]
    page_info: _PageInfo = _PageInfo(has_next_page=False)


class _ToldProduct(_Camel, frozen=True, kw_only=True):
    id: str
    variants: _ToldVariants


class _UserError(_Camel, frozen=True, kw_only=True):
    message: str
    code: str | None = None


class _Payload(_Camel, frozen=True, kw_only=True):
    product: _ToldProduct | None
    user_errors: list[_UserError]


class _Set(_Camel, frozen=True, kw_only=True):
    product_set: _Payload | None


class _Items(_Camel, frozen=True, kw_only=True):
    product_variants: _ToldVariants


def search_for(skus: Sequence[str]) -> str:
    """Return what variants are searched with."""
    quoted = (sku.replace("\\", "\\\\").replace('"', '\\"') for sku in skus)
    return " OR ".join(f'sku:"{sku}"' for sku in quoted)


def products_in(body: bytes, skus: Sequence[str]) -> list[str]:
    """Read the products that have variants of exactly these SKUs, sorted; a search finds similar ones too."""
    wanted = set(skus)
    nodes = data_in(body, _FoundSkus, scope=SCOPE).product_variants.nodes
    return sorted({node.product.id for node in nodes if node.sku in wanted})


def looked_in(body: bytes) -> Looked:
    """Read the answer to a look at a product."""
    return data_in(body, Looked, scope=SCOPE)


def items_in(body: bytes) -> ItemPage:
    """Read a page of the shop's items."""
    variants = data_in(body, _Items, scope=SCOPE).product_variants
    items = tuple(
        ListedItem(item_id=number(one.inventory_item.id), seller_sku=(one.sku or "").strip(), title=one.display_name)
        for one in variants.nodes
    )
    return ItemPage(items=items, next=variants.page_info.end_cursor if variants.page_info.has_next_page else None)


def published_in(body: bytes, product: Product, has: Has | None) -> PublishAnswer:
    """Read what came of a product.

    Args:
        body: the answer's.
        product: that was told.
        has: what the shop had of it before.

    Raises:
        ChannelDownError, ChannelGoneError: see ``data_in``.
    """
    payload = data_in(body, _Set, scope=SCOPE).product_set
    for error in payload.user_errors if payload is not None else []:
        said = f"{error.code or 'no code'}: {error.message[:SAID_CHARS]}"
        return Refused(reason=f"Shopify refused the product: {said}", temporary=error.code in _PASSING)
    if payload is None or payload.product is None:
        raise ChannelDownError("Shopify's answer does not say what became of the product")
    by_sku = {one.sku: number(one.inventory_item.id) for one in payload.product.variants.nodes}
    items: dict[str, str] = {}
    for variant in product.variants:
        before = variant_of(variant, has)
        item_id = by_sku.get(variant.sku) if before is None else number(before.inventory_item.id)
        if item_id is None:
            raise ChannelDownError(f"Shopify's answer does not name the item of {variant.sku}")
        items[variant.sku] = item_id
    return Published(listing=number(payload.product.id), items=items)


def variant_of(variant: Variant, has: Has | None) -> HasVariant | None:
    """Return the variant over there: the one that is linked, or else the one of the same SKU."""
    nodes = has.variants.nodes if has is not None else []
    linked = (node for node in nodes if variant.item_id and number(node.inventory_item.id) == variant.item_id)
    named = (node for node in nodes if node.sku == variant.sku)
    return next(linked, None) or next(named, None)
