"""Products as a KakaoTalk Store is told of them. Pure.

The fields are those of ``ProductRequest`` as sosobox2-cyber/commerce-api sends it. A product's ``product_template`` has
what our catalogue has not: ``categoryId``, ``productImage``, ``delivery``, ``announcementInfo``, ``taxType`` and so on.
Kakao takes only images that were uploaded to it, so ``productImage`` has to come from there.

A change goes whole, and what is left out is deleted: a product is read, the template and ours are laid over it, and the
rest goes back byte for byte. Quantities of what is there already are left as they are; they are told as levels.

The seller's codes are our SKUs, of the product where it has one and of the combinations where it has several.
Prices are in won, in steps of ten; a combination's price is what it costs more than the product.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from inventory.channels.channel import Refused
from inventory.channels.kakao.answers import MOST_QUANTITY, Fields, read_answer
from inventory.channels.kakao.listed import Listed
from inventory.channels.publishing import Product, Published, Variant, names_of
from inventory.channels.template import laid_over

CURRENCY: Final = "KRW"
"""The only currency."""

STEP: Final = 10
"""Won that a price is a multiple of, and the lowest price."""

OPTION_NAME: Final = "옵션"
"""What tells combinations apart, where neither the product over there nor the template says it."""

READ_ONLY: Final = frozenset({"productSaleStatus"})
"""Fields that an answer has and a change has not."""


def published(listed: Listed, product: Product) -> Published:
    """Return what a product became over there."""
    listing = str(listed.product_id)
    if not listed.combinations and len(product.variants) == 1:
        return Published(listing=listing, items={product.variants[0].sku: listing})
    found = {variant.sku: listed.of(variant) for variant in product.variants}
    return Published(listing=listing, items={sku: f"{listing}/{one.id}" for sku, one in found.items() if one})


def seller_code(product: Product) -> str:
    """Return what we call a product over there."""
    return product.variants[0].sku if len(product.variants) == 1 else product.product_key


def missing_from(listed: Listed, product: Product) -> list[Variant]:
    """Return our variants that a product with combinations has not; one that is linked is somewhere else."""
    if not listed.combinations:
        return []
    return [one for one in product.variants if listed.of(one) is None and one.item_id is None]


def new_product(product: Product, template: Mapping[str, object]) -> dict[str, object] | Refused:
    """Return the body that registers a product with what is in stock of it, or why it cannot be registered."""
    prices = _prices(product.variants)
    if isinstance(prices, Refused):
        return prices
    body = laid_over(template, _details(product))
    if not _has_image(body):
        reason = "Kakao takes only images that were uploaded to it: product_template needs productImage"
        return Refused(reason=reason, temporary=False)
    if "categoryId" not in body:
        return Refused(reason="product_template needs a categoryId", temporary=False)
    stocked = [variant for variant in product.variants if variant.level > 0]
    if not stocked:
        return Refused(reason="Kakao takes a new product only when a unit of it is in stock", temporary=True)
    base = min(prices.values())
    body["salePrice"] = base
    given = body.pop("option", None)
    if len(product.variants) == 1:
        return body | {"stockQuantity": min(stocked[0].level, MOST_QUANTITY), "option": {"type": "NONE"}}
    body.pop("stockQuantity", None)
    # Kakao refuses two of the same value.
    name, values = _template_name(template), names_of(product.variants)
    option = {
        "type": "COMBINATION",
        "combinations": [_combination(one, name, values[one.sku], prices[one.sku] - base) for one in stocked],
        "combinationAttributes": [{"name": name, "value": values[one.sku]} for one in stocked],
    }
    return body | {"option": laid_over(given if isinstance(given, Mapping) else {}, option)}


def whole_product(product: Product, template: Mapping[str, object], listed: Listed) -> dict[str, object] | Refused:
    """Return the body that puts a product right, with all that it has beside; or why that cannot be."""
    prices = _prices(product.variants)
    if isinstance(prices, Refused):
        return prices
    if not listed.combinations and len(product.variants) > 1:
        return Refused(reason="the product at Kakao was made without combinations: make it there anew", temporary=False)
    ours = [listed.of(variant) for variant in product.variants]
    # Others in the same product have prices of their own above it: it must not move under them.
    alone = len([one for one in ours if one]) == len(listed.combinations)
    base = min(prices.values()) if alone or listed.sale_price is None else int(listed.sale_price)
    overlay = laid_over(template, _details(product)) | {"salePrice": base}
    overlay.pop("stockQuantity", None)
    overlay.pop("option", None)
    body = _laid_over_raw({name: raw for name, raw in listed.fields.items() if name not in READ_ONLY}, overlay)
    if listed.combinations:
        option = _option(product, template, listed, prices, base)
        if isinstance(option, Refused):
            return option
        body["option"] = option
    return body | {"productId": listed.product_id}


def _option(
    product: Product, template: Mapping[str, object], listed: Listed, prices: Mapping[str, int], base: int
) -> dict[str, object] | Refused:
    """The option object with our prices and what is missing of our variants; all else as it is."""
    there = read_answer(listed.fields["option"], Fields)
    added = missing_from(listed, product)
    parts = [part.key for one in listed.combinations for part in one.name or []]
    if added and any(len(one.name or []) > 1 for one in listed.combinations):
        return Refused(
            reason="the product at Kakao is combined of several options: add the new ones there", temporary=False
        )
    name = parts[0] if parts else _template_name(template)
    of = {one.id: variant for variant in product.variants if (one := listed.of(variant))}
    combinations: list[object] = []
    for fields in read_answer(there["combinations"], list[Fields]):
        variant = of.get(read_answer(fields["id"], int))
        price = {"price": prices[variant.sku] - base} if variant else {}
        combinations.append({**fields, **price})
    values = names_of(product.variants)
    combinations += [_combination(one, name, values[one.sku], prices[one.sku] - base) for one in added]
    option: dict[str, object] = {**there, "combinations": combinations}
    if added:
        attributes = read_answer(there.get("combinationAttributes", msgspec.Raw(b"[]")), list[msgspec.Raw])
        option["combinationAttributes"] = [*attributes, *({"name": name, "value": values[one.sku]} for one in added)]
    return option


def _details(product: Product) -> dict[str, object]:
    """What we know of a product beside its variants."""
    known: dict[str, object] = {
        "name": product.title,
        "productDetailDescription": product.description or product.title,
        "storeManagementCode": seller_code(product),
    }
    return known | ({"brand": product.vendor} if product.vendor else {})


def _prices(variants: Sequence[Variant]) -> dict[str, int] | Refused:
    for variant in variants:
        price = variant.price
        if price.currency != CURRENCY:
            return Refused(reason=f"KakaoTalk Store sells in {CURRENCY}, not in {price.currency}", temporary=False)
        if price.amount < STEP or price.amount % STEP:
            return Refused(reason=f"Kakao takes prices in steps of {STEP} won: {variant.sku}", temporary=False)
    return {variant.sku: variant.price.amount for variant in variants}


def _combination(variant: Variant, name: str, value: str, price: int) -> dict[str, object]:
    return {
        "name": [{"key": name, "value": value}],
        "usable": True,
        "price": price,
        "stockQuantity": min(variant.level, MOST_QUANTITY),
        "managedCode": variant.sku,
    }


def _template_name(template: Mapping[str, object]) -> str:
    """``{"option": {"combinationAttributes": [{"name": "색상"}]}}`` of a template."""
    match template:
        case {"option": {"combinationAttributes": [{"name": str(name)}, *_]}} if name:
            return name
        case _:
            return OPTION_NAME


def _has_image(body: Mapping[str, object]) -> bool:
    match body:
        case {"productImage": {"representImage": {"url": str(url)}}}:
            return bool(url)
        case _:
            return False


def _laid_over_raw(ground: Fields, ours: Mapping[str, object]) -> dict[str, object]:
    """``laid_over`` that leaves what it does not touch as bytes."""
    joined: dict[str, object] = dict(ground)
    for name, value in ours.items():
        below = ground.get(name)
        if isinstance(value, Mapping) and below is not None and bytes(below).startswith(b"{"):
            joined[name] = _laid_over_raw(read_answer(below, Fields), value)
        else:
            joined[name] = value
    return joined
