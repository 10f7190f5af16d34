"""How products are told to a WeChat shop, and what it says of its own. Pure.

The API: https://developers.weixin.qq.com/doc/store/shop/API/channels-shop-product/. A product is told with all its
SKUs, goes through an audit, and has two forms meanwhile: the one that buyers see and the draft.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from inventory.channels.channel import Refused, refused_for_good
from inventory.channels.publishing import ListedItem, Product, Variant
from inventory.channels.template import laid_over
from inventory.channels.wechat.answers import Said

MOST_SKUS: Final = 500
"""SKUs of one product."""

FEWEST_IMAGES: Final = 3
MOST_IMAGES: Final = 9
"""Pictures at the head of a product."""

CURRENCY: Final = "CNY"
"""What a shop's prices are in; WeChat counts in fen, which are its minor units."""

IMAGE_HOST: Final = "https://mmecimage.cn/"
"""Where pictures are that WeChat has already."""

_OPTION: Final = "规格"
_IN_AUDIT: Final = 2
_IMAGES: Final = "head_imgs"

_Id = int | str


class _Attribute(msgspec.Struct, frozen=True, kw_only=True):
    attr_value: str = ""


class _Sku(msgspec.Struct, frozen=True, kw_only=True):
    sku_id: _Id
    sku_code: str | None = None
    sale_price: int | None = None
    sku_attrs: list[_Attribute] | None = None

    @property
    def options(self) -> str:
        return " ".join(one.attr_value for one in self.sku_attrs or ())


class _Form(msgspec.Struct, frozen=True, kw_only=True):
    title: str = ""
    edit_status: int = 0
    skus: list[_Sku] | None = None


class ProductSaid(Said, frozen=True, kw_only=True):
    """A product: what buyers see, and the draft."""

    product: _Form | None = None
    edit_product: _Form | None = None

    @property
    def latest(self) -> _Form:
        """The draft, or what buyers see where there is none."""
        return next((one for one in (self.edit_product, self.product) if one and one.skus), _Form())

    @property
    def is_in_audit(self) -> bool:
        """Whether it is being reviewed, and cannot be changed."""
        return _IN_AUDIT in {one.edit_status for one in (self.edit_product, self.product) if one}

    @property
    def sku_ids(self) -> dict[str, str]:
        """WeChat's ids of its SKUs, by the merchant's own; those without one are left out."""
        return {one.sku_code: str(one.sku_id) for one in self.latest.skus or () if one.sku_code}


class ProductsSaid(Said, frozen=True, kw_only=True):
    """A page of the shop's products."""

    product_ids: list[_Id] | None = None
    next_key: str | None = None


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    product_id: _Id


class MadeSaid(Said, frozen=True, kw_only=True):
    """A product that was added or changed."""

    data: _Made | None = None


class _Picture(msgspec.Struct, frozen=True, kw_only=True):
    img_url: str = ""


class PictureSaid(Said, frozen=True, kw_only=True):
    """A picture that WeChat fetched."""

    pic_file: _Picture | None = None


def unfit(product: Product, template: Mapping[str, object]) -> Refused | None:
    """Return why a product cannot be told; None if it can."""
    if any(one.price.currency != CURRENCY for one in product.variants):
        return refused_for_good(f"WeChat shops have prices in {CURRENCY}")
    if len(product.variants) > MOST_SKUS:
        return refused_for_good(f"WeChat takes {MOST_SKUS} SKUs of one product at most")
    if "cats_v2" not in template:
        return refused_for_good("product_template has no cats_v2, the categories of WeChat that the products belong to")
    pictures = len(_listed(template, _IMAGES)) + (product.image is not None)
    if pictures < FEWEST_IMAGES:
        return refused_for_good(
            f"WeChat wants {FEWEST_IMAGES} pictures at the head of a product: its own, and more as head_imgs"
            " in product_template"
        )
    return None


def body_of(
    product: Product, template: Mapping[str, object], *, picture: str | None, sku_ids: Mapping[str, str]
) -> dict[str, object]:
    """Return what ``product/add`` and ``product/update`` want to know.

    The stock is the level of the moment; later ones are told as levels.

    Args:
        product: not ``unfit``.
        template: the merchant's fields.
        picture: the product's own, at WeChat.
        sku_ids: WeChat's ids of the SKUs that it has already.
    """
    own = [] if picture is None else [picture]
    images = [*own, *(one for one in _listed(template, _IMAGES) if one not in own)][:MOST_IMAGES]
    below = template.get("desc_info")
    below = below if isinstance(below, Mapping) else {}
    description: dict[str, object] = {"imgs": below.get("imgs") or images}
    if product.description:
        description["desc"] = product.description
    ours: dict[str, object] = {
        "title": product.title,
        _IMAGES: images,
        "desc_info": description,
        "spu_code": product.product_key,
        "skus": [_sku(one, images, sku_ids) for one in product.variants],
        # To the audit at once, and on sale after it.
        "listing": 1,
    }
    return laid_over({"deliver_method": 0, **template}, ours)


def is_told(product: Product, said: ProductSaid) -> bool:
    """Tell whether WeChat has a product as it is now, as far as it says."""
    prices = {one.sku_code: one.sale_price for one in said.latest.skus or ()}
    ours = {one.sku: one.price.amount for one in product.variants}
    return said.latest.title == product.title and prices == ours


def links_of(product: Product, listing: str, said: ProductSaid) -> dict[str, str]:
    """Return the item ids of a product's SKUs, those that WeChat has."""
    sku_ids = said.sku_ids
    return {one.sku: f"{listing}/{sku_ids[one.sku]}" for one in product.variants if one.sku in sku_ids}


def listed_items(product_id: str, said: ProductSaid) -> list[ListedItem]:
    """Return a product's SKUs for matching."""
    form = said.latest
    return [
        ListedItem(
            item_id=f"{product_id}/{one.sku_id}",
            seller_sku=one.sku_code or "",
            title=f"{form.title} {one.options}".strip(),
        )
        for one in form.skus or ()
    ]


def linked_skus(product: Product, listing: str) -> dict[str, str]:
    """Return WeChat's ids of the SKUs that are linked to one of its products."""
    links = {one.sku: one.item_id.partition("/") for one in product.variants if one.item_id}
    return {sku: sku_id for sku, (product_id, _, sku_id) in links.items() if product_id == listing}


def _sku(variant: Variant, images: Sequence[object], sku_ids: Mapping[str, str]) -> dict[str, object]:
    sku: dict[str, object] = {
        "thumb_img": images[0],
        "sale_price": variant.price.amount,
        "stock_num": variant.level,
        "sku_code": variant.sku,
        "sku_attrs": [{"attr_key": _OPTION, "attr_value": variant.title or variant.sku}],
    }
    if variant.sku in sku_ids:
        sku["sku_id"] = sku_ids[variant.sku]
    return sku


def _listed(template: Mapping[str, object], name: str) -> list[object]:
    value = template.get(name)
    return value if isinstance(value, list) else []
