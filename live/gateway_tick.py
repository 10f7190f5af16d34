"""The tick: what is state and not an event is read, and sent when it changed (D4).

Stock counts, the number of viewers and reactions are read for all open rooms in a few round trips per 100 ms. So the
last value always arrives, nothing piles up behind a slow viewer, and no gateway leads the others.
"""

import asyncio

from inventory.holds import Holds
from kit.errors import UnavailableError
from kit.redis_client import RedisClient
from live import wire
from live.claim_desk import ClaimDesk
from live.frames import Frame
from live.limits import PRESENCE_EVERY_TICKS, REACTIONS_EVERY_TICKS, TICK_MS
from live.offer import OVER
from live.offers import OfferDirectory
from live.presence_redis import read_viewers, write_viewers
from live.reactions_redis import add_reactions
from live.room import Room
from live.room_opening import Rooms
from live.show_figures_pg import ShowFigures
from live.show_log_redis import RedisLog


class Ticker:
    """Keeps rooms current.

    Args:
        gateway_id: names this gateway among those that count viewers.
    """

    def __init__(
        self,
        *,
        gateway_id: str,
        redis: RedisClient,
        holds: Holds,
        log: RedisLog,
        figures: ShowFigures,
        rooms: Rooms,
        offers: OfferDirectory,
        desk: ClaimDesk,
    ) -> None:
        self._gateway_id = gateway_id
        self._redis = redis
        self._holds = holds
        self._log = log
        self._figures = figures
        self._rooms = rooms
        self._offers = offers
        self._desk = desk
        self._ticks = 0
        self._behind: dict[str, tuple[int, int]] = {}

    async def tick(self, rooms: list[Room]) -> None:
        """Wait for the next tick, then do what is due in it.

        Raises:
            UnavailableError: Redis or Postgres does not answer; the next tick reads again.
        """
        await asyncio.sleep(TICK_MS / 1000)
        self._ticks += 1
        await self._stock(rooms)
        await self._positions(rooms)
        if self._ticks % REACTIONS_EVERY_TICKS == 0:
            await self._reactions(rooms)
        if self._ticks % PRESENCE_EVERY_TICKS == 0:
            await self._presence(rooms)
            await self.write_counts()

    async def _stock(self, rooms: list[Room]) -> None:
        watched = [
            (room, offer.offer_id)
            for room in rooms
            for offer in room.snapshot.offers
            if offer.state in ("preheat", "open") or offer.held > 0 or offer.offer_id not in room.counted
        ]
        for (room, offer_id), counts in zip(
            watched, await self._holds.counts([offer_id for _, offer_id in watched]), strict=True
        ):
            if not counts.epoch:
                if _is_over(room, offer_id):
                    room.counted.add(offer_id)  # its book has gone, as it should
                continue
            room.counted.add(offer_id)
            room.set_stock(offer_id, available=counts.available, held=counts.held, sold=counts.sold)
            known = self._offers.known(offer_id)
            if known is not None and known.pool.epoch != counts.epoch:
                self._offers.forget(offer_id)

    async def _positions(self, rooms: list[Room]) -> None:
        """A log that is ahead of its room in two ticks in a row has lost a message on the way."""
        shows = [room.show_id for room in rooms]
        logs, inboxes = await asyncio.gather(self._log.positions(shows), self._rooms.inbox_positions(shows))
        behind: dict[str, tuple[int, int]] = {}
        for room, log, (heard, inbox) in zip(rooms, logs, inboxes, strict=True):
            hears_all = inbox is None or heard is None or _has(heard, inbox)
            if hears_all and _has(wire.Position(room.epoch, room.seq), log):
                continue
            behind[room.show_id] = (room.seq, 0 if heard is None else heard.seq)
            if self._behind.get(room.show_id) == behind[room.show_id]:
                self._rooms.check(room.show_id)
        self._behind = behind

    async def _presence(self, rooms: list[Room]) -> None:
        await write_viewers(self._redis, self._gateway_id, {room.show_id: room.audience for room in rooms})
        for room, viewers in zip(rooms, await read_viewers(self._redis, [room.show_id for room in rooms]), strict=True):
            room.set_viewers(viewers)
            if viewers > room.peak_viewers:
                await self._figures.note_viewers(room.show_id, viewers)
                room.peak_viewers = viewers

    async def _reactions(self, rooms: list[Room]) -> None:
        taken = [(room, room.take_taps()) for room in rooms]
        try:
            totals = await add_reactions(self._redis, {room.show_id: taps for room, taps in taken})
        except UnavailableError:
            # Should Redis have counted them after all, they count twice: better than a silent room.
            for room, taps in taken:
                for kind, count in taps.items():
                    room.tap(kind, count)
            raise
        for room in rooms:
            known, room.tap_totals = room.tap_totals, totals[room.show_id]
            if known is not None:
                grown = {kind: count - known.get(kind, 0) for kind, count in room.tap_totals.items()}
                fresh = {kind: count for kind, count in grown.items() if count > 0}
                if fresh:
                    room.broadcast(Frame(wire.Reactions(counts=fresh)))

    async def write_counts(self) -> None:
        """Add the claims counted since the last time to the report's sums; also the last thing before the end."""
        counts = self._desk.take_counts()
        try:
            await self._figures.count_claims(counts)
        except UnavailableError:
            for (show_id, result), count in counts.items():
                self._desk.count(show_id, result, count)
            raise


def _has(heard: wire.Position, newest: wire.Position | None) -> bool:
    """Tell whether a reader at ``heard`` has everything up to ``newest``."""
    return newest is not None and heard.epoch == newest.epoch and newest.seq <= heard.seq


def _is_over(room: Room, offer_id: str) -> bool:
    return any(one.offer_id == offer_id and one.state in OVER for one in room.snapshot.offers)
