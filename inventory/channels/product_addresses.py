"""Addresses and prices of products as platforms want them, and the settings that they are made from. Pure.

The catalogue knows no product pages, and not every product has an image. A *template* is an address with ``{sku}``,
``{product_id}`` or ``{product_key}`` in it: the SKU, our id of its product, and the merchant's own key of it.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from inventory.channels.settings import Setting
from kit.errors import InvalidError
from kit.money import Money, plain_amount

TEMPLATE_CHARS: Final = 400
"""Characters of a template: Pinterest takes addresses of 511, and a SKU has up to 100."""

BRAND_CHARS: Final = 70
"""Characters of a brand: what Google and Snapchat take; Meta takes 100."""

CONDITIONS: Final = ("new", "refurbished", "used")
"""The conditions of goods that every platform knows."""

LINK: Final = "link_template"
IMAGE: Final = "image_template"

_PLACEHOLDER: Final = re.compile(r"\{(sku|product_id|product_key)\}")
_URL: Final = re.compile(r"[!-~]+")
_TEMPLATE_FORM: Final = (
    f"an address of at most {TEMPLATE_CHARS} ASCII characters without blanks, such as https://shop.example/p/{{sku}}"
)
_REST: Final = {
    IMAGE: Setting(pattern=re.compile(rf"[!-~]{{0,{TEMPLATE_CHARS}}}"), form=_TEMPLATE_FORM, default=""),
    "brand": Setting(
        pattern=re.compile(rf".{{0,{BRAND_CHARS}}}"), form=f"at most {BRAND_CHARS} characters on one line", default=""
    ),
    "condition": Setting(
        pattern=re.compile("|".join(CONDITIONS)), form=f"one of {', '.join(CONDITIONS)}", default=CONDITIONS[0]
    ),
}

ADDRESSES: Final = {
    LINK: Setting(pattern=re.compile(rf"[!-~]{{1,{TEMPLATE_CHARS}}}"), form=_TEMPLATE_FORM),
    **_REST,
}
"""The settings of a channel that shows our products from its first moment: it has to know where their pages are."""

ADDRESSES_IF_PUBLISHED: Final = {
    LINK: Setting(pattern=re.compile(rf"[!-~]{{0,{TEMPLATE_CHARS}}}"), form=_TEMPLATE_FORM, default=""),
    **_REST,
}
"""The same settings of a channel that needs them only if products are published there."""


def check_templates(settings: Mapping[str, str]) -> None:
    """Check the templates of a channel's settings; a blank one is none.

    Raises:
        InvalidError: as ``check_template``.
    """
    for name in (LINK, IMAGE):
        if settings.get(name):
            check_template(name, settings[name])


def check_template(name: str, text: str) -> None:
    """Check a template of addresses; ``name`` is the setting's.

    Raises:
        InvalidError: it is no address, names no item, or holds a placeholder that there is not.
    """
    known = ", ".join(("{sku}", "{product_id}", "{product_key}"))
    bare = _PLACEHOLDER.sub("", text)
    if _URL.fullmatch(text) is None or len(text) > TEMPLATE_CHARS:
        raise InvalidError(f"{name} has to be {_TEMPLATE_FORM}", field=name)
    if "{" in bare or "}" in bare or bare == text:
        raise InvalidError(f"{name} must hold one of {known}, and nothing else in braces", field=name)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InvalidError(f"{name} is not an address", field=name) from None
    if parts.scheme not in ("http", "https") or not host or port == 0 or "@" in parts.netloc or "{" in parts.netloc:
        raise InvalidError(
            f"{name} must start with https:// or http:// and a host, without a user name or a placeholder in it",
            field=name,
        )


def filled(template: str, *, sku: str, product_id: str, product_key: str) -> str:
    """Return the address that a template gives for an item; what is filled in cannot leave its place."""
    values = {"sku": sku, "product_id": product_id, "product_key": product_key}
    return _PLACEHOLDER.sub(lambda found: quote(values[found[1]], safe=""), template)


def price_text(price: Money) -> str:
    """Return a price as every platform reads it, with the currency's own digits: ``24.99 USD``, ``1300 JPY``.

    Blank for a currency that is none any more: the platform then names the row, and the others are as they should be.
    """
    try:
        return f"{plain_amount(price)} {price.currency}"
    except InvalidError:
        return ""
