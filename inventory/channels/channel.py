"""Channels: the port, and what it promises.

A channel is told *levels*: the quantity that it should show from now on. It is never told differences, so a level may
be told twice, late, or after a newer one failed, and the last one told is the truth. ``version`` grows with every
change of a SKU's level at one channel: a receiver that gets calls out of order keeps the highest.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from kit.errors import ShowdropError, UnavailableError


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """The units of a SKU that a channel should show; ``version`` is above 0."""

    sku: str
    quantity: int
    version: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The channel took the level."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The channel did not take this level, whatever it did with the others.

    Attributes:
        reason: one sentence, shown to staff.
        temporary: whether the same level may be taken soon.
    """

    reason: str
    temporary: bool


Answer = Told | Refused


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel can take.

    Attributes:
        batch_size: levels in one call.
        calls_per_s: calls per second, on average and at any time.
        tells: ``quantity``, or ``availability`` for a channel that only knows "in stock" and "sold out": such a
            channel is called only when that changes.
    """

    batch_size: int
    calls_per_s: float
    tells: Literal["quantity", "availability"] = "quantity"


class ChannelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as it was set up. ``secret`` must not reach a log or an answer."""

    channel_id: str
    kind: str
    name: str
    settings: dict[str, str]
    secret: str

    def __repr__(self) -> str:
        """Without the secret."""
        return f"ChannelConfig({self.channel_id!r}, {self.kind!r})"


class ChannelDownError(UnavailableError):
    """The whole call failed for now; ``retry_after_ms`` is what the channel asked for, if it did."""

    default_code = "channel_down"

    def __init__(self, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class ChannelGoneError(ShowdropError):
    """The channel wants no more calls; it is paused until somebody resumes it."""

    default_code = "channel_gone"


class Channel(Protocol):
    """A connection to one channel; made by its `ChannelKind`, closed by whoever asked for it."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can take; the same for its whole life."""
        ...

    async def tell(self, levels: Sequence[Level]) -> list[Answer]:
        """Tell 1 to ``batch_size`` levels; one answer per level, in order. Telling a level again does no harm.

        Raises:
            ChannelDownError: nothing is known about any of the levels; try again.
            ChannelGoneError: do not try again.
        """
        ...

    async def close(self) -> None:
        """Give up its connections."""
        ...


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A checked set-up: what to store. ``generated`` tells that we made the secret and have to show it once."""

    settings: dict[str, str]
    secret: str
    generated: bool


class ChannelKind(Protocol):
    """How channels of one kind are set up and opened."""

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """Check a new channel's settings, and take out or make its secret.

        Raises:
            InvalidError: a setting is missing or wrong; ``details["field"]`` names it.
        """
        ...

    def open(self, config: ChannelConfig) -> Channel:
        """Return a connection to a channel that was set up before."""
        ...
