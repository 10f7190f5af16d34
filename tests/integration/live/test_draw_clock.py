"""The draw clock: what is due is drawn once, told once, and served, whoever dies on the way."""

import asyncio

import msgspec
import pytest
from redis.asyncio import Redis

from inventory.draw import drawn_order, seed_hash
from inventory.draw_line import DrawLine
from inventory.draws_pg import Draws
from inventory.holds import ClaimRequest
from inventory.holds_redis import RedisHolds
from kit.errors import ConflictError
from kit.ids import new_id, new_ulid
from kit.postgres import Postgres
from live import wire
from live.draw_clock import DrawClock
from live.offer import OfferTerms
from live.offer_clock import OfferClock
from live.relay import Relay
from live.show_draws_pg import ShowDraws
from live.show_events_pg import ShowEvents
from live.show_log_redis import RedisLog
from live.show_offers_pg import ShowOffers
from live.stage import Stage
from tests.integration.inventory.test_pools import a_sku, ring_fenced
from tests.integration.live.test_stage import a_show, a_stage, terms

BUYERS = [f"buyer-{n}" for n in range(30)]


class Drawing:
    """A show with a draw of three units that everybody entered."""

    def __init__(self, postgres: Postgres, redis: Redis) -> None:
        self.postgres = postgres
        self.log = RedisLog(redis, "log")
        self.stage: Stage = a_stage(postgres, redis)
        self.holds = RedisHolds(redis)
        self.offers = ShowOffers(postgres)
        self.draws = Draws(postgres)
        self.relay = Relay(ShowEvents(postgres), self.log)
        self.clock = self.another_clock()
        self.offer_clock = OfferClock(self.offers, self.relay)
        self.offer_id = new_id("offer")
        self.show_id = ""
        self.sku = ""

    def another_clock(self) -> DrawClock:
        return DrawClock(ShowDraws(self.postgres, self.offers), DrawLine(self.draws, self.holds), self.relay)

    async def open(self, *, preheat_ms: int = 0) -> None:
        self.sku = await a_sku(self.postgres, 9)
        self.show_id = await a_show(self.stage)
        asked = msgspec.structs.replace(
            terms(self.sku, 3), per_buyer_limit=1, mode="draw", pass_on_ms=60_000, preheat_ms=preheat_ms
        )
        assert isinstance(asked, OfferTerms)
        await self.stage.open_offer(self.show_id, asked, offer_id=self.offer_id)

    async def enter(self) -> None:
        await self.draws.enter(
            [ClaimRequest(pool_id=self.offer_id, claim_id=new_ulid(), buyer_id=one, quantity=1) for one in BUYERS]
        )

    async def pass_the_end(self) -> None:
        async with self.postgres.connection() as connection:
            await connection.execute("UPDATE pools SET starts_at_ms = 1, ends_at_ms = now_ms() - 1")

    async def told(self) -> list[wire.OfferDrawn]:
        async with self.postgres.connection() as connection:
            rows = await connection.fetch("SELECT event::text AS event FROM show_events ORDER BY seq")
        events = [wire.decode_log_event(row["event"].encode()) for row in rows]
        return [one for one in events if isinstance(one, wire.OfferDrawn)]

    async def served(self) -> list[str]:
        return sorted(await self.holds.holds_of([self.offer_id], BUYERS))


@pytest.fixture
async def drawing(postgres: Postgres, redis: Redis) -> Drawing:
    return Drawing(postgres, redis)


async def test_a_draw_is_told_with_its_seed_and_its_first_are_served(drawing: Drawing) -> None:
    await drawing.open()
    announced = await drawing.stage.offer(drawing.offer_id)
    await drawing.enter()
    assert (await drawing.stage.offer(drawing.offer_id)).waiting == 30
    await drawing.clock.round()
    await drawing.pass_the_end()
    await drawing.clock.round()
    assert await drawing.told() == []  # the offer has not ended for its viewers: a host may still extend it
    await drawing.offer_clock.round()
    await drawing.clock.round()
    [told] = await drawing.told()
    assert seed_hash(told.seed) == announced.seed_hash == told.offer.seed_hash
    assert (told.entries, told.offer.offer_id, told.offer.mode) == (30, drawing.offer_id, "draw")
    assert await drawing.served() == sorted(drawn_order(told.seed, BUYERS)[:3])
    after = await drawing.stage.offer(drawing.offer_id)
    assert (after.waiting, after.held, after.available) == (27, 3, 0)
    assert after.drawn_at_ms is not None
    [position] = await drawing.log.positions([drawing.show_id])
    assert position is not None
    assert position.seq == told.seq


async def test_many_workers_at_once_draw_once(drawing: Drawing) -> None:
    await drawing.open()
    await drawing.enter()
    await drawing.pass_the_end()
    await drawing.offer_clock.round()
    await asyncio.gather(*(drawing.another_clock().round() for _ in range(4)))
    await drawing.clock.round()
    [told] = await drawing.told()
    assert await drawing.served() == sorted(drawn_order(told.seed, BUYERS)[:3])


async def test_a_worker_that_died_after_the_commit_is_finished_by_the_next(drawing: Drawing) -> None:
    await drawing.open()
    await drawing.enter()
    await drawing.pass_the_end()
    await drawing.offer_clock.round()
    await ShowDraws(drawing.postgres, drawing.offers).draw(drawing.offer_id)
    assert await drawing.served() == []
    await drawing.clock.round()
    [told] = await drawing.told()
    assert await drawing.served() == sorted(drawn_order(told.seed, BUYERS)[:3])


async def test_a_host_who_closes_a_draw_or_ends_the_show_ends_its_window_only(drawing: Drawing) -> None:
    await drawing.open()
    await drawing.enter()
    await drawing.stage.end(drawing.show_id)
    view = await drawing.stage.offer(drawing.offer_id)
    assert (view.state, view.waiting) == ("ended", 30)
    with pytest.raises(ConflictError):
        await drawing.stage.extend_offer(drawing.offer_id, 60_000)
    await asyncio.sleep(0.01)
    await drawing.clock.round()
    [told] = await drawing.told()
    assert told.offer.ends_at_ms == view.ends_at_ms
    assert await drawing.served() == sorted(drawn_order(told.seed, BUYERS)[:3])


async def test_a_draw_that_is_closed_before_it_begins_gives_its_units_back(drawing: Drawing) -> None:
    await drawing.open(preheat_ms=60_000)
    await drawing.stage.close_offer(drawing.offer_id)
    assert await ring_fenced(drawing.postgres, drawing.sku) == 0
    await drawing.clock.round()
    assert await drawing.told() == []


async def test_a_voided_draw_is_not_drawn(drawing: Drawing) -> None:
    await drawing.open()
    await drawing.enter()
    await drawing.pass_the_end()
    await drawing.offer_clock.round()
    await drawing.stage.void_offer(drawing.offer_id, "a mistake")
    await drawing.clock.round()
    assert await drawing.told() == []
    assert await ring_fenced(drawing.postgres, drawing.sku) == 0


async def test_voiding_a_drawn_offer_takes_the_units_back(drawing: Drawing) -> None:
    await drawing.open()
    await drawing.enter()
    await drawing.pass_the_end()
    await drawing.offer_clock.round()
    await drawing.clock.round()
    await drawing.stage.void_offer(drawing.offer_id, "a mistake")
    assert await drawing.served() == []
    assert await ring_fenced(drawing.postgres, drawing.sku) == 0
