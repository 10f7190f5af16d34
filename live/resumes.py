"""Bringing a room the events from before it was opened, once, however many viewers come back for them."""

import asyncio

import msgspec

from kit.errors import UnavailableError
from kit.log import logger
from live import wire
from live.limits import LOG_READ_ENTRIES
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
        self._reading: dict[Room, asyncio.Task[bool]] = {}

    async def reach_back(self, room: Room, resume: wire.Position) -> None:
        """Return when the room has the events after a position, or all that can be had.

        A log that cannot be read now is read for the next viewer who asks; those who wait take a snapshot.
        """
        while not (room.reached_back or resume.epoch != room.epoch or resume.seq + 1 >= room.first_kept):
            reading = self._reading.get(room)
            if reading is None or reading.done():
                reading = self._reading[room] = asyncio.create_task(self._read(room, resume.seq))
                reading.add_done_callback(lambda done: self._ended(room, done))
            if not await asyncio.shield(reading):
                return

    async def close(self) -> None:
        """Stop what is under way."""
        for reading in self._reading.values():
            reading.cancel()

    def _ended(self, room: Room, reading: "asyncio.Task[bool]") -> None:
        if self._reading.get(room) is reading:
            del self._reading[room]

    async def _read(self, room: Room, after: int) -> bool:
        """Read back to a position, or as far as it goes; return whether the log could be read."""
        while room.first_kept > after + 1 and not room.reached_back:
            before = wire.Position(room.epoch, room.first_kept)
            try:
                entries = await self._log.read_back(room.show_id, before, limit=LOG_READ_ENTRIES)
            except UnavailableError as error:
                _log.warning("resume_waits", show_id=room.show_id, error=error.message)
                return False
            older = []
            for entry in entries:
                try:
                    older.append(wire.decode_log_event(entry.payload))
                except msgspec.DecodeError:
                    room.reached_back = True  # an event of a newer release: this gateway cannot tell it
                    break
            room.reach_back(older)
        return True
