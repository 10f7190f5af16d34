"""Channels that reach people: a message about an offer. A part of the port that a channel may fill."""

from collections.abc import Mapping
from typing import Literal, Protocol, runtime_checkable

import msgspec

from inventory.channels.channel import Channel, ChannelKind, Refused, Told


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """A message to the channel's followers.

    Attributes:
        announcement_id: unique, and the same in every try: a channel that knows it sends nothing twice.
        title: what is offered.
        text: one or two sentences.
        price: as it is shown to people, such as ``€ 19.99``.
        link: where to buy it.
        image: an address; None for none.
    """

    announcement_id: str
    title: str
    text: str
    price: str
    link: str
    image: str | None


@runtime_checkable
class Announces(Channel, Protocol):
    """A channel that sends messages."""

    async def announce(self, announcement: Announcement) -> Told | Refused:
        """Send it to those whom the channel was set up for; once, however often it is asked to. Raises as ``tell``."""
        ...


@runtime_checkable
class AnnouncingKind(ChannelKind, Protocol):
    """A kind whose channels can send messages, if they are set up for it."""

    @property
    def announces(self) -> Literal[True]:
        """That it is one."""
        ...


def announcing(kinds: Mapping[str, ChannelKind]) -> list[str]:
    """Return the names of the kinds whose channels can send messages."""
    return sorted(name for name, kind in kinds.items() if isinstance(kind, AnnouncingKind))
