"""A viewer's session and its two sides: what the connection below it, and the gateway around it, are to each other."""

import asyncio
from typing import Protocol

from live import wire
from live.claim_desk import ClaimDesk
from live.close_codes import CloseCode
from live.frames import Variant
from live.purchases import Purchases
from live.rates import Rates
from live.room import Room
from live.tokens import Tokens
from live.waiting_lists import WaitingLists


class Connection(Protocol):
    """What a session needs of its connection."""

    loop: asyncio.AbstractEventLoop
    variant: Variant
    fd: int

    @property
    def is_behind(self) -> bool:
        """Whether bytes wait that the socket did not take."""
        ...

    def write(self, data: bytes | memoryview) -> None:
        """Send complete frames."""
        ...

    def write_behind(self, data: bytes, log: bytes) -> None:
        """Send frames to a viewer who fell behind, or only the log events among them."""
        ...

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Close with a code."""
        ...

    def greeted(self) -> None:
        """The viewer said hello."""
        ...

    def welcomed(self) -> None:
        """The hello was answered."""
        ...


class Session(Protocol):
    """What sits on top of a connection."""

    def received(self, payload: bytes) -> None:
        """Take one complete message."""
        ...

    def signalled(self) -> None:
        """Take note of a ping or pong frame."""
        ...

    def fell_behind(self) -> None:
        """The viewer does not read as fast as it is written to."""
        ...

    def caught_up(self, *, missed_state: bool) -> None:
        """The viewer has read everything; with ``missed_state`` some state was left out meanwhile."""
        ...

    def closing(self) -> None:
        """No frame may be sent any more."""
        ...

    def closed(self) -> None:
        """The connection is gone."""
        ...


class House(Protocol):
    """What a session needs of its gateway.

    Attributes:
        message_rates: of the messages of all viewers of an address.
        claim_rates: of a buyer's claims over all of their connections.
    """

    tokens: Tokens
    desk: ClaimDesk
    purchases: Purchases
    waiting_lists: WaitingLists
    message_rates: Rates
    claim_rates: Rates

    def server_time_ms(self) -> int:
        """Return the time by the clock that decides about holds, milliseconds since the epoch."""
        ...

    async def room(self, show_id: str) -> Room:
        """Return the show's room, opening it when it is closed."""
        ...

    def is_open(self, room: Room) -> bool:
        """Tell whether this room still hears its show."""
        ...

    async def reach_back(self, room: Room, resume: wire.Position) -> None:
        """Let the room know the events after a position, as far as the log has them."""
        ...

    async def own_state(self, room: Room, buyer_id: str) -> tuple[list[wire.HoldCard], list[wire.ServerMessage]]:
        """Return a buyer's live holds, and how their orders stand."""
        ...
