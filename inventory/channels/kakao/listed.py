"""Products as a KakaoTalk Store has them: what they are called, there and by the seller. Pure."""

from collections.abc import Iterable

import msgspec

from inventory.channels.channel import ChannelDownError
from inventory.channels.kakao.answers import Fields, read_answer
from inventory.channels.publishing import ListedItem, Variant

SellerCodes = tuple[str, str]
"""What the seller calls a product, and one of its combinations; the latter is blank for a product without."""


class NamePart(msgspec.Struct, frozen=True, kw_only=True):
    """What tells a combination from others, such as "colour" and "red"."""

    key: str = ""
    value: str = ""


class Combination(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A combination that a store has."""

    id: int
    name: list[NamePart] | None = None
    managed_code: str | int | None = None

    @property
    def code(self) -> str:
        """What the seller calls it; blank if nothing."""
        return str(self.managed_code or "")


class Option(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The combinations that a product has."""

    combinations: list[Combination] | None = None


class Listed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A product that a store has. ``fields`` is all of it, byte for byte."""

    product_id: int
    name: str | None = None
    store_management_code: str | int | None = None
    sale_price: float | None = None
    option: Option | None = None
    fields: Fields = msgspec.field(default_factory=dict)

    @property
    def code(self) -> str:
        """What the seller calls it; blank if nothing."""
        return str(self.store_management_code or "")

    @property
    def combinations(self) -> list[Combination]:
        """Those it has; none for a product without."""
        return (self.option and self.option.combinations) or []

    def of(self, variant: Variant) -> Combination | None:
        """Return the combination that is one of our variants: the one it is linked to, or that has its SKU."""
        linked = [one for one in self.combinations if variant.item_id == f"{self.product_id}/{one.id}"]
        named = [one for one in self.combinations if one.code == variant.sku]
        return next(iter([*linked, *named]), None)


def product_in(content: bytes | msgspec.Raw) -> Listed:
    """Read a product. Raises ``ChannelDownError`` if it is none."""
    listed = read_answer(content, Listed)
    return msgspec.structs.replace(listed, fields=read_answer(content, Fields))


def products_in(body: bytes) -> list[Listed]:
    """Read the products that a seller's code names. Raises ``ChannelDownError`` if it is no list of products."""
    return [product_in(one) for one in read_answer(body, list[msgspec.Raw])]


def ids_in(body: bytes, size: int) -> tuple[list[str], bool]:
    """Read the products of a page of ``size``, and whether there may be more.

    Raises:
        ChannelDownError: it is no such page.
    """
    page = read_answer(body, _Page)
    entries = page.contents if page.contents is not None else page.content
    if entries is None:
        raise ChannelDownError("Kakao's answer has a page of products without contents")
    return [str(one.product_id) for one in entries], not page.last and len(entries) >= size


def items_of(listed: Listed) -> list[ListedItem]:
    """Return the items of a product."""
    title = listed.name or ""
    if not listed.combinations:
        return [ListedItem(item_id=str(listed.product_id), seller_sku=listed.code, title=title)]
    return [
        ListedItem(
            item_id=f"{listed.product_id}/{one.id}",
            seller_sku=one.code,
            title=" ".join([title, *(part.value for part in one.name or [])]).strip(),
        )
        for one in listed.combinations
    ]


def names_in(products: Iterable[Listed]) -> dict[SellerCodes, str]:
    """Return the item ids of products by the seller's codes, of those codes that mean one thing only."""
    names: dict[SellerCodes, set[str]] = {}
    for product in products:
        for one in product.combinations:
            names.setdefault((product.code, one.code), set()).add(f"{product.product_id}/{one.id}")
        if not product.combinations:
            names.setdefault((product.code, ""), set()).add(str(product.product_id))
    return {codes: next(iter(ids)) for codes, ids in names.items() if codes[0] and len(ids) == 1}


class _Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    product_id: int


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    contents: list[_Entry] | None = None
    content: list[_Entry] | None = None
    last: bool | None = None
