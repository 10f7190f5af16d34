"""What a catalogue is made of: products, their variants, and the rows that could not become one.

Pure. A product is found again by its key (a Shopify handle or a feed's item group), a variant by its SKU.
"""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Sequence
from typing import Final

import msgspec
from ulid import ULID

from inventory.limits import DERIVED_SKU_CHARS, MAX_REMEMBERED_PRODUCTS
from kit.money import Money

_HASH_CHARS: Final = 10
"""50 bits: among 250,000 SKUs that share a slug, a collision has a chance of about 3 in 100,000."""

_PLAIN_HANDLE = re.compile(r"[a-z0-9-]+")
_PLAIN_VALUE = re.compile(r"[a-z0-9]+(?: [a-z0-9]+)*")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What all variants of a product share; the same shape for every file format.

    Attributes:
        product_key: names the product in its source for ever: the Shopify handle, or a feed's item group id or item id.
        handle: the readable name used in links and derived SKUs; equals the key in the formats known today.
        title: plain text, "" while no row has named it.
        description: plain text, whitespace folded, bounded.
        image: an http or https address, or None.
        vendor: plain text, may be "".
        option_names: names of the options in their order ("Size", "Colour"); "" where unnamed.
    """

    product_key: str
    handle: str
    title: str = ""
    description: str = ""
    image: str | None = None
    vendor: str = ""
    option_names: tuple[str, ...] = ("", "", "")


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """One sellable thing, with the details of its product repeated.

    Attributes:
        line: physical line of the file (from 1) where its record starts.
        product_key: see `Product`; the rows of one product share it.
        handle: see `Product`.
        product_title: never empty.
        description: see `Product`.
        image: the product's image, an http or https address, or None.
        vendor: see `Product`.
        sku: unique within the file, at most ``MAX_SKU_CHARS``; from the file, or derived by `derive_sku`.
        variant_title: the option values, "Medium / Red"; "" for a product without options.
        price: not negative.
        quantity: whole units, from 0; a blank cell is 0. None when the file has no column for it: then nothing is said
            about stock.
        options: (name, value) pairs in the order of the file.
    """

    line: int
    product_key: str
    handle: str
    product_title: str
    description: str
    image: str | None
    vendor: str
    sku: str
    variant_title: str
    price: Money
    quantity: int | None
    options: tuple[tuple[str, str], ...] = ()


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """A record that became no variant.

    Attributes:
        line: physical line of the file (from 1) where the record starts.
        reason: one sentence that names the column and the value.
    """

    line: int
    reason: str


def completed(
    product: Product,
    *,
    title: str = "",
    description: str = "",
    image: str | None = None,
    vendor: str = "",
    option_names: tuple[str, ...] = (),
) -> Product:
    """The product with its gaps filled. What an earlier row said stays: later rows neither erase nor replace it."""
    names = product.option_names
    if any(option_names) and not any(names):
        names = option_names
    done = Product(
        product_key=product.product_key,
        handle=product.handle,
        title=product.title or title,
        description=product.description or description,
        image=product.image or image,
        vendor=product.vendor or vendor,
        option_names=names,
    )
    return product if done == product else done


class RecentProducts:
    """The details of the last ``MAX_REMEMBERED_PRODUCTS`` products of a file, for rows that come back without them.

    Not for sharing: one reader of one file owns it.
    """

    def __init__(self) -> None:
        self._by_key: dict[str, Product] = {}  # in the order of last use, oldest first

    def get(self, product_key: str) -> Product:
        """What is known of the product; an empty one when it is new or long forgotten."""
        return self._by_key.get(product_key) or Product(product_key=product_key, handle=product_key)

    def put(self, product: Product) -> None:
        """Remember it as the most recent one; the one used longest ago is forgotten when there are too many."""
        self._by_key.pop(product.product_key, None)
        self._by_key[product.product_key] = product
        if len(self._by_key) > MAX_REMEMBERED_PRODUCTS:
            del self._by_key[next(iter(self._by_key))]


def variant_title(values: Sequence[str]) -> str:
    """The option values as one line: "Medium / Red"; "" when there are none."""
    return " / ".join(value for value in values if value)


def derive_sku(handle: str, values: Sequence[str]) -> str:
    """A SKU for a variant that has none: ``classic-varsity-top.medium``, at most ``DERIVED_SKU_CHARS`` characters.

    It depends on handle and option values only, so the next import of the same catalogue finds the same variants
    whatever the order of rows. Handles count exactly; option values count without regard to case, as in Shopify,
    where a product cannot have both "Red" and "red". Where the readable form cannot tell two variants apart (it was
    cut, or signs and non-ASCII letters got lost), a hash of the exact text is appended behind "_", a character the
    readable form never has.

    Args:
        handle: not empty, whitespace folded.
        values: option values in their order, whitespace folded; trailing blanks do not count.
    """
    known = list(values)
    while known and not known[-1]:
        known.pop()
    folded = [unicodedata.normalize("NFC", value.casefold()) for value in known]
    if _PLAIN_HANDLE.fullmatch(handle) and all(_PLAIN_VALUE.fullmatch(value) for value in folded):
        sku = ".".join([handle, *(value.replace(" ", "-") for value in folded)])
        if len(sku) <= DERIVED_SKU_CHARS:
            return sku
    slug = ".".join(part for part in map(_slug, [handle, *folded]) if part)
    digest = hashlib.sha256("\x1f".join([handle, *folded]).encode()).digest()
    mark = base64.b32encode(digest).decode("ascii")[:_HASH_CHARS].lower()
    return f"{slug[: DERIVED_SKU_CHARS - _HASH_CHARS - 1].rstrip('-.') or 'item'}_{mark}"


def product_id_of(product_key: str) -> str:
    """The id of the product with this key: ``prod_`` and 26 characters in the alphabet and range of a ULID.

    It is computed from the key, so importing a product again needs no look-up and two imports at once agree.
    """
    return f"prod_{ULID(hashlib.sha256(product_key.encode()).digest()[:16])}"


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode("ascii")
    return _NOT_SLUG.sub("-", plain).strip("-")
