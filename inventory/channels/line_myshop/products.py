"""Products of a LINE MyShop: what a shop has, and what to tell it of ours. Pure.

A product's ``product_template`` is in LINE's own words; ``categoryId`` is needed, and a weight in kg, as
``{"categoryId": 7, "variants": [{"weight": 0.5}]}``: the first entry of ``variants`` is the ground of every variant.
``{"variantOptions": {"option1": {"name": "สี"}}}`` says what tells variants apart.

Images go by address; LINE fetches them. Prices are in baht. A variant can only be made with a unit in stock, so one
without is left out until it is told again; its stock afterwards is told as levels.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from inventory.channels.channel import Refused
from inventory.channels.line_myshop.answers import read_answer
from inventory.channels.publishing import ItemPage, ListedItem, Product, Published, Variant, names_of
from inventory.channels.template import laid_over
from kit.money import Money, minor_digits

CURRENCY: Final = "THB"
"""The only currency: MyShop is for shops in Thailand."""

OPTION_NAME: Final = "Option"
"""What tells variants apart, where the template does not say it."""

DETAILS: Final = ("brand", "categoryId", "code", "description", "imageUrls", "licenses", "name")
"""What can be changed of a product that is there, beside prices, variants and stock."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """What tells a variant from others, such as "colour" and "red"."""

    name: str = ""
    value: str = ""


class ListedVariant(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A variant that a shop has; the only one of a product without variants has no id."""

    inventory_id: int
    id: int | None = None
    sku: str | None = None
    price: Decimal | None = None
    options: list[Option] | None = None


class Listed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A product that a shop has."""

    id: int
    name: str | None = None
    code: str | None = None
    instant_discount: Decimal | None = None
    has_only_default_variant: bool | None = None
    variants: list[ListedVariant] | None = None

    def by_sku(self) -> dict[str, ListedVariant]:
        """Return its variants by what the merchant called them."""
        return {one.sku: one for one in self.variants or [] if one.sku}


def product_in(body: bytes) -> Listed:
    """Read one product. Raises ``ChannelDownError`` if it is none."""
    return read_answer(body, Listed)


def products_in(body: bytes) -> list[Listed]:
    """Read a page of products. Raises ``ChannelDownError`` if it is none."""
    return read_answer(body, _Page).data or []


def items_in(body: bytes, page: int) -> ItemPage:
    """Read a page of products, asked for by its number, as items. Raises ``ChannelDownError`` if it is none."""
    listed = read_answer(body, _Page)
    items = tuple(item for product in listed.data or [] for item in _items(product))
    return ItemPage(items=items, next=str(page + 1) if listed.data and page < listed.total_page else None)


def ours_among(listed: Iterable[Listed], product: Product) -> Listed | None:
    """Return the one that has most of a product's SKUs, the oldest of several; None if none has any."""
    skus = {variant.sku for variant in product.variants}
    matching = [(-len(skus & one.by_sku().keys()), one.id, one) for one in listed if skus & one.by_sku().keys()]
    return min(matching, key=lambda match: match[:2])[2] if matching else None


def item_ids_of(listed: Listed) -> list[str]:
    """Return the item ids of a product's variants."""
    return [f"{listed.id}/{one.inventory_id}" for one in listed.variants or []]


def published(listed: Listed, product: Product) -> Published:
    """Return what a product became over there."""
    theirs = listed.by_sku()
    items = {
        variant.sku: f"{listed.id}/{theirs[variant.sku].inventory_id}"
        for variant in product.variants
        if variant.sku in theirs
    }
    return Published(listing=str(listed.id), items=items)


def new_product(product: Product, template: Mapping[str, object]) -> dict[str, object] | Refused:
    """Return the body that makes a product, or why it cannot be made."""
    body = laid_over(template, _details(product))
    stocked = [variant for variant in product.variants if variant.level > 0]
    if not stocked:
        return Refused(reason="LINE takes a new product only when a unit of it is in stock", temporary=True)
    if not body.get("imageUrls"):
        return Refused(reason="LINE takes no product without an image: give the product one", temporary=False)
    if "categoryId" not in body:
        return Refused(reason="product_template needs a categoryId", temporary=False)
    variants = _new_variants(stocked, template, options=len(product.variants) > 1)
    if isinstance(variants, Refused):
        return variants
    if len(product.variants) > 1:
        body = laid_over(body, {"variantOptions": _options(stocked, template)})
    else:
        body.pop("variantOptions", None)
    return body | {"variants": variants}


def details(product: Product, template: Mapping[str, object]) -> dict[str, object]:
    """Return the body that puts a product's details right."""
    body = laid_over(template, _details(product))
    return {name: body[name] for name in DETAILS if name in body}


def changed_prices(product: Product, listed: Listed) -> dict[str, object] | Refused | None:
    """Return the body that puts prices right, None when they are; the shop's own instant discount is left as it is."""
    theirs = listed.by_sku()
    changed: list[dict[str, object]] = []
    for variant in product.variants:
        there = theirs.get(variant.sku)
        price = _baht(variant.price)
        if isinstance(price, Refused):
            return price
        if there is not None and there.price != price:
            of = {} if there.id is None else {"id": there.id}
            changed.append(of | {"price": _number(price)})
    return {"instantDiscount": _number(listed.instant_discount or Decimal()), "variants": changed} if changed else None


def added_variants(
    product: Product, listed: Listed, template: Mapping[str, object]
) -> dict[str, object] | Refused | None:
    """Return the body that adds the variants that are in stock and not there yet, None when there are none."""
    theirs = listed.by_sku()
    # One that is linked is there already, as a product of its own.
    missing = [
        variant
        for variant in product.variants
        if variant.sku not in theirs and variant.level > 0 and variant.item_id is None
    ]
    if not missing:
        return None
    if listed.has_only_default_variant:
        return Refused(reason="the product at LINE was made without variants: make it there anew", temporary=False)
    variants = _new_variants(missing, template, options=True)
    if isinstance(variants, Refused):
        return variants
    names = [option.name for one in listed.variants or [] for option in one.options or []]
    options = laid_over(_options(missing, template), {"option1": {"name": names[0]}} if names else {})
    return {"variantOptions": options, "variants": variants}


def _details(product: Product) -> dict[str, object]:
    """What we know of a product beside its variants."""
    known: dict[str, object] = {"name": product.title, "code": product.product_key}
    if product.description:
        known["description"] = product.description
    if product.vendor:
        known["brand"] = product.vendor
    if product.image:
        known["imageUrls"] = [product.image]
    return known


def _new_variants(
    variants: Sequence[Variant], template: Mapping[str, object], *, options: bool
) -> list[dict[str, object]] | Refused:
    grounds = template.get("variants")
    ground = grounds[0] if isinstance(grounds, list) and grounds and isinstance(grounds[0], Mapping) else {}
    if "weight" not in ground:
        return Refused(reason='product_template needs a weight in kg: {"variants": [{"weight": 0.5}]}', temporary=False)
    made: list[dict[str, object]] = []
    for place, variant in enumerate(variants):
        price = _baht(variant.price)
        if isinstance(price, Refused):
            return price
        known: dict[str, object] = {"sku": variant.sku, "price": _number(price), "onHandNumber": variant.level}
        made.append(laid_over(ground, known | ({"options": [place]} if options else {})))
    return made


def _options(variants: Sequence[Variant], template: Mapping[str, object]) -> dict[str, object]:
    """The option with a value for each variant, in order."""
    given = template.get("variantOptions")
    ground = laid_over({"option1": {"name": OPTION_NAME}}, given if isinstance(given, Mapping) else {})
    values = names_of(variants)
    return laid_over(ground, {"option1": {"data": [{"value": values[one.sku]} for one in variants]}})


def _baht(price: Money) -> Decimal | Refused:
    if price.currency != CURRENCY:
        return Refused(reason=f"LINE MyShop sells in {CURRENCY}, not in {price.currency}", temporary=False)
    return Decimal(price.amount).scaleb(-minor_digits(CURRENCY))


def _number(amount: Decimal) -> msgspec.Raw:
    """An amount as a JSON number; LINE takes no text, and a float would not be exact."""
    return msgspec.Raw(f"{amount:f}".encode())


def _items(product: Listed) -> Iterable[ListedItem]:
    for variant in product.variants or []:
        values = " / ".join(option.value for option in variant.options or [] if option.value)
        only = len(product.variants or []) == 1
        yield ListedItem(
            item_id=f"{product.id}/{variant.inventory_id}",
            seller_sku=variant.sku or (product.code if only else None) or "",
            title=f"{product.name or ''} {values}".strip(),
        )


class _Page(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    data: list[Listed] | None
    total_page: int = 1
