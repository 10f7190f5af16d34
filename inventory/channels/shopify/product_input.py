"""Products as Shopify wants them. Pure.

https://shopify.dev/docs/api/admin-graphql/2026-07/input-objects/ProductSetInput. The mutation makes lists as they are
told: what is left out of them is deleted. So a product that is there was read first, and all of its variants are told
again: ours with our prices, the others as they are.

What our catalogue does not say of a new product comes from the template, in Shopify's words (``status``,
``productType``, ``tags`` and so on); ``variant`` in it is the ground of each new variant. A product that is there keeps
what it has of that, its pictures too: staff may have changed it over there.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from inventory.channels.channel import Refused
from inventory.channels.publishing import Product, Variant, names_of
from inventory.channels.shopify.answers import AVAILABLE
from inventory.channels.shopify.products import Has, HasVariant, variant_of
from inventory.channels.template import laid_over
from kit.money import plain_amount

OPTION: Final = "Title"
"""What variants of products made here are told apart by: Shopify's own name of it where there is only one variant."""

ONLY: Final = "Default Title"
"""What Shopify calls the only variant of a product."""

VALUE_CHARS: Final = 255
"""Characters of what tells one variant from the others."""

_Values = list[dict[str, str]]


def handle_of(product_id: str) -> str:
    """Return the name that a product made here has in the shop: the same in every try to create it."""
    return f"showdrop-{product_id.lower().replace('_', '-')}"


def wrong_currency(product: Product, currency: str) -> Refused | None:
    """Return why a shop with this currency cannot take the prices, if it cannot: its prices name none."""
    for variant in product.variants:
        if variant.price.currency != currency:
            return Refused(
                reason=f"the price of {variant.sku} is in {variant.price.currency}, and the shop sells in {currency}",
                temporary=False,
            )
    return None


def product_input(
    product: Product, template: Mapping[str, object], *, location: str, has: Has | None
) -> dict[str, object] | Refused:
    """Return what the shop is told of a product, or why it can be told nothing.

    Args:
        product: ours.
        template: the merchant's own fields.
        location: the global id of the one that new variants are stocked at.
        has: what the shop has of it; None for a new product.
    """
    others = [node for node in (has.variants.nodes if has is not None else []) if not _is_ours(node, product, has)]
    named = _values(product, has, others)
    if isinstance(named, Refused):
        return named
    ground = dict(template)
    given = ground.pop("variant", None)
    variants = [
        _variant(variant, variant_of(variant, has), named[variant.sku], given, location) for variant in product.variants
    ]
    variants += [{"id": node.id, "optionValues": _kept(node)} for node in others]
    told: dict[str, object] = {
        "title": product.title,
        "descriptionHtml": product.description,
        "productOptions": _options([*named.values(), *(_kept(node) for node in others)]),
        "variants": variants,
    }
    if product.vendor:
        told["vendor"] = product.vendor
    if has is not None:
        return told
    told["handle"] = handle_of(product.product_id)
    if product.image is not None:
        told["files"] = [{"originalSource": product.image, "contentType": "IMAGE"}]
    return laid_over(ground, told)


def _is_ours(node: HasVariant, product: Product, has: Has | None) -> bool:
    return any(variant_of(variant, has) is node for variant in product.variants)


def _variant(
    variant: Variant, before: HasVariant | None, values: _Values, ground: object, location: str
) -> dict[str, object]:
    """Return a variant; what is for sale of one that is there is told as a level and nowhere else."""
    if before is not None:
        return {"id": before.id, "price": plain_amount(variant.price), "optionValues": values}
    return laid_over(
        ground if isinstance(ground, Mapping) else {},
        {
            "sku": variant.sku,
            "price": plain_amount(variant.price),
            "optionValues": values,
            "inventoryItem": {"tracked": True},
            "inventoryQuantities": [{"locationId": location, "name": AVAILABLE, "quantity": variant.level}],
        },
    )


def _values(product: Product, has: Has | None, others: Sequence[HasVariant]) -> dict[str, _Values] | Refused:
    """Return what each variant is told apart by, by SKU."""
    nodes = has.variants.nodes if has is not None else []
    if any([option.name for option in node.selected_options] != [OPTION] for node in nodes):
        # The merchant's own options: a colour and a size, say. We cannot know them of a variant that is new there.
        values: dict[str, _Values] = {}
        for variant in product.variants:
            before = variant_of(variant, has)
            if before is None:
                return Refused(
                    reason=f"the product at Shopify has options of its own: add {variant.sku} to it there and link it",
                    temporary=False,
                )
            values[variant.sku] = _kept(before)
        return values
    taken = {option.value for node in others for option in node.selected_options}
    names = _names(product.variants, taken)
    return {sku: [{"optionName": OPTION, "name": name}] for sku, name in names.items()}


def _names(variants: Sequence[Variant], taken: set[str]) -> dict[str, str]:
    """Return what each variant is called: the only one has Shopify's own name."""
    if len(variants) == 1 and not taken:
        return {variants[0].sku: ONLY}
    return names_of(variants, most_chars=VALUE_CHARS, taken=taken)


def _kept(node: HasVariant) -> _Values:
    return [{"optionName": option.name, "name": option.value} for option in node.selected_options]


def _options(values: Sequence[_Values]) -> list[dict[str, object]]:
    """Return the options with all of their values, each once and in the order of the variants."""
    options: dict[str, dict[str, None]] = {}
    for variant in values:
        for value in variant:
            options.setdefault(value["optionName"], {})[value["name"]] = None
    return [
        {"name": name, "position": position, "values": [{"name": value} for value in of]}
        for position, (name, of) in enumerate(options.items(), start=1)
    ]
