"""Channels: the port, and what it promises.

A channel is told *levels*: the quantity that it should show from now on. It is never told differences, so a level may
be told twice, late, or after a newer one failed, and the last one told is the truth. ``version`` grows with every
change of a SKU's level at one channel: a receiver that gets calls out of order keeps the highest.

A channel has names of its own for what it sells: *item ids*. Which of them is which SKU is a link, made by staff or by
matching; in what form a kind writes its item ids is told by ``ChannelKind.item_form``. What is not linked is not told.

The engine (``sync.py``) owns time: it spaces calls, waits, backs off and comes back. A channel makes one call when it
is asked to, says what came of it, and keeps nothing but its connections and its access token. Decision 0030.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, Literal, Protocol, runtime_checkable

import msgspec

from kit.errors import NotFoundError, ShowdropError, UnavailableError


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """The units of a SKU that a channel should show.

    Attributes:
        sku: ours.
        item_id: the channel's name for it.
        quantity: 0 or more, and not above ``Capabilities.most_quantity``.
        version: above 0.
    """

    sku: str
    item_id: str
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


def refused_for_good(reason: str) -> Refused:
    """Return the refusal of what the channel will not take as it is."""
    return Refused(reason=reason, temporary=False)


Answer = Told | Refused

BY_SKU: Final = "sku"
"""The form of item ids of a channel that calls its items as we call our SKUs."""

SIGNING: Final = "signing"
"""The name of the secret that a webhook is signed with."""


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """The channel took the call and works on it; what came of it is asked for with this handle."""

    handle: str


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel can take.

    Attributes:
        batch_size: levels in one call.
        calls_per_s: calls per second for long; a channel that counts by the minute has a fraction.
        calls_at_once: calls that may follow each other directly after a rest.
        tells: ``quantity``, or ``availability`` for a channel that only knows "in stock" and "sold out": such a
            channel is called only when that changes.
        most_quantity: the highest quantity it takes; a higher level is told as this.
        reads: whether it is ``Readable``.
        read_size: items in one reading, where that is less than ``batch_size``: a reading holds up what is to be told.
        reads_per_s: readings per second, where they are counted apart from what is told; None: within ``calls_per_s``.
        orders: how it tells what it sold: ``push`` (webhooks), ``poll``, or ``none``.
    """

    batch_size: int
    calls_per_s: float
    calls_at_once: int = 1
    tells: Literal["quantity", "availability"] = "quantity"
    most_quantity: int = 1_000_000_000
    reads: bool = False
    read_size: int | None = None
    reads_per_s: float | None = None
    orders: Literal["push", "poll", "none"] = "none"


class ChannelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as it was set up. ``secrets``, by name, must not reach a log, an error or an answer.

    ``set_up`` grows when staff change it.
    """

    channel_id: str
    kind: str
    name: str
    settings: dict[str, str]
    secrets: dict[str, str]
    set_up: int = 1

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"ChannelConfig({self.channel_id!r}, {self.kind!r})"


class ChannelDownError(UnavailableError):
    """The whole call failed for now; ``retry_after_ms`` is what the channel asked for, if it did.

    It may have been applied all the same: whoever asks again says the same.
    """

    default_code = "channel_down"

    def __init__(self, message: str, *, retry_after_ms: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class ChannelGoneError(ShowdropError):
    """The channel wants no more calls: it says so, or the access it gave us has ended and cannot be renewed.

    It is paused until somebody resumes it; that is an alert, not a loop of tries.
    """

    default_code = "channel_gone"


class UnknownChannelError(NotFoundError):
    """There is no channel of this id."""

    default_code = "unknown_channel"

    def __init__(self, channel_id: str) -> None:
        super().__init__(f"there is no channel {channel_id!r}", details={"field": "channel_id"})


class Channel(Protocol):
    """A connection to one channel; made by its `ChannelKind`, closed by whoever asked for it."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can take; the same for its whole life."""
        ...

    async def tell(self, levels: Sequence[Level]) -> list[Answer] | Pending:
        """Tell 1 to ``batch_size`` levels of different SKUs and of one group (``ChannelKind.group_of``).

        Telling a level again does no harm: a channel that only takes differences is read first.

        Returns:
            One answer per level, in order; or, of a channel that ``AnswersLater``, what to ask ``outcome`` with.

        Raises:
            ChannelDownError: nothing is known about any of the levels; try again.
            ChannelGoneError: do not try again.
        """
        ...

    async def close(self) -> None:
        """Give up its connections."""
        ...


@runtime_checkable
class AnswersLater(Channel, Protocol):
    """A channel whose ``tell`` may answer with ``Pending``."""

    async def outcome(self, pending: Pending, levels: Sequence[Level]) -> list[Answer] | None:
        """Return what came of an earlier call with these levels; None while the channel still works on it.

        Only asked for what ``tell`` answered with ``Pending``. Raises as ``tell`` does.
        """
        ...


@runtime_checkable
class Readable(Channel, Protocol):
    """A channel that says what it shows: those with ``Capabilities.reads``."""

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        """Return what the channel shows now of 1 to ``read_size`` items of one group; None for an item it has not.

        A channel that tells availability answers 1 or 0. Only asked where ``Capabilities.reads``. Raises as ``tell``.
        """
        ...


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A checked set-up: what to store. ``generated`` is a secret that we made and have to show once, if we did."""

    settings: dict[str, str]
    secrets: dict[str, str]
    generated: str | None = None

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Prepared(settings={self.settings!r})"


SaveSecrets = Callable[[Mapping[str, str]], Awaitable[None]]
"""Stores a channel's secrets in place of those it had: called with renewed tokens, before they are used."""


class ChannelKind(Protocol):
    """How channels of one kind are set up and opened."""

    @property
    def item_form(self) -> str:
        """How item ids of this kind are written, for staff: ``product_id/sku_id``; ``sku`` where it takes our own."""
        ...

    @property
    def setting_names(self) -> Collection[str]:
        """The settings that ``prepare`` takes, secret ones among them."""
        ...

    def check_item_id(self, item_id: str) -> None:
        """Check the form of an item id.

        Raises:
            InvalidError: it is not of this form; the message says which is.
        """
        ...

    def group_of(self, item_id: str) -> str:
        """Return what items of one call have in common: a product's id, or nothing where any may go together."""
        ...

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        """Check a new channel's settings, and take out or make its secrets.

        Raises:
            InvalidError: a setting is missing or wrong; ``details["field"]`` names it.
        """
        ...

    def open(self, config: ChannelConfig, save: SaveSecrets) -> Channel:
        """Return a connection to a channel that was set up before."""
        ...


@runtime_checkable
class NamesItems(ChannelKind, Protocol):
    """A kind whose items are called as our SKUs are, unless a link says otherwise."""

    @property
    def names_items(self) -> Literal[True]:
        """That it is one."""
        ...
