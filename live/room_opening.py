"""Opening rooms, and keeping them in step with their logs: subscribe, then snapshot, then apply (D4)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
from prometheus_client import CollectorRegistry, Counter

from kit.errors import UnavailableError
from kit.log import logger
from live import wire
from live.gateway_figures import GatewayFigures
from live.inbox_reading import Inboxes, send_back
from live.limits import LOG_READ_ENTRIES, ROOM_BUFFERED_EVENTS
from live.offers import OfferDirectory
from live.reader_lag import Standing
from live.room import Room
from live.show_log import LogEntry, LogName, made_at_ms
from live.show_log_redis import RedisLog
from live.show_rows_pg import OfferRow, ShowRow
from live.shows_pg import Shows

_log = logger("rooms")


class Reader(Protocol):
    """What brings the logs' entries to ``Rooms.heard``; it may lose them, and says so only when it reconnects."""

    async def subscribe(self, show_id: str) -> None:
        """Hear a show's logs from now on. Raises UnavailableError."""
        ...

    async def unsubscribe(self, show_id: str) -> None:
        """Hear a show no longer."""
        ...


class Rooms:
    """The rooms of one gateway.

    Args:
        shows: where a room's first state comes from.
        log: the show log, for gaps.
        inbox: the log of buyers' news, for gaps.
        offers: forgets what an event changes.
        registry: where the rooms' metrics go.
        busy: tells whether claims wait for the event loop; broadcasts make way then.
        figures: counts what rooms send.

    Attributes:
        reader: hears the logs; its entries go to ``heard``. Set before the first viewer comes.
    """

    def __init__(
        self,
        *,
        shows: Shows,
        log: RedisLog,
        inbox: RedisLog,
        offers: OfferDirectory,
        registry: CollectorRegistry,
        busy: Callable[[], bool],
        figures: GatewayFigures | None = None,
    ) -> None:
        self._busy = busy
        self._figures = GatewayFigures() if figures is None else figures
        self._shows = shows
        self._log = log
        self._inbox = inbox
        self._offers = offers
        self.reader: Reader | None = None
        self._rooms: dict[str, Room] = {}
        self._opening: dict[str, asyncio.Task[Room]] = {}
        self._early: dict[str, list[LogEntry]] = {}
        self._filling: dict[str, asyncio.Task[None]] = {}
        self._fill_again: set[str] = set()  # shows with a gap that may be newer than what is being filled
        self._reconnects = 0
        self._looking: set[asyncio.Task[None]] = set()
        self._taken = Counter("showdrop_gateway_log_events_total", "Log events that rooms took", registry=registry)
        self._filled = Counter(
            "showdrop_gateway_gaps_filled_total",
            "Gaps in logs and inboxes filled from their streams",
            registry=registry,
        )
        self._inboxes = Inboxes(inbox, self._rooms, self._filled)

    def open_rooms(self) -> list[Room]:
        """Return every open room."""
        return list(self._rooms.values())

    def is_open(self, room: Room) -> bool:
        """Tell whether this is still the room that hears its show."""
        return self._rooms.get(room.show_id) is room

    async def get(self, show_id: str) -> Room:
        """Return a show's room; the first viewer opens it, those who come meanwhile wait for the same opening.

        Raises:
            NotFoundError: ``unknown_show``.
            UnavailableError: Redis or Postgres does not answer.
        """
        room = self._rooms.get(show_id)
        if room is not None:
            return room
        opening = self._opening.get(show_id)
        if opening is None:
            opening = asyncio.create_task(self._open(show_id))
            self._opening[show_id] = opening
            opening.add_done_callback(lambda done: self._opened(show_id, done))
        return await asyncio.shield(opening)

    async def let_go(self, *, idle_since: float) -> None:
        """Close the rooms that have been empty since before this moment of the loop's clock."""
        for room in self.open_rooms():
            is_idle = room.empty_since is not None and room.empty_since < idle_since and not len(room)
            if is_idle and self.is_open(room):  # it may have been renewed while another one was unsubscribed
                del self._rooms[room.show_id]
                self._inboxes.forget(room.show_id)
                if self.reader is not None:
                    await self.reader.unsubscribe(room.show_id)

    def heard(self, name: LogName, show_id: str, entry: LogEntry) -> None:
        """Take an entry from the reader."""
        early, room = self._early.get(show_id), self._rooms.get(show_id)
        if name == "inbox":
            if early is not None:
                self._inboxes.heard_early(show_id, entry)
            elif not self._inboxes.heard(show_id, entry):
                self.check(show_id)
        elif early is not None:
            if len(early) < ROOM_BUFFERED_EVENTS:
                early.append(entry)
        elif room is not None:
            self._apply(room, entry)

    def check_all(self) -> None:
        """The reader was disconnected: fill what any log has that its room has not."""
        self._reconnects += 1
        task = asyncio.create_task(self._look_everywhere())
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def standings(self, rooms: Sequence[Room]) -> list[Standing]:
        """Compare rooms with their logs, in one round trip.

        Raises:
            UnavailableError: Redis does not answer.
        """
        newest = await self._log.positions_with(self._inbox, [room.show_id for room in rooms])
        found: list[Standing] = []
        for room, (log, inbox) in zip(rooms, newest, strict=True):
            at = wire.Position(room.epoch, room.seq)
            found.append(Standing(show_id=room.show_id, name="log", at=at, newest=log))
            heard = self._inboxes.heard_up_to(room.show_id)
            if heard is not None and inbox is not None:  # an inbox without news vanishes after a while
                found.append(Standing(show_id=room.show_id, name="inbox", at=heard, newest=inbox))
        return found

    def check(self, show_id: str) -> None:
        """Look for a gap behind the room's position, and fill it; one that is being filled is looked at once more."""
        if show_id in self._filling:
            self._fill_again.add(show_id)
        elif show_id in self._rooms:
            task = asyncio.create_task(self._fill(show_id))
            self._filling[show_id] = task
            task.add_done_callback(lambda done: self._filling_ended(show_id, done))

    async def close(self) -> None:
        """Stop what is under way."""
        for task in [*self._opening.values(), *self._filling.values(), *self._looking]:
            task.cancel()

    def _opened(self, show_id: str, opening: "asyncio.Task[Room]") -> None:
        del self._opening[show_id]
        if not opening.cancelled():
            opening.exception()  # those who waited have it; if they all left, nobody needs it

    async def _open(self, show_id: str) -> Room:
        if self.reader is None:
            raise UnavailableError("the gateway is not connected to Redis yet", code="redis_down")
        self._early[show_id] = []
        reconnects = self._reconnects
        try:
            await self.reader.subscribe(show_id)
            room, inbox = await self._read(show_id)
        except BaseException:
            del self._early[show_id]
            self._inboxes.forget(show_id)
            await self.reader.unsubscribe(show_id)
            raise
        self._rooms[show_id] = room
        self._inboxes.begin(show_id, inbox)
        for entry in self._early.pop(show_id):
            self._apply(room, entry)
        if self._reconnects != reconnects:
            self.check(show_id)  # when the others were looked at, this room was not open yet
        room.empty_since = asyncio.get_running_loop().time()
        return room

    async def _read(self, show_id: str) -> tuple[Room, wire.Position]:
        """Return a room with a fresh snapshot, and the inbox's newest position."""
        show, offers = await self._shows.read(show_id)
        position = await self._log.begin(show_id, show.seq)
        inbox = await self._inbox.begin(show_id, 0)
        for offer in offers:
            self._offers.forget(offer.card.offer_id)
        snapshot = snapshot_of(show, offers)
        room = Room(show_id, position.epoch, show.seq, snapshot, busy=self._busy, figures=self._figures)
        return room, inbox

    def _apply(self, room: Room, entry: LogEntry) -> None:
        if entry.epoch != room.epoch:
            self.check(room.show_id)
        elif entry.seq == room.seq + 1:
            try:
                self._take(room, entry)
            except msgspec.DecodeError:
                self.check(room.show_id)  # finds the same entry, and renews the room
        elif entry.seq > room.seq:
            self.check(room.show_id)

    def _take(self, room: Room, entry: LogEntry) -> None:
        """Take the next entry. Raises msgspec.DecodeError when it is an event of a newer release."""
        event = wire.decode_log_event(entry.payload)
        if not isinstance(
            event, wire.ShowStarted | wire.ShowPaused | wire.ShowResumed | wire.ShowEnded | wire.ProductSpotlight
        ):
            self._offers.forget(event.offer.offer_id)
        room.take(event, made_at_ms(entry.payload))
        self._taken.inc()

    # --- gaps ---------------------------------------------------------------------------------------------------

    async def _look_everywhere(self) -> None:
        """Check the rooms that are behind: each costs reads of its own, so those that are not are left alone."""
        try:
            for one in await self.standings(self.open_rooms()):
                if one.events_behind:
                    self.check(one.show_id)
        except UnavailableError as error:
            _log.warning("gaps_wait", error=error.message)  # the ticks find them

    async def _fill(self, show_id: str) -> None:
        """Read what is missing behind the room's position; without an unbroken answer everyone takes a snapshot."""
        while True:
            self._fill_again.discard(show_id)
            room = self._rooms.get(show_id)
            if room is None:
                return
            lost = await self._fill_log(room)
            if lost is not None and self.is_open(room):
                await self._renew(room, lost)
            current = self._rooms.get(show_id)
            if current is not None:
                await self._inboxes.fill(current)
            if show_id not in self._fill_again:  # as when more was heard while a snapshot was read
                return

    def _filling_ended(self, show_id: str, filling: "asyncio.Task[None]") -> None:
        del self._filling[show_id]
        self._fill_again.discard(show_id)  # when it failed: the next tick finds the gap again
        error = None if filling.cancelled() else filling.exception()
        if isinstance(error, UnavailableError):
            _log.warning("gap_waits", show_id=show_id, error=error.message)
        elif error is not None:
            _log.error("gap_not_filled", show_id=show_id, exc_info=error)

    async def _fill_log(self, room: Room) -> str | None:
        """Take what the log has; return why that is not everything, or None when it is."""
        is_gap = False
        while True:
            entries = await self._log.read(room.show_id, wire.Position(room.epoch, room.seq), limit=LOG_READ_ENTRIES)
            if entries is None:
                return "the log has a gap"
            if not entries or not self.is_open(room):
                return None
            for entry in entries:
                if entry.seq == room.seq + 1:  # the reader may have brought it while the stream was read
                    try:
                        self._take(room, entry)
                    except msgspec.DecodeError as error:
                        return f"event {entry.seq} cannot be read: {error}"
                    if not is_gap:
                        is_gap = True
                        self._filled.inc()

    async def _renew(self, room: Room, lost: str) -> None:
        """Put a fresh room in the old one's place; its viewers come back and take the snapshot."""
        [position] = await self._log.positions([room.show_id])
        if position is not None and position.epoch == room.epoch and position.seq <= room.seq:
            # Redis is behind what Postgres told us: the relay is on its way, nothing is lost.
            return
        fresh, inbox = await self._read(room.show_id)
        if not self.is_open(room):
            return
        _log.warning("room_renewed", show_id=room.show_id, seq=room.seq, reason=lost)
        fresh.empty_since = asyncio.get_running_loop().time()
        self._rooms[room.show_id] = fresh
        self._inboxes.begin(room.show_id, inbox)
        send_back(room.seats())


def snapshot_of(show: ShowRow, offers: list[OfferRow]) -> wire.Snapshot:
    """Return what a viewer who joins now has to know; the ticker fills in the counts."""
    cards = [
        wire.OfferSnapshot(
            **msgspec.structs.asdict(offer.card),
            state=offer.state,
            available=offer.allocated - offer.sold,
            sold=offer.sold,
            seed=offer.seed,
        )
        for offer in offers
    ]
    return wire.Snapshot(show=show.card, spotlight=show.spotlight, offers=cards)
