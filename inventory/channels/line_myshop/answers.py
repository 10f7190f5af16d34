"""What LINE MyShop answers: what is on sale of an inventory, and what an error means. Pure.

The shapes are those of the OpenAPI document "ECT Open API 1.0.0", of which woraphol-j/lineshopping-api-mcp has a copy.
"""

from http import HTTPStatus
from typing import TypeVar

import msgspec

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Refused
from inventory.channels.hiding import hidden
from inventory.channels.limits import SAID_CHARS
from inventory.channels.unreadable import decoded

_Form = TypeVar("_Form")


class Inventory(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer to a change: what is on sale now."""

    available_number: int


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """An error of LINE's."""

    code: str
    message: str = ""


def available_in(body: bytes, product_id: int, inventory_id: int) -> int | None:
    """Return what is on sale of an inventory, from a page of products; None if it is not there.

    Raises:
        ChannelDownError: it is no such page.
    """
    for product in read_answer(body, _Page).data or []:
        for variant in product.variants or []:
            if product.id == product_id and variant.inventory_id == inventory_id:
                if variant.available_number is None:
                    raise ChannelDownError("LINE's answer has an item without a quantity")
                return variant.available_number
    return None


def refusal(status: int, body: bytes, *, hide: str = "") -> Refused:
    """Return what a failed call means: a refusal, for now if something else changed the item at the same time.

    Args:
        status: of HTTP, other than 200.
        body: of the answer.
        hide: a text that must not be repeated.

    Raises:
        ChannelDownError: it passes by itself.
        ChannelGoneError: the key, or what it allows, has to be put right.
    """
    try:
        error = read_answer(body, Failure)
    except ChannelDownError:
        if status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise
        error = Failure(code=str(status))
    code = error.code
    if code in {"UNAUTHORIZED", "PERMISSION_DENIED"} or status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise ChannelGoneError(f"LINE gives no access ({status}): make a new API key in OA Plus, or allow more to it")
    if code == "INTERNAL_ERROR" or status < HTTPStatus.BAD_REQUEST:
        raise ChannelDownError(f"LINE failed for now ({status})")
    said = hidden(f"{code}: {error.message}", [hide])[:SAID_CHARS]
    return Refused(reason=f"LINE refused it: {said}", temporary=code == "DATA_CONFLICT")


def is_unknown(status: int, body: bytes) -> bool:
    """Tell whether LINE says that it has no such thing."""
    try:
        return status == HTTPStatus.NOT_FOUND or read_answer(body, Failure).code == "NOT_FOUND"
    except ChannelDownError:
        return False


def read_answer(body: bytes, form: type[_Form]) -> _Form:
    """Read an answer; see ``decoded``."""
    return decoded(body, form, "LINE's answer")


class _Variant(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    inventory_id: int | None = None
    available_number: int | None = None


class _Product(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    variants: list[_Variant] | None = None


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    data: list[_Product] | None
