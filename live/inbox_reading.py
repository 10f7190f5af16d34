"""Up to where a gateway has heard its shows' inboxes, and who is told what is in them (D4)."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec
from prometheus_client import Counter

from kit.log import logger
from live import wire
from live.limits import DRAIN_BATCH_VIEWERS, DRAIN_PAUSE_S, LOG_READ_ENTRIES
from live.room import Room, Seat
from live.session import ViewerSession
from live.show_log import BuyerNews, LogEntry
from live.show_log_redis import RedisLog

_log = logger("inboxes")
_news = msgspec.json.Decoder(BuyerNews)


class Inboxes:
    """The inboxes of the shows that a gateway serves.

    Args:
        log: the inbox log, for gaps.
        rooms: the open rooms by show; its owner keeps it current.
        filled: counts the gaps that were filled.
    """

    def __init__(self, log: RedisLog, rooms: Mapping[str, Room], filled: Counter) -> None:
        self._log = log
        self._rooms = rooms
        self._filled = filled
        self._heard: dict[str, wire.Position] = {}  # of shows that are open or being opened
        self._announced: dict[str, wire.Position] = {}  # the newest that was heard of, behind a gap

    def heard_up_to(self, show_id: str) -> wire.Position | None:
        """Return the position up to which a show's buyers were told everything."""
        return self._heard.get(show_id)

    def heard_early(self, show_id: str, entry: LogEntry) -> None:
        """Take an entry of a show that is being opened: nobody is here yet, and the welcomes will tell."""
        self._heard[show_id] = wire.Position(entry.epoch, entry.seq)

    def begin(self, show_id: str, newest: wire.Position) -> None:
        """Nobody here needs what is older than this: they have been, or will be, told by their welcome."""
        known = self._heard.get(show_id)
        if known is None or known.epoch != newest.epoch or known.seq < newest.seq:
            self._heard[show_id] = newest

    def forget(self, show_id: str) -> None:
        """Let a show go; messages that are still on their way are nobody's."""
        self._heard.pop(show_id, None)
        self._announced.pop(show_id, None)

    def heard(self, show_id: str, entry: LogEntry) -> bool:
        """Take an entry; returns False when there is a gap before it."""
        known = self._heard.get(show_id)
        if known is None:
            return True
        if entry.epoch != known.epoch:
            return False
        if entry.seq > known.seq + 1:
            self._announced[show_id] = wire.Position(entry.epoch, entry.seq)
            return False
        if entry.seq == known.seq + 1:
            self._deliver(show_id, entry)
        return True

    async def fill(self, room: Room) -> None:
        """Deliver what is missing; buyers who cannot be told all of it come back, and the welcome tells them.

        Raises:
            UnavailableError: Redis does not answer.
        """
        show_id = room.show_id
        while (known := self._heard.get(show_id)) is not None:
            entries = await self._log.read(show_id, known, limit=LOG_READ_ENTRIES)
            begun = await self._log.begin(show_id, 0) if entries is None else None
            base = None if begun is None else await self._log.base(show_id, begun.epoch)
            if self._rooms.get(show_id) is not room:
                return
            if begun is not None and base is not None and self._heard_all_before(show_id, base):
                self._heard[show_id] = wire.Position(begun.epoch, base)
                continue
            if begun is not None:
                self._heard[show_id] = begun
                send_back([seat for seats in room.buyers.values() for seat in seats])
                return
            if not entries:
                return
            self._filled.inc()
            for entry in entries:
                if entry.seq > self._heard[show_id].seq:  # the reader may have brought it while the stream was read
                    self._deliver(show_id, entry)

    def _heard_all_before(self, show_id: str, base: int) -> bool:
        """Tell whether everything is known that the log had before its newest epoch, and what that life lost too."""
        known, announced = self._heard[show_id], self._announced.get(show_id)
        was_behind = announced is not None and announced.epoch == known.epoch and announced.seq > known.seq
        return not was_behind and known.seq >= base

    def _deliver(self, show_id: str, entry: LogEntry) -> None:
        """Tell a buyer their news. News that cannot be read sends those back whom it may be for: the welcome tells."""
        self._heard[show_id] = wire.Position(entry.epoch, entry.seq)
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
            send_back([seat for seats in buyers.values() for seat in seats])


def send_back(seats: Sequence[Seat]) -> None:
    """Close these connections, in batches: their viewers come back, and the welcome tells them how things stand."""
    loop = asyncio.get_running_loop()
    for number, at in enumerate(range(0, len(seats), DRAIN_BATCH_VIEWERS)):
        loop.call_later(number * DRAIN_PAUSE_S, _send_back, seats[at : at + DRAIN_BATCH_VIEWERS])


def _send_back(seats: Sequence[Seat]) -> None:
    for seat in seats:
        if isinstance(seat, ViewerSession):
            seat.state_lost()
