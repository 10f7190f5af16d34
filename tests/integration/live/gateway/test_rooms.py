"""Subscribe, snapshot, apply: whatever the way from Redis to a room loses, repeats or mixes up (D4)."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kit.metrics import new_registry
from live.roles.stores import Stores
from live.room_opening import Rooms
from tests.integration.live.gateway.scripted_way import SlowLog, Way


class Script:
    """The steps that a script is made of, by name; ``n`` is the script's choice among what a step may take."""

    def __init__(self, way: Way) -> None:
        self._way = way

    async def commit(self, n: int) -> None:
        await self._way.commit(n % 3 + 1)

    async def events(self, n: int) -> None:
        await self._way.commit(n % 3 + 1)
        await self._way.relay()

    async def post(self, n: int) -> None:
        for _ in range(n % 3 + 1):
            await self._way.post()

    async def deliver(self, n: int) -> None:
        for _ in range(n % 3 + 1):
            self._way.deliver(0)

    async def deliver_any(self, n: int) -> None:
        self._way.deliver(n)

    async def repeat(self, n: int) -> None:
        self._way.repeat(n)

    async def drop(self, n: int) -> None:
        self._way.drop(n)

    async def join(self, _: int) -> None:
        self._way.join()

    async def slow(self, _: int) -> None:
        self._way.gate.clear()

    async def fast(self, _: int) -> None:
        self._way.gate.set()
        await asyncio.gather(*self._way.joining)

    async def turns(self, n: int) -> None:
        for _ in range(n):
            await asyncio.sleep(0)

    async def pause(self, _: int) -> None:
        await asyncio.sleep(0.003)  # what was asked of Redis is answered by then, or stands at the gate

    async def reconnect(self, _: int) -> None:
        self._way.reconnect()

    async def lose_log(self, _: int) -> None:
        await self._way.lose_log()

    async def trim_log(self, _: int) -> None:
        await self._way.trim_log()


def scripts(*seldom: str) -> st.SearchStrategy[list[tuple[str, int]]]:
    often = [
        *("commit", "events", "post", "deliver", "deliver_any", "repeat", "drop"),
        *("join", "slow", "fast", "turns", "pause"),
    ]
    step = st.tuples(st.sampled_from([*often * 3, *seldom]), st.integers(0, 20))
    return st.lists(step, min_size=20, max_size=40)


ENDINGS = st.sampled_from(["tick", "reconnect", "news"])

"""What has to suffice, by itself, for everyone to get everything: a tick, a reconnect, or the next entry."""


async def play(stores: Stores, script: list[tuple[str, int]], ending: str, *, may_renew: bool) -> None:
    gate = asyncio.Event()
    gate.set()
    log, inbox = SlowLog(stores, "log", gate), SlowLog(stores, "inbox", gate)
    rooms = Rooms(
        shows=stores.shows, log=log, inbox=inbox, offers=stores.offers, registry=new_registry(), busy=lambda: False
    )
    async with stores.redis.pubsub() as pubsub:
        way = Way(stores, rooms, pubsub, gate)
        rooms.reader = way
        steps = Script(way)
        await way.begin()
        try:
            for step, n in script:
                await getattr(steps, step)(n)
            await way.relay()
            match ending:
                case "tick":
                    way.on_the_way.clear()
                case "reconnect":
                    way.reconnect()
                case _:
                    way.on_the_way.clear()
                    await way.commit(1)
                    await way.relay()
                    await way.post()
                    while way.on_the_way:
                        way.deliver(0)
            await way.settle(ticks=ending == "tick")
        finally:
            await rooms.close()
        way.check_seats(may_renew=may_renew)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=scripts("reconnect"), ending=ENDINGS)
async def test_a_seat_gets_exactly_the_log_in_order_and_once_whatever_the_way_to_it_does(
    stores: Stores, script: list[tuple[str, int]], ending: str
) -> None:
    await play(stores, [("join", 0), ("fast", 0), *script], ending, may_renew=False)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=scripts("reconnect", "lose_log", "trim_log"), ending=ENDINGS)
async def test_who_cannot_be_told_everything_is_sent_back_for_a_snapshot_and_got_no_double_before(
    stores: Stores, script: list[tuple[str, int]], ending: str
) -> None:
    await play(stores, [("join", 0), ("fast", 0), *script], ending, may_renew=True)
