"""Products as TikTok Shop wants them, and its own as it tells them. Pure.

https://partner.tiktokshop.com/docv2/page/create-product-202309. What our catalogue does not say comes from the
template: ``category_id``, ``main_images`` (uris of images that were uploaded there), ``package_weight``, and so on in
TikTok's own words. Two more words are ours: ``sku`` is the ground of each SKU, and ``products`` has, by the merchant's
own key of a product, what is different for that one.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from inventory.channels.channel import Refused
from inventory.channels.publishing import ItemPage, ListedItem, Product, names_of
from inventory.channels.template import laid_over
from inventory.channels.tiktok.answers import PASSING, Said, sentence
from kit.money import Money, minor_digits

IMAGES: Final = "main_images"
OPTION: Final = "Variant"
"""What a product's SKUs are told apart by; at most 20 characters."""

OPTION_CHARS: Final = 50
"""Characters of what tells one SKU from the others."""

_DELETED: Final = "DELETED"
_LATER: Final = PASSING | {12001000, 12019113, 12052901}
"""TikTok failed, or the product is being reviewed: it may be taken soon."""

_Id = str | int


class _Price(msgspec.Struct, frozen=True, kw_only=True):
    currency: str = ""
    tax_exclusive_price: str | None = None
    sale_price: str | None = None


class _Sku(msgspec.Struct, frozen=True, kw_only=True):
    id: _Id
    seller_sku: str | None = None
    price: _Price = _Price()


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A product that TikTok has."""

    id: _Id
    title: str = ""
    description: str = ""
    status: str = ""
    skus: list[_Sku] | None = None


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    products: list[Listed] | None = None
    next_page_token: str | None = None


class Found(Said, frozen=True, kw_only=True):
    """The answer to a search of products."""

    data: _Page | None = None

    def with_skus(self, skus: Sequence[str]) -> list[str]:
        """Return the ids of products that have one of these SKUs."""
        wanted = set(skus)
        return [
            str(product.id)
            for product in self._products()
            if any(sku.seller_sku in wanted for sku in product.skus or [])
        ]

    def items(self) -> ItemPage:
        """Return its items; an empty token is the end."""
        items = (
            ListedItem(item_id=f"{product.id}/{sku.id}", seller_sku=(sku.seller_sku or "").strip(), title=product.title)
            for product in self._products()
            for sku in product.skus or []
        )
        return ItemPage(items=tuple(items), next=(self.data and self.data.next_page_token) or None)

    def _products(self) -> list[Listed]:
        products = (self.data and self.data.products) or []
        return [product for product in products if product.status != _DELETED]


class Looked(Said, frozen=True, kw_only=True):
    """The answer to a look at one product."""

    data: Listed | None = None


class _Created(msgspec.Struct, frozen=True, kw_only=True):
    product_id: _Id
    skus: list[_Sku]


class Created(Said, frozen=True, kw_only=True):
    """The answer to a creation."""

    data: _Created | None = None


def ground_of(template: Mapping[str, object], product_key: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return what the template says of a product, and of each of its SKUs."""
    ground = dict(template)
    own = ground.pop("products", None)
    if isinstance(own, Mapping) and isinstance(own.get(product_key), Mapping):
        ground = laid_over(ground, own[product_key])
    sku = ground.pop("sku", None)
    return ground, dict(sku) if isinstance(sku, Mapping) else {}


def new_product(
    product: Product, template: Mapping[str, object], warehouses: Sequence[str]
) -> dict[str, object] | Refused:
    """Return the body that creates a product, or why there can be none.

    The key under which TikTok knows the request again is the same in every try to create this product.
    """
    ground, sku_ground = ground_of(template, product.product_key)
    if not ground.get(IMAGES):
        return Refused(
            reason="TikTok Shop takes uploaded images only: put main_images with their uris into product_template",
            temporary=False,
        )
    names = names_of(product.variants, most_chars=OPTION_CHARS)
    skus: list[dict[str, object]] = []
    for variant in product.variants:
        ours: dict[str, object] = {
            "seller_sku": variant.sku,
            "price": price(variant.price),
            "inventory": inventory(warehouses, variant.level),
        }
        if len(product.variants) > 1:
            ours["sales_attributes"] = [{"name": OPTION, "value_name": names[variant.sku]}]
        skus.append(laid_over(sku_ground, ours))
    ours = {"skus": skus, "idempotency_key": f"showdrop-{product.product_id}"}
    return laid_over(ground, texts(product) | ours)


def texts(product: Product) -> dict[str, object]:
    """Return what is said of a product as a whole; it has to have a description."""
    return {"title": product.title, "description": product.description or product.title}


def changed_texts(product: Product, listed: Listed) -> dict[str, object]:
    """Return those that are different now: each change is reviewed over there, so nothing is told for nothing."""
    now = {"title": listed.title, "description": listed.description}
    return {name: text for name, text in texts(product).items() if text != now[name]}


def changed_prices(product: Product, listed: Listed, ids: Mapping[str, str]) -> list[dict[str, object]]:
    """Return the prices that are different now: they may not be set while a product is reviewed.

    Args:
        product: ours.
        listed: the same over there.
        ids: TikTok's names for our SKUs.
    """
    now = {str(sku.id): sku.price for sku in listed.skus or []}
    changed: list[dict[str, object]] = []
    for variant in product.variants:
        sku_id, wanted = ids[variant.sku], price(variant.price)
        shown = now.get(sku_id, _Price())
        amounts = {_short(amount) for amount in (shown.tax_exclusive_price, shown.sale_price) if amount}
        if shown.currency != wanted["currency"] or _short(wanted["amount"]) not in amounts:
            changed.append({"id": sku_id, "price": wanted})
    return changed


def _short(amount: str) -> str:
    return amount.rstrip("0").rstrip(".") if "." in amount else amount


def sku_ids(product: Product, listing: str, skus: Sequence[_Sku]) -> dict[str, str] | Refused:
    """Return TikTok's names for our SKUs: those linked, and those that the merchant called the same over there."""
    by_name = {sku.seller_sku: str(sku.id) for sku in skus}
    ids: dict[str, str] = {}
    for variant in product.variants:
        of_product, _, linked = (variant.item_id or "").partition("/")
        found = linked if of_product == listing else by_name.get(variant.sku)
        if found is None:
            return Refused(
                reason=f"the product at TikTok Shop has no SKU {variant.sku}: add it there and link it", temporary=False
            )
        ids[variant.sku] = found
    return ids


def price(money: Money) -> dict[str, str]:
    """Return a price as TikTok writes it; whole units without digits, as some markets have none."""
    whole, fraction = divmod(money.amount, 10 ** minor_digits(money.currency))
    digits = f".{fraction:0{minor_digits(money.currency)}}" if fraction else ""
    return {"amount": f"{whole}{digits}", "currency": money.currency}


def inventory(warehouses: Sequence[str], quantity: int) -> list[dict[str, str | int]]:
    """Return a SKU's stock: all of it in the first warehouse, and nothing in the others."""
    quantities = [quantity] + [0] * (len(warehouses) - 1)
    return [
        {"warehouse_id": warehouse_id, "quantity": units}
        for warehouse_id, units in zip(warehouses, quantities, strict=True)
    ]


def refused(said: Said) -> Refused:
    """Return why a product was not taken."""
    return Refused(reason=sentence("TikTok Shop refused the product", said), temporary=said.code in _LATER)
