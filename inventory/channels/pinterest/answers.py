"""What Pinterest's answers say of items, and how availability is written there; pure."""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeVar

import msgspec

from inventory.channels.channel import Answer, Level, Refused, Told
from inventory.channels.limits import SAID_CHARS
from inventory.channels.unreadable import UNREADABLE, decoded

IN_STOCK: Final = "in stock"
OUT_OF_STOCK: Final = "out of stock"
_BUYABLE: Final = frozenset({IN_STOCK, "preorder"})
_NO_MESSAGE: Final = "Pinterest gave no reason"


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call or an item was not taken."""

    code: int = 0
    message: str | None = None
    attribute: str | None = None


class Tokens(msgspec.Struct, frozen=True, kw_only=True):
    """Renewed access; ``refresh_token`` is there when the old one was replaced too."""

    access_token: str
    expires_in: int
    refresh_token: str | None = None

    def __repr__(self) -> str:
        """Without the tokens."""
        return f"Tokens(expires_in={self.expires_in})"


class Processed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one item of a batch so far."""

    item_id: str = ""
    status: Literal["PROCESSING", "SUCCESS", "FAILURE"] | None = None
    errors: list[Fault] | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch. Where ``created_time`` is null it was not begun, because one like it was a moment ago."""

    created_time: str | None
    status: Literal["PROCESSING", "COMPLETED", "FAILED"] | None = None
    batch_id: str = ""
    items: list[Processed] | None = None


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue shows of an item."""

    availability: str | None = None
    title: str | None = None
    price: str | None = None


class _Item(msgspec.Struct, frozen=True, kw_only=True):
    item_id: str = ""
    attributes: Attributes | None = None


class Items(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue holds of the items that were asked for."""

    items: list[_Item]


Form = TypeVar("Form", Tokens, Batch, Items)


def read_answer(body: bytes, form: type[Form]) -> Form:
    """Read a successful answer; see ``decoded``."""
    return decoded(body, form, "Pinterest's answer")


def availability_of(quantity: int) -> str:
    """Return how Pinterest writes that something is, or is not, there to be bought."""
    return IN_STOCK if quantity > 0 else OUT_OF_STOCK


def answers_of(batch: Batch, levels: Sequence[Level]) -> list[Answer]:
    """Return what came of each level; what the batch does not tell of may be told again."""
    processed = {one.item_id: one for one in batch.items or ()}
    return [answer_of(processed.get(level.item_id)) for level in levels]


def answer_of(processed: Processed | None) -> Told | Refused:
    """Return what came of an item; None: the batch does not tell of it."""
    if processed is None or processed.status in {None, "PROCESSING"}:
        return Refused(reason="Pinterest ended the batch without an answer for this item", temporary=True)
    if processed.status == "FAILURE":
        first = (processed.errors or [Fault()])[0]
        return Refused(reason=sentence("Pinterest did not take it", first), temporary=False)
    return Told()


def shown(items: Items) -> Mapping[str, int]:
    """Return which items can be bought there, 1 or 0; an item that the catalogue has not is left out.

    What else an availability may say, such as a word of the merchant's own feed, sells nothing.
    """
    return {
        one.item_id: int(one.attributes.availability.lower().replace("_", " ") in _BUYABLE)
        for one in items.items
        if one.attributes is not None and one.attributes.availability is not None
    }


def attributes_of(items: Items) -> Mapping[str, Attributes]:
    """Return what is shown of each item that the catalogue has."""
    return {one.item_id: one.attributes for one in items.items if one.attributes is not None}


def fault_of(body: bytes) -> Fault:
    """Read why a call was refused; an answer without a reason is one too."""
    try:
        return msgspec.json.decode(body, type=Fault)
    except UNREADABLE:
        return Fault()


def sentence(what: str, fault: Fault) -> str:
    """Return one sentence with Pinterest's own code, and its message cut short."""
    message = " ".join((fault.message or _NO_MESSAGE).split())[:SAID_CHARS]
    about = f" {fault.attribute[:SAID_CHARS]}:" if fault.attribute else ""
    return f"{what} (Pinterest: {fault.code}{about} {message})"
