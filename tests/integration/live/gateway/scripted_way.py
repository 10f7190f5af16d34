"""The way of a show's entries from Redis to the rooms, in the hands of a script.

The logs, the relay and the rooms are the real ones on real servers. Only the last step of the way, from Redis's pub/sub
to the rooms, is done by the script: it delivers, drops, repeats and mixes up.
"""

import asyncio
import re
import socket
from dataclasses import dataclass, field

import msgspec
from redis.asyncio.client import PubSub

from kit.ids import new_id
from kit.redis_client import pipelined
from live import wire
from live.frames import JSON, Variant
from live.reader_lag import LogLag
from live.relay import Relay
from live.roles.stores import Stores
from live.room import Room
from live.room_opening import Rooms
from live.show_events_pg import ShowEvents
from live.show_log import BuyerNews, LogEntry, LogName
from live.show_log_redis import RedisLog, channel_of, parse_channel, parse_message

PATIENCE_S = 5.0


class SlowLog(RedisLog):
    """A log whose answers wait at a gate, as on a slow network: what they say is as old as they are."""

    def __init__(self, stores: Stores, name: LogName, gate: asyncio.Event) -> None:
        super().__init__(stores.redis, name)
        self._gate = gate

    async def begin(self, show_id: str, seq: int) -> wire.Position:
        answer = await super().begin(show_id, seq)
        await self._gate.wait()
        return answer

    async def read(self, show_id: str, after: wire.Position, *, limit: int) -> list[LogEntry] | None:
        answer = await super().read(show_id, after, limit=limit)
        await self._gate.wait()
        return answer


class Seat:
    """A viewer on a socket pair: what is written here can be read at its other end."""

    variant: Variant = JSON
    buyer_id: str | None = "ana"
    is_staff = False
    is_behind = False

    def __init__(self, room: Room, news: int) -> None:
        self._ours, self._theirs = socket.socketpair()
        self.fd = self._ours.fileno()
        self.room = room
        self.epoch = room.epoch
        self.begins_at = room.seq
        self.news_before = news
        self.state = room.snapshot.show.state
        room.join(self)

    def write(self, data: bytes | memoryview) -> None:
        self._ours.sendall(data)

    def write_behind(self, data: bytes, log: bytes) -> None:
        raise AssertionError("this viewer reads everything at once", data, log)

    def leave(self) -> bytes:
        """Leave, and return everything that was written here."""
        self.room.leave(self)
        self._ours.close()
        written = b""
        while data := self._theirs.recv(1 << 16):
            written += data
        self._theirs.close()
        return written


@dataclass
class Way:
    """A show, and the way of its entries to the rooms: the port that ``LogReader`` fills, in the hands of a script."""

    stores: Stores
    rooms: Rooms
    pubsub: PubSub
    gate: asyncio.Event
    show_id: str = field(default_factory=lambda: new_id("show"))
    seq: int = 0
    news: int = 0
    subscribed: bool = False
    on_the_way: list[tuple[LogName, str, LogEntry]] = field(default_factory=list)
    past: list[tuple[LogName, str, LogEntry]] = field(default_factory=list)
    seats: list[Seat] = field(default_factory=list)
    joining: list["asyncio.Task[None]"] = field(default_factory=list)

    # --- the port -----------------------------------------------------------------------------------------------

    async def subscribe(self, show_id: str) -> None:
        assert show_id == self.show_id
        await asyncio.sleep(0)
        self.subscribed = True
        await asyncio.sleep(0)

    async def unsubscribe(self, show_id: str) -> None:
        assert show_id == self.show_id
        self.subscribed = False
        await asyncio.sleep(0)

    # --- what happens -------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        async with self.stores.postgres.transaction() as connection:
            await connection.execute(
                "INSERT INTO shows (show_id, title, currency, state) VALUES ($1, 'Mugs', 'EUR', 'live')", self.show_id
            )
        await self.pubsub.subscribe(channel_of("log", self.show_id), channel_of("inbox", self.show_id))
        await self._collect(2, "subscribe")

    async def commit(self, count: int) -> None:
        """Make events in Postgres only: the show pauses and goes on."""
        async with self.stores.postgres.transaction() as connection:
            for _ in range(count):
                self.seq += 1
                event = (wire.ShowPaused if self.seq % 2 else wire.ShowResumed)(seq=self.seq, at_ms=0)
                await connection.execute(
                    "INSERT INTO show_events (show_id, seq, event) VALUES ($1, $2, $3)",
                    self.show_id,
                    self.seq,
                    wire.encode_json(event).decode(),
                )
            await connection.execute(
                "UPDATE shows SET seq = $2, state = $3 WHERE show_id = $1", self.show_id, self.seq, state_at(self.seq)
            )

    async def relay(self) -> None:
        """Bring what was committed into the stream, and take what Redis publishes."""
        before = await self.stores.log.positions([self.show_id])
        await Relay(ShowEvents(self.stores.postgres), self.stores.log).relay(self.show_id)
        [after] = await self.stores.log.positions([self.show_id])
        await self._collect_up_to(before[0], after)

    async def post(self) -> None:
        """Tell ana something: the n-th news are about the hold ``news_n``."""
        self.news += 1
        event = wire.encode_json(wire.HoldReleased(hold_id=f"news_{self.news}.", offer_id="offer_1"))
        await self.stores.inbox_log.append(
            self.show_id, msgspec.json.encode(BuyerNews(buyer_id="ana", event=msgspec.Raw(event)))
        )
        await self._collect(1, "message")

    def deliver(self, which: int) -> None:
        if self.on_the_way:
            self.rooms.heard(*self.on_the_way.pop(which % len(self.on_the_way)))

    def repeat(self, which: int) -> None:
        if self.past:
            self.rooms.heard(*self.past[which % len(self.past)])

    def drop(self, which: int) -> None:
        if self.on_the_way:
            del self.on_the_way[which % len(self.on_the_way)]

    def reconnect(self) -> None:
        self.on_the_way.clear()
        self.rooms.check_all()

    async def lose_log(self) -> None:
        keys = [f"{{{self.show_id}}}:log", f"{{{self.show_id}}}:log:meta"]
        await pipelined(self.stores.redis, [("DEL", *keys)])

    async def trim_log(self) -> None:
        await pipelined(self.stores.redis, [("XTRIM", f"{{{self.show_id}}}:log", "MAXLEN", 1)])

    def join(self) -> None:
        self.joining.append(asyncio.create_task(self._join()))

    async def _join(self) -> None:
        room = await self.rooms.get(self.show_id)
        self.seats.append(Seat(room, self.news))

    # --- what is checked ----------------------------------------------------------------------------------------

    async def settle(self, *, ticks: bool) -> None:
        """Wait until every room has everything, with ticks or without."""
        self.gate.set()
        await asyncio.gather(*self.joining)
        lag = LogLag()
        try:
            async with asyncio.timeout(PATIENCE_S):
                while any(one.events_behind for one in await self.rooms.standings(self.rooms.open_rooms())):
                    if ticks:
                        for show_id in lag.look(await self.rooms.standings(self.rooms.open_rooms()), 0.0):
                            self.rooms.check(show_id)
                    await asyncio.sleep(0.002)
        except TimeoutError:
            raise AssertionError(f"behind for good: {await self.rooms.standings(self.rooms.open_rooms())}") from None
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    def check_seats(self, *, may_renew: bool) -> None:
        for seat in self.seats:
            renewed = not self.rooms.is_open(seat.room)
            assert may_renew or not renewed
            written = seat.leave()
            # The snapshot is the state at its position, and the rest is the log from there: in order, each once.
            assert seat.state == state_at(seat.begins_at)
            seqs = [int(one) for one in re.findall(rb'"seq":(\d+)', written)]
            assert seqs == list(range(seat.begins_at + 1, seat.begins_at + 1 + len(seqs)))
            news = [int(one) for one in re.findall(rb'"news_(\d+)\.', written)]
            assert news == list(range(news[0], news[0] + len(news))) if news else True
            if renewed:
                continue  # it was sent back, and takes a fresh snapshot
            assert seat.begins_at + len(seqs) == self.seq
            if self.news > seat.news_before:
                assert news[0] <= seat.news_before + 1
                assert news[-1] == self.news
        for room in self.rooms.open_rooms():
            assert (room.seq, room.snapshot.show.state) == (self.seq, state_at(self.seq))

    async def _collect_up_to(self, before: wire.Position | None, after: wire.Position | None) -> None:
        if after is None:
            return
        if before is None or before.epoch != after.epoch:
            # A log begun anew publishes what it was given, from where it was continued.
            [entries] = await pipelined(self.stores.redis, [("XLEN", f"{{{self.show_id}}}:log")])
            await self._collect(entries, "message")
        else:
            await self._collect(after.seq - before.seq, "message")

    async def _collect(self, count: int, kind: str) -> None:
        while count:
            message = await self.pubsub.get_message(timeout=PATIENCE_S)
            assert message is not None
            assert message["type"] == kind
            count -= 1
            if kind == "message" and self.subscribed:
                name, show_id = parse_channel(message["channel"])
                [entry] = parse_message(message["data"])
                one = (name, show_id, entry)
                self.on_the_way.append(one)
                self.past.append(one)


def state_at(seq: int) -> wire.ShowState:
    return "paused" if seq % 2 else "live"
