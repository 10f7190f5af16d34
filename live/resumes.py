"""Bringing a room the events from before it was opened, once, however many viewers come back for them."""

import asyncio

import msgspec

from kit.errors import UnavailableError
from kit.log import logger
from live import wire
from live.limits import ROOM_KEPT_FRAMES
from live.room import Room
from live.show_log_redis import RedisLog

_log = logger("resumes")


class Resumes:
    """Reads the log back for rooms.

    Args:
        log: the show log.
    """

    def __init__(self, log: RedisLog) -> None:
        self._log = log
        self._reading: dict[Room, asyncio.Task[None]] = {}

    async def reach_back(self, room: Room, resume: wire.Position) -> None:
        """Return when the room has the events after a position, or all that can be had.

        A log that cannot be read now is read for the next viewer who asks; this one takes a snapshot.
        """
        if room.reached_back or resume.epoch != room.epoch or resume.seq + 1 >= room.first_kept:
            return
        reading = self._reading.get(room)
        if reading is None:
            reading = self._reading[room] = asyncio.create_task(self._read(room))
            reading.add_done_callback(lambda _done: self._reading.pop(room))
        await asyncio.shield(reading)

    async def _read(self, room: Room) -> None:
        before = wire.Position(room.epoch, room.first_kept)
        try:
            entries = await self._log.read_back(room.show_id, before, limit=ROOM_KEPT_FRAMES)
        except UnavailableError as error:
            _log.warning("resume_waits", show_id=room.show_id, error=error.message)
            return
        older = []
        for entry in entries:
            try:
                older.append(wire.decode_log_event(entry.payload))
            except msgspec.DecodeError:
                break  # an event of a newer release: this gateway cannot tell it, nor anything before it
        room.reach_back(older)
