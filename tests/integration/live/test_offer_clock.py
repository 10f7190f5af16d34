"""The offer clock: offers that are due move, whatever happens to the others."""

import asyncio

from redis.asyncio import Redis
from structlog.testing import capture_logs

from kit.ids import new_id
from kit.postgres import Postgres
from live.offer_clock import OfferClock
from live.relay import Relay
from live.show_events_pg import ShowEvents
from live.show_log_redis import RedisLog
from live.show_offers_pg import ShowOffers
from tests.integration.inventory.test_pools import a_sku
from tests.integration.live.test_stage import a_show, a_stage, terms

BREAK_THE_FIRST = """
CREATE FUNCTION break_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.offer_id = (SELECT min(offer_id) FROM offers) THEN RAISE EXCEPTION 'a bug about one offer'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER break_first BEFORE UPDATE ON offers FOR EACH ROW EXECUTE FUNCTION break_first();
"""


async def states(postgres: Postgres) -> list[str]:
    """Return the offers' states, in the order in which the clock takes them."""
    async with postgres.connection() as connection:
        return [row["state"] for row in await connection.fetch("SELECT state FROM offers ORDER BY offer_id")]


async def test_an_offer_that_fails_holds_up_no_other_and_moves_when_it_can(postgres: Postgres, redis: Redis) -> None:
    stage, sku = a_stage(postgres, redis), await a_sku(postgres, 9)
    show_id = await a_show(stage)
    for _ in range(2):
        await stage.open_offer(show_id, terms(sku, 2), offer_id=new_id("offer"))
    told_before = (await stage.show(show_id)).position.seq
    async with postgres.connection() as connection:
        await connection.execute("UPDATE pools SET ends_at_ms = now_ms() - 1")
        await connection.execute(BREAK_THE_FIRST)
    log = RedisLog(redis, "log")
    clock = OfferClock(ShowOffers(postgres), Relay(ShowEvents(postgres), log))

    with capture_logs() as said:
        await clock.round()
        await clock.round()
    assert await states(postgres) == ["open", "ended"]
    [position] = await log.positions([show_id])
    assert position is not None
    assert position.seq > told_before
    # Said once: in the second round the broken one still waits.
    assert [one["event"] for one in said] == ["offer_failed"]

    async with postgres.connection() as connection:
        await connection.execute("DROP TRIGGER break_first ON offers")
    async with asyncio.timeout(5):
        while await states(postgres) != ["ended", "ended"]:
            await clock.round()
            await asyncio.sleep(0.02)
