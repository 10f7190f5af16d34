"""What a tick has read leaves as one write per viewer, and leaves in every case; broadcasts give way to its reads."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest

from inventory.holds_redis import RedisHolds
from kit.errors import UnavailableError
from kit.ids import new_id
from live import wire
from live.beat import next_beat
from live.presence_redis import read_viewers
from live.reactions_redis import add_reactions
from live.room_opening import Rooms
from tests.integration.live.gateway.house import House, a_claim
from tests.integration.live.gateway.told_room import keep_rooms

ROUNDS_MOST = 50
"""Times that a unit is claimed and a heart sent: a tick may come between the two."""


async def test_stock_and_reactions_of_one_tick_leave_together(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.gateway_tick.REACTIONS_EVERY_TICKS", 1)
    rooms = keep_rooms(monkeypatch)
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=900, limit=900)
    buyer = await house.watch(show_id, new_id("buyer"))
    [room] = rooms
    told: list[list[str]] = []
    both: list[list[str]] = []
    for _ in range(ROUNDS_MOST):
        await buyer.say(wire.React(kind="heart", count=1))
        await buyer.say(a_claim(offer_id))
        await asyncio.sleep(0.1)
        told = [re.findall(r'"type":"([a-z.]+)"', b"".join(one).decode(errors="replace")) for one in room.rounds]
        both = [types for types in told if {"offer.stock", "reactions"} <= set(types)]
        if both:
            break
    assert both, "no tick had both"
    assert [types.index("offer.stock") < types.index("reactions") for types in both] == [True] * len(both)
    assert max(types.count("offer.stock") for types in told) == 1, "each tick is a round of its own"


async def test_state_that_waits_leaves_in_a_tick_that_can_read_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object) -> None:
        raise UnavailableError("Redis does not answer", code="redis_down")

    rooms = keep_rooms(monkeypatch)
    show_id = await house.show()
    viewer = await house.watch(show_id)
    [room] = rooms
    monkeypatch.setattr("live.room_opening.Rooms.standings", unavailable)
    rounds = len(room.rounds)
    async with asyncio.timeout(5):
        while len(room.rounds) < rounds + 2:
            await asyncio.sleep(0.01)  # no tick is under way that has read its logs
    room.set_viewers(77)
    await viewer.when(lambda: wire.Viewers(count=77) in viewer.heard)
    assert viewer.all(wire.Viewers)[-1] == wire.Viewers(count=77)


async def test_broadcasts_give_way_to_every_read_of_a_tick_and_to_nothing_between_two(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[bool]] = {}
    rooms = keep_rooms(monkeypatch)

    def note(where: str, read: Callable[..., Any]) -> None:
        def noting(*args: object, **more: object) -> object:
            seen.setdefault(where, []).extend(room.makes_way for room in rooms if len(room))
            return read(*args, **more)

        monkeypatch.setattr(where, noting)

    show_id = await house.show()
    await house.offer(show_id, quantity=10)
    await house.watch(show_id)
    monkeypatch.setattr("live.gateway_tick.REACTIONS_EVERY_TICKS", 1)
    monkeypatch.setattr("live.gateway_tick.PRESENCE_EVERY_TICKS", 1)
    note("live.gateway_tick.next_beat", next_beat)
    async with asyncio.timeout(5):
        while not seen:
            await asyncio.sleep(0.01)  # no tick is under way that began otherwise
    note("live.room_opening.Rooms.standings", Rooms.standings)
    note("inventory.holds_redis.RedisHolds.counts_each", RedisHolds.counts_each)
    note("live.gateway_tick.add_reactions", add_reactions)
    note("live.gateway_tick.read_viewers", read_viewers)
    async with asyncio.timeout(5):
        while len(seen) < 5 or min(map(len, seen.values())) < 3:
            await asyncio.sleep(0.01)
    assert set(seen.pop("live.gateway_tick.next_beat")) == {False}
    assert [set(ways) for ways in seen.values()] == [{True}] * 4
