"""Channels that sell: how they tell what they sold. A part of the port that a channel may fill.

An order is *read*, never computed from what a webhook says: a webhook or a list only says that something about an
order changed, and then the order is asked for as it is now. So webhooks may be lost, doubled and overtake each other.

What counts is how many units an order holds back over there *now*: from the moment that the buyer has it until it is
cancelled, paid or not. That many are taken from the stock here; when it becomes fewer, units come back.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, Protocol, runtime_checkable

import msgspec

from inventory.channels.channel import Channel, ChannelConfig, ChannelKind, Refused, Told
from inventory.channels.limits import ORDER_ID_CHARS

_ORDER_ID: Final = re.compile(rf"[!-~]{{1,{ORDER_ID_CHARS}}}")


def is_order_id(order_id: str) -> bool:
    """Tell whether a text can be a channel's name for an order: short, printable, without blanks."""
    return _ORDER_ID.fullmatch(order_id) is not None


class SoldLine(msgspec.Struct, frozen=True, kw_only=True):
    """Units of one item that an order holds now; above 0. The same item may stand in several lines."""

    item_id: str
    quantity: int


class ChannelOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the channel has it now.

    Attributes:
        order_id: the channel's name for it.
        placed_at_ms: when the buyer placed it, milliseconds since the epoch.
        status: the channel's own word for what became of it, shown to staff.
        lines: what it holds back; none when it was cancelled.
    """

    order_id: str
    placed_at_ms: int
    status: str
    lines: tuple[SoldLine, ...]


class SeenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order in a list. ``stamp`` changes when the order does; blank where the list does not say."""

    order_id: str
    stamp: str = ""


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of a list; ``next`` asks for the rest, None when this is the end."""

    orders: tuple[SeenOrder, ...]
    next: str | None = None


class Selling(msgspec.Struct, frozen=True, kw_only=True):
    """How a channel is asked for orders.

    Attributes:
        batch_size: orders in one call of ``orders``.
        calls_per_s: calls per second for long, of lists, orders and cancellations together.
        calls_at_once: calls that may follow each other directly after a rest.
        every_s: pause between two looks for orders that changed. Of a channel that pushes this is only the net under
            lost webhooks; of one that does not, it is how late a sale is known.
    """

    batch_size: int = 1
    calls_per_s: float = 1.0
    calls_at_once: int = 1
    every_s: float = 600.0


@runtime_checkable
class Sells(Channel, Protocol):
    """A channel with orders: those whose ``Capabilities.orders`` is not ``none``."""

    @property
    def selling(self) -> Selling:
        """How it is asked; the same for its whole life."""
        ...

    async def orders_changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """Return a page of the orders that were placed or changed since a moment.

        Args:
            since_ms: milliseconds since the epoch.
            after: ``next`` of the page before; None for the first.

        Raises:
            ChannelDownError, ChannelGoneError: as ``tell``.
        """
        ...

    async def orders(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """Return 1 to ``batch_size`` orders as they are now, in order; None for one that it does not know.

        Raises as ``tell``.
        """
        ...


@runtime_checkable
class Cancels(Sells, Protocol):
    """A channel that lets its orders be cancelled from here."""

    async def cancel(self, order_id: str) -> Told | Refused:
        """Cancel an order for want of stock; cancelling it again does no harm and is ``Told``. Raises as ``tell``."""
        ...


class PushRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel sent to its address here.

    Attributes:
        query: parameters of the address; the last of a name.
        headers: by lower-case name.
        body: byte for byte; nothing in a GET.
    """

    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class PushedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a push.

    Attributes:
        event_id: the same when the channel sends it again, at most 200 characters.
        order_ids: the orders that it says changed; none if it is about something else.
        trouble: why nothing could be made of it; blank if something could, or if it does not concern stock.
    """

    event_id: str
    order_ids: tuple[str, ...] = ()
    trouble: str = ""


class Pushed(msgspec.Struct, frozen=True, kw_only=True):
    """A verified push, and what the channel wants to hear when it is stored."""

    events: tuple[PushedEvent, ...]
    answer: bytes = b""
    media_type: str = "application/json"


@runtime_checkable
class Pushes(ChannelKind, Protocol):
    """A kind of channel that calls us: one with ``Capabilities.orders`` ``push``. Pure, and quick."""

    def pushed(self, config: ChannelConfig, request: PushRequest) -> Pushed:
        """Verify a POST and read what it says.

        Rubbish inside a good signature is not refused, or the channel would send it for ever: it is an event with
        ``trouble``.

        Raises:
            UnauthorisedError: the signature is missing or wrong. Compared in constant time.
        """
        ...


@runtime_checkable
class Greets(Pushes, Protocol):
    """A kind of channel that asks, with a GET, whether an address is ours before it calls it."""

    def greeted(self, config: ChannelConfig, request: PushRequest) -> bytes:
        """Return what the channel wants to hear.

        Raises:
            UnauthorisedError: the signature is missing or wrong.
        """
        ...
