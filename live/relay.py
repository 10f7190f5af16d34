"""The relay: copies show events from Postgres to the show log in Redis, in order and without a gap.

The API calls it right after a commit, so an event leaves within a millisecond; the worker calls it for whatever an
API process left behind. Two relays at once do no harm: the log takes an event only at the position it was given.
"""

from live.limits import RELAY_MOST_EVENTS
from live.show_events_pg import ShowEvents
from live.show_log_redis import RedisLog


class Relay:
    """Moves events of one show at a time."""

    def __init__(self, events: ShowEvents, log: RedisLog) -> None:
        self._events = events
        self._log = log

    async def relay(self, show_id: str) -> None:
        """Copy the show's events that Redis does not have.

        Raises:
            UnavailableError: Redis or Postgres does not answer; what was not copied stays marked as such.
        """
        after: int | None = None
        while events := await self._events.to_relay(show_id, after=after, limit=RELAY_MOST_EVENTS):
            top = 0
            for seq, payload in events:
                top = (await self._log.append(show_id, payload, seq=seq)).seq
                if top < seq:
                    break
            await self._events.mark_relayed(show_id, top)
            # A log that fell behind (an older copy of Redis) is continued from where it ends.
            after = top

    async def relay_all(self) -> None:
        """Copy the events of every show that has any left."""
        for show_id in await self._events.shows_to_relay():
            await self.relay(show_id)
