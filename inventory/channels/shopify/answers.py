"""What Shopify's Admin API answers, read into ours. Pure.

GraphQL answers 200 whatever happened. ``errors`` concern the whole call; ``userErrors`` of a mutation concern what it
was given, and name the entry by its place in the list. With one of them nothing was changed, so the other entries may
go again.

https://shopify.dev/docs/api/admin-graphql/2026-07/mutations/inventorySetQuantities
"""

import math
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Refused
from inventory.channels.limits import SAID_CHARS
from inventory.channels.unreadable import UNREADABLE, decoded

AVAILABLE: Final = "available"
"""The quantity that a shop may still sell; Shopify counts others beside it, such as ``on_hand``."""

_WHOSE: Final = "Shopify's answer"
_QUANTITIES: Final = "quantities"

_FINAL: Final = frozenset(
    {
        "IDEMPOTENCY_KEY_PARAMETER_MISMATCH",
        "INVALID_INVENTORY_ITEM",
        "INVALID_LOCATION",
        "INVALID_NAME",
        "INVALID_QUANTITY_NEGATIVE",
        "INVALID_QUANTITY_TOO_HIGH",
        "INVALID_QUANTITY_TOO_LOW",
        "INVALID_REASON",
        "INVALID_REFERENCE_DOCUMENT",
        "ITEM_NOT_STOCKED_AT_LOCATION",
        "NON_MUTABLE_INVENTORY_ITEM",
        "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR",
    }
)
"""``userErrors`` that the same entry gets again; every other one, such as a stale quantity, may pass."""

_NO_SCOPE: Final = "ACCESS_DENIED"
_GONE: Final = {
    _NO_SCOPE: "the access token may not do this: grant read_inventory and write_inventory to the app",
    "SHOP_INACTIVE": "the shop is closed or paused: reopen it in Shopify, then resume the channel",
}
"""Codes of ``errors`` that end the access, with what staff has to do."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What the shop has of one inventory item at our location.

    Attributes:
        tracked: whether Shopify counts it at all; what it does not count it sells without end.
        available: None when the item is not stocked at the location. Below 0 when Shopify sold too many.
    """

    tracked: bool
    available: int | None


class Complaint(msgspec.Struct, frozen=True, kw_only=True):
    """One of ``userErrors``.

    Attributes:
        place: the entry's place among those that were sent; None when it concerns all.
        final: whether the same entry would be refused again.
        said: code and message, cut short.
    """

    place: int | None
    final: bool
    said: str


class _Quantity(msgspec.Struct, frozen=True):
    name: str
    quantity: int


class _Level(msgspec.Struct, frozen=True):
    quantities: list[_Quantity]


class _Node(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    tracked: bool
    inventory_level: _Level | None


class _Nodes(msgspec.Struct, frozen=True):
    nodes: list[_Node | None]


class _UserError(msgspec.Struct, frozen=True):
    message: str
    code: str | None = None
    field: list[str] | None = None


class _Payload(msgspec.Struct, frozen=True, rename="camel"):
    user_errors: list[_UserError]


class _Set(msgspec.Struct, frozen=True, rename="camel"):
    inventory_set_quantities: _Payload | None


class _ErrorExtensions(msgspec.Struct, frozen=True):
    code: str = ""


class _Error(msgspec.Struct, frozen=True):
    message: str
    extensions: _ErrorExtensions = _ErrorExtensions()


class _Throttle(msgspec.Struct, frozen=True, rename="camel"):
    currently_available: float
    restore_rate: float


class _Cost(msgspec.Struct, frozen=True, rename="camel"):
    requested_query_cost: float
    throttle_status: _Throttle


class _Extensions(msgspec.Struct, frozen=True):
    cost: _Cost


class _Reply(msgspec.Struct, frozen=True):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: list[_Error] = []
    extensions: msgspec.Raw = msgspec.Raw(b"null")


_Data = TypeVar("_Data")


def items_in(body: bytes, gids: Sequence[str]) -> list[Item | None]:
    """Read the answer to a look at these inventory items; None: the shop has no such item.

    Raises:
        ChannelDownError, ChannelGoneError: see ``complaints_in``.
    """
    nodes = data_in(body, _Nodes).nodes
    if len(nodes) != len(gids) or any(node and node.id != gid for node, gid in zip(nodes, gids, strict=True)):
        raise ChannelDownError("Shopify's answer is about other items than it was asked for")
    return [None if node is None else Item(tracked=node.tracked, available=_available(node)) for node in nodes]


def complaints_in(body: bytes) -> list[Complaint]:
    """Read the answer to a change of quantities; nothing was changed unless the list is empty.

    Raises:
        ChannelDownError: throttled, with the wait until the call fits; or an error that may pass; or no sense in it.
        ChannelGoneError: the access token may not do this, or the shop is closed.
    """
    payload = data_in(body, _Set).inventory_set_quantities
    if payload is None:
        raise ChannelDownError("Shopify's answer does not say what became of the call")
    return [
        Complaint(
            place=_place(error.field or []),
            final=error.code in _FINAL,
            said=f"{error.code or 'no code'}: {error.message[:SAID_CHARS]}",
        )
        for error in payload.user_errors
    ]


def refusal_of(item: Item | None) -> Refused | None:
    """Return why no quantity can be told of an item, where that shows already when it is looked at."""
    if item is None:
        return Refused(reason="Shopify has no inventory item of this id: correct the link", temporary=False)
    if not item.tracked:
        return Refused(reason="Shopify does not track this item's quantity: switch tracking on there", temporary=False)
    if item.available is None:
        return Refused(reason="the item is not stocked at the location: stock it there in Shopify", temporary=False)
    return None


def _available(node: _Node) -> int | None:
    if node.inventory_level is None:
        return None
    return next((one.quantity for one in node.inventory_level.quantities if one.name == AVAILABLE), None)


def _place(field: Sequence[str]) -> int | None:
    """``["input", "quantities", "3", "quantity"]`` is about the fourth entry."""
    if _QUANTITIES not in field:
        return None
    after = field[field.index(_QUANTITIES) + 1 :]
    return int(after[0]) if after and after[0].isascii() and after[0].isdigit() else None


def data_in(body: bytes, kind: type[_Data], *, scope: str = "") -> _Data:
    """Read the answer to a query or a mutation.

    Args:
        body: the answer's.
        kind: what is read out of its data.
        scope: what the app has to be granted for it, where the levels do not need that; blank where they do.

    Raises:
        ChannelDownError, ChannelGoneError: see ``complaints_in``. A missing ``scope`` is no reason to stop the levels.
    """
    reply = decoded(body, _Reply, _WHOSE)
    if reply.errors:
        raise _failure(reply.errors, reply.extensions, scope)
    return decoded(reply.data, kind, _WHOSE)


def _failure(errors: Sequence[_Error], extensions: msgspec.Raw, scope: str) -> ChannelDownError | ChannelGoneError:
    """Return the error that the whole call ended with."""
    for error in errors:
        if error.extensions.code == _NO_SCOPE and scope:
            return ChannelDownError(f"Shopify: the access token may not do this: grant {scope} to the app")
        if error.extensions.code in _GONE:
            return ChannelGoneError(f"Shopify: {_GONE[error.extensions.code]}")
    first = errors[0]
    if any(error.extensions.code == "THROTTLED" for error in errors):
        return ChannelDownError("Shopify: THROTTLED", retry_after_ms=_wait_ms(extensions))
    return ChannelDownError(f"Shopify: {first.extensions.code or 'no code'}: {first.message[:SAID_CHARS]}")


def _wait_ms(extensions: msgspec.Raw) -> int | None:
    """Return when the bucket holds what the call costs; None where the answer does not say."""
    try:
        cost = msgspec.json.decode(extensions, type=_Extensions).cost
    except UNREADABLE:
        return None
    if cost.throttle_status.restore_rate <= 0:
        return None
    missing = cost.requested_query_cost - cost.throttle_status.currently_available
    return max(1, math.ceil(missing / cost.throttle_status.restore_rate * 1000))
