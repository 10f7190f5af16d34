"""What Meta's Graph API answers, read into ours, and the proof that a call is from us. Pure.

https://developers.facebook.com/documentation/ads-commerce/marketing-api/reference/product-catalog/items_batch
"""

import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

import msgspec

from inventory.channels.channel import ChannelDownError, Level
from inventory.channels.limits import SAID_CHARS
from inventory.channels.unreadable import decoded

IN_STOCK: Final = "in stock"
OUT_OF_STOCK: Final = "out of stock"
_WHOSE: Final = "Meta's answer"


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch at first sight.

    Attributes:
        handle: to ask for the outcome with; None when nothing was taken in.
        refused: reasons by item id.
    """

    handle: str | None
    refused: dict[str, str]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch in the end.

    Attributes:
        refused: reasons by item id.
        unnamed: errors that name no item; any of them may be meant.
    """

    refused: dict[str, str]
    unnamed: int


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue has of an item; ``quantity`` is None when it has none, which sells without end."""

    in_stock: bool
    quantity: int | None


class _Said(msgspec.Struct, frozen=True):
    message: str = ""
    id: str | int | None = None


class _Validation(msgspec.Struct, frozen=True):
    retailer_id: str
    errors: list[_Said] = []


class _Batch(msgspec.Struct, frozen=True):
    handles: list[str]
    validation_status: list[_Validation] = []


class _Status(msgspec.Struct, frozen=True):
    status: str
    errors_total_count: int = 0
    errors: list[_Said] = []
    ids_of_invalid_requests: list[str] = []


class _Statuses(msgspec.Struct, frozen=True):
    data: list[_Status]


class _Product(msgspec.Struct, frozen=True):
    retailer_id: str
    availability: str
    quantity_to_sell_on_facebook: int | None = None


class _Products(msgspec.Struct, frozen=True):
    data: list[_Product]


def proof(app_secret: str, access_token: str) -> str:
    """Return ``appsecret_proof``: a stolen token is of no use without it."""
    return hmac.new(app_secret.encode(), access_token.encode(), hashlib.sha256).hexdigest()


def request_for(level: Level) -> dict[str, object]:
    """Return one entry of a batch; both fields in one, or buyers would see one without the other for a while."""
    return {
        "method": "UPDATE",
        "data": {
            "id": level.item_id,
            "availability": IN_STOCK if level.quantity else OUT_OF_STOCK,
            "quantity_to_sell_on_facebook": level.quantity,
        },
    }


def taken_in(body: bytes) -> Taken:
    """Read the answer to a batch.

    Raises:
        ChannelDownError: it cannot be read, or says neither that the batch was taken nor why not.
    """
    batch = decoded(body, _Batch, _WHOSE)
    refused = {one.retailer_id: _reason(one.errors) for one in batch.validation_status if one.errors}
    if len(batch.handles) > 1 or not (batch.handles or refused):
        raise ChannelDownError(f"Meta answered a batch with {len(batch.handles)} handles")
    return Taken(handle=batch.handles[0] if batch.handles else None, refused=refused)


def outcome_in(body: bytes) -> Outcome | None:
    """Read what became of a batch; None while Meta works on it.

    Raises:
        ChannelDownError: Meta gave it up or does not know it (any more), or the answer cannot be read.
    """
    statuses = decoded(body, _Statuses, _WHOSE).data
    if len(statuses) != 1:
        raise ChannelDownError("Meta does not know the batch any more")
    found = statuses[0]
    state = found.status.lower()
    if state in ("error", "canceled"):
        raise ChannelDownError(f"Meta ended the batch with {state!r}")
    if state != "finished":  # scheduled, dispatched or started
        return None
    # The errors are samples, and the ids are complete.
    refused = dict.fromkeys(found.ids_of_invalid_requests, "Meta refused it, and does not say why")
    for one in found.errors:
        if one.id is not None:
            refused[str(one.id)] = _reason([one])
    unnamed = 0 if refused else max(found.errors_total_count, len(found.errors))
    return Outcome(refused=refused, unnamed=unnamed)


def products_in(body: bytes) -> dict[str, Shown]:
    """Read the answer to a search for products; by item id, without those that the catalogue has not.

    Raises:
        ChannelDownError: it cannot be read.
    """
    return {
        one.retailer_id: Shown(in_stock=one.availability == IN_STOCK, quantity=one.quantity_to_sell_on_facebook)
        for one in decoded(body, _Products, _WHOSE).data
    }


def _reason(errors: Sequence[_Said]) -> str:
    return f"Meta: {errors[0].message[:SAID_CHARS] or 'refused without a reason'}"
