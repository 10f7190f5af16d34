"""Channels that reach people: a message about an offer. A part of the port that a channel may fill."""

from typing import Protocol, runtime_checkable

import msgspec

from inventory.channels.channel import Channel, Refused, Told


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
