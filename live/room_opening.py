"""Opening rooms, and keeping them in step with their logs: subscribe, then snapshot, then apply (D4)."""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from kit.errors import UnavailableError
from kit.log import logger
from live import wire
from live.close_codes import CloseCode
from live.limits import LOG_READ_ENTRIES, ROOM_BUFFERED_EVENTS
from live.log_reader_redis import LogReader
from live.offers import OfferDirectory
from live.room import Room, Seat
from live.session import ViewerSession
from live.show_log import BuyerNews, LogEntry, LogName
from live.show_log_redis import RedisLog
from live.shows_pg import OfferRow, ShowRow, Shows

_log = logger("rooms")
_news = msgspec.json.Decoder(BuyerNews)


class Rooms:
    """The rooms of one gateway.

    Args:
        shows: where a room's first state comes from.
        log: the show log, for gaps.
        reader: hears the logs; its entries go to ``heard``.
        offers: forgets what an event changes.
    """

    def __init__(self, *, shows: Shows, log: RedisLog, inbox: RedisLog, offers: OfferDirectory) -> None:
        self._shows = shows
        self._log = log
        self._inbox = inbox
        self._offers = offers
        self.reader: LogReader | None = None
        self._rooms: dict[str, Room] = {}
        self._opening: dict[str, asyncio.Task[Room]] = {}
        self._early: dict[str, list[LogEntry]] = {}
        self._heard_inbox: dict[str, wire.Position] = {}
        self._filling: dict[Room, asyncio.Task[None]] = {}

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
                self._heard_inbox.pop(room.show_id, None)
                if room in self._filling:
                    self._filling[room].cancel()
                if self.reader is not None:
                    await self.reader.unsubscribe(room.show_id)

    def heard(self, name: LogName, show_id: str, entry: LogEntry) -> None:
        """Take an entry from the reader."""
        if name == "inbox":
            self._heard_news(show_id, entry)
            return
        early = self._early.get(show_id)
        if early is not None:
            if len(early) < ROOM_BUFFERED_EVENTS:
                early.append(entry)
            return
        room = self._rooms.get(show_id)
        if room is not None:
            self._apply(room, entry)

    def check_all(self) -> None:
        """The reader was disconnected: look for gaps in every log."""
        for room in self.open_rooms():
            self.check(room.show_id)

    async def inbox_positions(self, show_ids: Sequence[str]) -> list[tuple[wire.Position | None, wire.Position | None]]:
        """Return up to where each show's inbox was heard, and its newest position."""
        newest = await self._inbox.positions(show_ids)
        return [(self._heard_inbox.get(show_id), one) for show_id, one in zip(show_ids, newest, strict=True)]

    def check(self, show_id: str) -> None:
        """Look for a gap behind the room's position, and fill it."""
        room = self._rooms.get(show_id)
        if room is not None and room not in self._filling:
            task = asyncio.create_task(self._fill(room))
            self._filling[room] = task
            task.add_done_callback(lambda _done: self._filling.pop(room, None))

    async def close(self) -> None:
        """Stop what is under way."""
        for task in [*self._opening.values(), *self._filling.values()]:
            task.cancel()

    async def close_reader(self) -> None:
        """Let the reader's connection go; the loop that ran it has ended."""
        if self.reader is not None:
            await self.reader.close()

    def _opened(self, show_id: str, opening: "asyncio.Task[Room]") -> None:
        del self._opening[show_id]
        if not opening.cancelled():
            opening.exception()  # those who waited have it; if they all left, nobody needs it

    async def _open(self, show_id: str) -> Room:
        if self.reader is None:
            raise UnavailableError("the gateway is not connected to Redis yet", code="redis_down")
        self._early[show_id] = []
        try:
            await self.reader.subscribe(show_id)
            room = await self._read(show_id)
        except BaseException:
            self._early.pop(show_id, None)
            await self.reader.unsubscribe(show_id)
            raise
        self._rooms[show_id] = room
        for entry in self._early.pop(show_id):
            self._apply(room, entry)
        room.empty_since = asyncio.get_running_loop().time()
        return room

    async def _read(self, show_id: str) -> Room:
        show, offers = await self._shows.read(show_id)
        position = await self._log.begin(show_id, show.seq)
        inbox = await self._inbox.begin(show_id, 0)
        self._heard_inbox.setdefault(show_id, inbox)
        for offer in offers:
            self._offers.forget(offer.card.offer_id)
        return Room(show_id, position.epoch, show.seq, snapshot_of(show, offers))

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
        room.take(event)

    async def _fill(self, room: Room) -> None:
        """Read what is missing behind the room's position; without an unbroken answer everyone takes a snapshot."""
        try:
            lost = await self._fill_log(room)
            if lost is not None and self.is_open(room):
                await self._renew(room, lost)
            current = self._rooms.get(room.show_id)
            if current is not None:
                await self._fill_inbox(current)
        except UnavailableError as error:
            _log.warning("gap_waits", show_id=room.show_id, error=error.message)

    async def _fill_log(self, room: Room) -> str | None:
        """Take what the log has; return why that is not everything, or None when it is."""
        while True:
            entries = await self._log.read(room.show_id, wire.Position(room.epoch, room.seq), limit=LOG_READ_ENTRIES)
            if entries is None:
                return "the log has a gap"
            if not entries or not self.is_open(room):
                return None
            for entry in entries:
                if entry.seq == room.seq + 1:
                    try:
                        self._take(room, entry)
                    except msgspec.DecodeError as error:
                        return f"event {entry.seq} cannot be read: {error}"

    async def _renew(self, room: Room, lost: str) -> None:
        """Put a fresh room in the old one's place; its viewers come back and take the snapshot."""
        [position] = await self._log.positions([room.show_id])
        if position is not None and position.epoch == room.epoch and position.seq <= room.seq:
            # Redis is behind what Postgres told us: the relay is on its way, nothing is lost.
            return
        fresh = await self._read(room.show_id)
        if not self.is_open(room):
            return
        _log.warning("room_renewed", show_id=room.show_id, seq=room.seq, reason=lost)
        fresh.empty_since = asyncio.get_running_loop().time()
        self._rooms[room.show_id] = fresh
        _send_back([*room.json_seats, *room.msgpack_seats])

    def _heard_news(self, show_id: str, entry: LogEntry) -> None:
        known = self._heard_inbox.get(show_id)
        if known is not None and entry.epoch == known.epoch and entry.seq > known.seq + 1:
            self.check(show_id)
            return
        if known is None or entry.epoch != known.epoch or entry.seq > known.seq:
            self._heard_inbox[show_id] = wire.Position(entry.epoch, entry.seq)
            self._deliver(show_id, entry)

    async def _fill_inbox(self, room: Room) -> None:
        show_id = room.show_id
        known = self._heard_inbox.get(show_id)
        if known is None:
            return
        entries = await self._inbox.read(show_id, known, limit=LOG_READ_ENTRIES)
        begun = await self._inbox.begin(show_id, 0) if entries is None else None
        if not self.is_open(room):
            return
        if begun is not None:
            self._heard_inbox[show_id] = begun
        for entry in entries or ():
            if entry.seq > self._heard_inbox[show_id].seq:
                self._heard_inbox[show_id] = wire.Position(entry.epoch, entry.seq)
                self._deliver(show_id, entry)

    def _deliver(self, show_id: str, entry: LogEntry) -> None:
        """Tell a buyer their news. News that cannot be read sends those back whom it may be for: the welcome tells."""
        room = self._rooms.get(show_id)
        if room is None:
            return
        buyer_id: str | None = None
        try:
            news = _news.decode(entry.payload)
            buyer_id = news.buyer_id
            if buyer_id in room.buyers:
                room.tell_buyer(buyer_id, wire.decode_buyer_event(bytes(news.event)))
        except msgspec.DecodeError as error:
            _log.warning("news_not_read", show_id=show_id, seq=entry.seq, error=str(error))
            buyers = room.buyers if buyer_id is None else {buyer_id: room.buyers[buyer_id]}
            _send_back([seat for seats in buyers.values() for seat in seats])


def _send_back(seats: Iterable[Seat]) -> None:
    for seat in seats:
        if isinstance(seat, ViewerSession):
            seat.state_lost(CloseCode.STATE_LOST)


def snapshot_of(show: ShowRow, offers: list[OfferRow]) -> wire.Snapshot:
    """Return what a viewer who joins now has to know; the ticker fills in the counts."""
    cards = [
        wire.OfferSnapshot(
            **msgspec.structs.asdict(offer.card),
            state=offer.state,
            available=offer.allocated - offer.sold,
            sold=offer.sold,
        )
        for offer in offers
    ]
    return wire.Snapshot(show=show.card, spotlight=show.spotlight, offers=cards)
