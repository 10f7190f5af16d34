"""What a viewer's session needs of its two sides: the connection below it, and the gateway around it."""

import asyncio
from typing import Protocol

from live import wire
from live.claim_desk import ClaimDesk
from live.close_codes import CloseCode
from live.frames import Variant
from live.purchases import Purchases
from live.room import Room
from live.tokens import Tokens


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


class House(Protocol):
    """What a session needs of its gateway."""

    tokens: Tokens
    desk: ClaimDesk
    purchases: Purchases

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
