"""The tick: what is state and not an event is read, and sent when it changed (D4).

Stock counts, the number of viewers and reactions are read for all watched rooms in a few round trips per 100 ms. So
the last value always arrives, nothing piles up behind a slow viewer, and no gateway leads the others. A tick reads
Redis only: a Postgres that hangs must not hold up anybody's counts.
"""

import asyncio
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Gauge

from inventory.holds import Holds
from kit.errors import UnavailableError
from kit.metrics import Spread
from kit.redis_client import RedisClient
from live import wire
from live.beat import next_beat
from live.claim_desk import ClaimDesk
from live.frames import Frame
from live.limits import (
    LOOK_MOST_ROOMS,
    PRESENCE_EVERY_TICKS,
    REACTIONS_EVERY_TICKS,
    READER_LAG_MOST_S,
    TICK_MS,
    TICK_REST_MS,
)
from live.offer import OVER
from live.offers import OfferDirectory
from live.presence_redis import read_viewers, write_viewers
from live.reactions_redis import add_reactions
from live.reader_lag import LogLag
from live.room import Room
from live.room_opening import Rooms
from live.show_figures_pg import ShowFigures


class _Known:
    """What the ticks know of a room that is watched.

    Attributes:
        counted: offers whose counts were read at least once.
        taps: the sums of reactions by kind, as read last; None before the first time.
        peak: the most viewers that were noted for the report.
    """

    __slots__ = ("counted", "peak", "taps")

    def __init__(self) -> None:
        self.counted: set[str] = set()
        self.taps: dict[str, int] | None = None
        self.peak = 0


class Ticker:
    """Keeps rooms current.

    Args:
        gateway_id: names this gateway among those that count viewers.
        registry: where the ticks' metrics go.
        loop_lag: where it is counted how late the event loop is for a tick, in seconds.
    """

    def __init__(
        self,
        *,
        gateway_id: str,
        redis: RedisClient,
        holds: Holds,
        figures: ShowFigures,
        rooms: Rooms,
        offers: OfferDirectory,
        desk: ClaimDesk,
        registry: CollectorRegistry,
        loop_lag: Spread | None = None,
    ) -> None:
        self._loop_lag = Spread() if loop_lag is None else loop_lag
        self._gateway_id = gateway_id
        self._redis = redis
        self._holds = holds
        self._figures = figures
        self._rooms = rooms
        self._offers = offers
        self._desk = desk
        self._ticks = 0
        self._due_s = 0.0
        self._known: dict[Room, _Known] = {}
        self._present: set[str] = set()  # shows for which others may still count viewers of ours
        self._turn = 0
        self._lag = LogLag()
        self._through_at = time.monotonic()
        self._peaks: dict[str, int] = {}
        self._writing = asyncio.Lock()
        Gauge(
            "showdrop_gateway_log_behind_events", "Log events that the room furthest behind lacks", registry=registry
        ).set_function(lambda: self._lag.events_behind)
        Gauge(
            "showdrop_gateway_log_lag_seconds",
            "For how long the slowest room has been behind a position of its log",
            registry=registry,
        ).set_function(lambda: self._lag.lag_s(time.monotonic()))

    def require_current(self) -> None:
        """Refuse to be trusted while viewers may be told too late.

        Raises:
            UnavailableError: a room has been behind its log, or no tick has come through, for ``READER_LAG_MOST_S``.
        """
        now = time.monotonic()
        if (silent_s := now - self._through_at) > READER_LAG_MOST_S:
            raise UnavailableError(f"the logs were not looked at for {silent_s:.1f} s", code="redis_down")
        if (lag_s := self._lag.lag_s(now)) > READER_LAG_MOST_S:
            events = self._lag.events_behind
            raise UnavailableError(f"a show is {events} events and {lag_s:.1f} s behind its log", code="redis_down")

    async def tick(self, rooms: list[Room]) -> None:
        """Wait for the next tick, then do what is due in it for the rooms that somebody watches.

        Raises:
            UnavailableError: Redis does not answer; the next tick reads again.
        """
        began_s = time.monotonic()
        self._due_s = due_s = next_beat(self._due_s, began_s, every_s=TICK_MS / 1000, rest_s=TICK_REST_MS / 1000)
        await asyncio.sleep(due_s - began_s)
        self._loop_lag.add(max(0.0, time.monotonic() - due_s))
        self._ticks += 1
        watched = [room for room in rooms if len(room) or room.buyers]
        # Who comes back to a room that nobody watched for a while starts from what is read then.
        self._known = {room: self._known.get(room) or _Known() for room in watched}
        for room in watched:
            room.make_way()
        try:
            await self._logs(watched)
            await self._stock()
            if self._ticks % REACTIONS_EVERY_TICKS == 0:
                await self._reactions(watched)
            if self._ticks % PRESENCE_EVERY_TICKS == 0:
                await self._presence(rooms, watched)
        finally:
            for room in watched:
                room.flush()  # all that a tick has read is one write per viewer; and what had to wait so far

    async def write_counts(self) -> None:
        """Add claims and peaks of viewers to the report's figures; also the last thing before the end.

        Raises:
            UnavailableError: Postgres does not answer; what was not written is kept for the next time.
        """
        async with self._writing:  # who comes last must not end before what is under way is written
            counts = self._desk.take_counts()
            try:
                await self._figures.count_claims(counts)
            except UnavailableError:
                self._desk.take_back(counts)
                raise
            while self._peaks:
                show_id, viewers = next(iter(self._peaks.items()))
                await self._figures.note_viewers(show_id, viewers)
                if self._peaks[show_id] == viewers:
                    del self._peaks[show_id]

    async def _logs(self, watched: list[Room]) -> None:
        """Compare rooms with their logs: what a message lost on the way would have brought is read from the stream."""
        self._lag.keep({room.show_id for room in watched})
        standings = await self._rooms.standings(list(self._due(watched)))
        self._through_at = time.monotonic()
        for show_id in self._lag.look(standings, self._through_at):
            self._rooms.check(show_id)

    def _due(self, watched: list[Room]) -> Iterator[Room]:
        """Return the rooms whose turn it is, and those that were behind."""
        behind, begin = self._lag.shows_behind, self._turn
        end = begin + LOOK_MOST_ROOMS
        for n, room in enumerate(watched):
            if begin <= n < end or room.show_id in behind:
                yield room
        self._turn = end if end < len(watched) else 0

    async def _stock(self) -> None:
        asked = [
            (room, known, offer.offer_id)
            for room, known in self._known.items()
            for offer in room.snapshot.offers
            if offer.state in ("preheat", "open")
            or offer.held > 0
            or offer.offer_id not in known.counted
            # The units of a draw find their buyers after its end.
            or (offer.mode == "draw" and offer.state != "voided")
        ]
        found = await self._holds.counts_each([offer_id for _, _, offer_id in asked])
        for (room, known, offer_id), counts in zip(asked, found, strict=True):
            if counts is None:
                continue  # its part of the cluster is away
            if not counts.epoch:
                if _is_over(room, offer_id):
                    known.counted.add(offer_id)  # its book has gone, as it should
                continue
            known.counted.add(offer_id)
            # Below zero a book has promised more than there is: there is nothing to be had.
            room.set_stock(offer_id, available=max(0, counts.available), held=counts.held, sold=counts.sold)
            offer = self._offers.known(offer_id)
            if offer is not None and offer.pool.epoch != counts.epoch:
                self._offers.forget(offer_id)

    async def _presence(self, rooms: list[Room], watched: list[Room]) -> None:
        left = {room.show_id: 0 for room in rooms if room.show_id in self._present}
        await write_viewers(self._redis, self._gateway_id, left | {room.show_id: room.audience for room in watched})
        self._present = {room.show_id for room in watched}
        for room, viewers in zip(
            watched, await read_viewers(self._redis, [room.show_id for room in watched]), strict=True
        ):
            room.set_viewers(viewers)
            known = self._known[room]
            if viewers > known.peak:
                known.peak = self._peaks[room.show_id] = viewers

    async def _reactions(self, watched: list[Room]) -> None:
        """Add up what was tapped here, and tell what was tapped anywhere since the last time."""
        taken = {room.show_id: room.take_taps() for room in watched}
        try:
            totals = await add_reactions(self._redis, taken)
        except UnavailableError:
            # Should Redis have counted them after all, they count twice: better than a silent room.
            for room in watched:
                for kind, count in taken[room.show_id].items():
                    room.tap(kind, count)
            raise
        for room in watched:
            known, sums = self._known[room], totals[room.show_id]
            # The first sums hold what was tapped here just now, and what others tapped before anyone watched here.
            before = known.taps if known.taps is not None else _without(sums, taken[room.show_id])
            known.taps = sums
            fresh = {kind: count for kind, count in _without(sums, before).items() if count > 0}
            if fresh:
                room.broadcast(Frame(wire.Reactions(counts=fresh)))


def _without(sums: dict[str, int], some: dict[str, int]) -> dict[str, int]:
    return {kind: count - some.get(kind, 0) for kind, count in sums.items()}


def _is_over(room: Room, offer_id: str) -> bool:
    return any(one.offer_id == offer_id and one.state in OVER for one in room.snapshot.offers)
