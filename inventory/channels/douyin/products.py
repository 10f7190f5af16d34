"""How products are told to a Douyin shop, and what it says of its own. Pure.

The API: https://op.jinritemai.com/docs/api-docs. A product is told whole when it is new or has other SKUs than before;
else only what it is called and how it looks, and prices by a call of their own: an edit that names SKUs sets their
stock too, over what was sold meanwhile.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from inventory.channels.channel import Refused, refused_for_good
from inventory.channels.douyin.answers import Said
from inventory.channels.publishing import ListedItem, Product, Variant
from inventory.channels.template import TEMPLATE, laid_over, read_template
from kit.errors import InvalidError

CURRENCY: Final = "CNY"
"""What a shop's prices are in; Douyin counts in fen, which are its minor units."""

_NEEDED: Final = ("category_leaf_id", "freight_id", "mobile")
_OPTION: Final = "规格"
_IN_AUDIT: Final = 2
_DELETED: Final = 2
# These stand between the parts of a text that lists options.
_APART: Final = str.maketrans("|,^", "/;-")

_Id = int | str


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str = ""


class _Option(msgspec.Struct, frozen=True, kw_only=True):
    name: str = ""
    values: list[_Value] | None = None


class _Sku(msgspec.Struct, frozen=True, kw_only=True):
    sku_id: _Id
    code: str | None = None
    outer_sku_id: str | None = None
    price: int | None = None
    spec_detail_ids: list[int] | None = None

    @property
    def seller_sku(self) -> str:
        """What the merchant calls it; nothing if he does not."""
        return self.code or self.outer_sku_id or ""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A product of the shop's."""

    product_id: int
    name: str = ""
    status: int = 0
    check_status: int = 0
    draft_status: int = 0
    specs: list[_Option] | None = None
    spec_prices: list[_Sku] | None = None

    @property
    def is_in_audit(self) -> bool:
        """Whether it is being reviewed, and cannot be changed."""
        return _IN_AUDIT in {self.check_status, self.draft_status}

    @property
    def is_deleted(self) -> bool:
        """Whether the merchant deleted it."""
        return self.status == _DELETED

    @property
    def skus(self) -> dict[str, _Sku]:
        """Its SKUs, by the merchant's own names; those without one are left out."""
        return {one.seller_sku: one for one in self.spec_prices or () if one.seller_sku}

    @property
    def has_our_option(self) -> bool:
        """Whether its SKUs differ in the one option that we give, and in no other."""
        return [one.name for one in self.specs or ()] in ([], [_OPTION])


class ShownSaid(Said, frozen=True, kw_only=True):
    """A product."""

    data: Shown | None = None


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    product_id: int
    sku: list[_Sku] | None = None


class MadeSaid(Said, frozen=True, kw_only=True):
    """A product that was added."""

    data: _Made | None = None


class _Listed(msgspec.Struct, frozen=True, kw_only=True):
    product_id: int
    name: str = ""
    status: int = 0


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    data: list[_Listed] | None = None


class ListSaid(Said, frozen=True, kw_only=True):
    """A page of the shop's products."""

    data: _Page | None = None

    @property
    def products(self) -> list[_Listed]:
        """The products."""
        return (self.data and self.data.data) or []


def checked_template(text: str) -> dict[str, object]:
    """Return the merchant's fields.

    Raises:
        InvalidError: they are no JSON object, or hold a fraction, which would not be signed as Douyin signs it.
    """
    template = read_template(text)
    if _has_fraction(template):
        raise InvalidError(f"{TEMPLATE} holds a fraction; Douyin takes whole numbers and texts", field=TEMPLATE)
    return template


def number_of(product: Product) -> int:
    """Return the number that a product is known by at Douyin, as long as it has no other."""
    return int.from_bytes(hashlib.sha256(product.product_id.encode()).digest()[:8]) >> 1 or 1


def unfit(product: Product, template: Mapping[str, object]) -> Refused | None:
    """Return why a product cannot be told; None if it can."""
    if any(one.price.currency != CURRENCY for one in product.variants):
        return refused_for_good(f"shops of Douyin have prices in {CURRENCY}")
    missing = [name for name in _NEEDED if name not in template]
    if missing:
        return refused_for_good(f"product_template lacks {', '.join(missing)}")
    if product.image is None and not template.get("pic"):
        return refused_for_good("Douyin wants a picture: the product has none, and product_template has no pic")
    return None


def added(product: Product, template: Mapping[str, object]) -> dict[str, object]:
    """Return what ``product/addV2`` wants to know of a product that is not ``unfit``."""
    number = number_of(product)
    known_by: dict[str, object] = {"out_product_id": number, "outer_product_id": str(number)}
    ground = {"product_type": 0, "reduce_type": 1, **template}
    return laid_over(ground, _look(product, template) | known_by | _skus(product))


def edited(product: Product, template: Mapping[str, object], shown: Shown) -> dict[str, object]:
    """Return what ``product/editV2`` wants to know: SKUs only where there are others than before."""
    body = laid_over(template, _look(product, template)) | {"product_id": shown.product_id}
    return body if shown.skus.keys() == {one.sku for one in product.variants} else body | _skus(product)


def new_prices(product: Product, shown: Shown) -> list[dict[str, object]]:
    """Return bodies of ``sku/editPrice`` for the SKUs that have another price now."""
    return [
        {"product_id": shown.product_id, "sku_id": int(old.sku_id), "price": one.price.amount}
        for one in product.variants
        if (old := shown.skus.get(one.sku)) is not None and old.price != one.price.amount
    ]


def links_of(product: Product, product_id: int, skus: Mapping[str, _Sku]) -> dict[str, str]:
    """Return the item ids of a product's SKUs, those that Douyin has."""
    return {one.sku: f"{product_id}/{skus[one.sku].sku_id}" for one in product.variants if one.sku in skus}


def made_skus(made: _Made) -> dict[str, _Sku]:
    """Return the SKUs of a product that was added, by our own names."""
    return {one.seller_sku: one for one in made.sku or ()}


def listed_items(shown: Shown) -> list[ListedItem]:
    """Return a product's SKUs for matching."""
    values = {value.id: value.name for option in shown.specs or () for value in option.values or ()}
    items = []
    for one in shown.spec_prices or ():
        options = [values[key] for key in one.spec_detail_ids or () if key in values]
        items.append(
            ListedItem(
                item_id=f"{shown.product_id}/{one.sku_id}",
                seller_sku=one.seller_sku,
                title=" ".join([shown.name, *options]).strip(),
            )
        )
    return items


def _look(product: Product, template: Mapping[str, object]) -> dict[str, object]:
    """Return what a product is called and how it looks. Its description is pictures; Douyin takes no text there."""
    look: dict[str, object] = {"name": product.title, "commit": True}
    if product.image is not None:
        look["pic"] = product.image
    if not template.get("description"):
        look["description"] = look.get("pic", template.get("pic"))
    return look


def _skus(product: Product) -> dict[str, object]:
    values = [_value(one, product) for one in product.variants]
    prices = [
        {
            "spec_detail_name1": value,
            "price": one.price.amount,
            "stock_num": one.level,
            "code": one.sku,
            "outer_sku_id": one.sku,
        }
        for value, one in zip(values, product.variants, strict=True)
    ]
    return {"specs": f"{_OPTION}|{','.join(values)}", "spec_prices": msgspec.json.encode(prices).decode()}


def _value(variant: Variant, product: Product) -> str:
    """Return what a SKU is called beside the product's others."""
    title = (variant.title or variant.sku).translate(_APART)
    namesakes = [one for one in product.variants if (one.title or one.sku).translate(_APART) == title]
    return title if len(namesakes) == 1 else f"{title} {variant.sku}".translate(_APART)


def _has_fraction(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_fraction, value.values()))
    if isinstance(value, list):
        return any(map(_has_fraction, value))
    return isinstance(value, float)
