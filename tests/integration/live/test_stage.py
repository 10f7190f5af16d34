"""The stage: what a host does is one transaction, or nothing."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis

from inventory.catalogue_pg import Catalogue
from inventory.holds import ClaimRequest, Hold, HoldNews, OpenOrder
from inventory.holds_redis import RedisHolds
from inventory.keeper import Keeper
from inventory.pools_pg import Pools
from kit.errors import ConflictError, InvalidError, NotFoundError
from kit.ids import new_id, new_ulid
from kit.money import Money
from kit.postgres import Postgres
from kit.redis_client import connect_redis
from live.offer import OfferTerms
from live.relay import Relay
from live.show_events_pg import ShowEvents
from live.show_log_redis import RedisLog
from live.show_offers_pg import ShowOffers
from live.shows_pg import Shows
from live.stage import Stage
from tests.integration.inventory.test_pools import a_sku, ring_fenced


def a_stage(postgres: Postgres, redis: Redis) -> Stage:
    log = RedisLog(redis, "log")
    return Stage(
        shows=Shows(postgres),
        offers=ShowOffers(postgres),
        pools=Pools(postgres),
        holds=RedisHolds(redis),
        catalogue=Catalogue(postgres),
        relay=Relay(ShowEvents(postgres), log),
        log=log,
        redis=redis,
    )


def terms(sku: str, quantity: int = 5, currency: str = "EUR") -> OfferTerms:
    return OfferTerms(
        sku=sku,
        price=Money(100, currency),
        quantity=quantity,
        per_buyer_limit=2,
        preheat_ms=0,
        duration_ms=60_000,
        hold_ttl_ms=60_000,
        waitlist_hold_ttl_ms=60_000,
        grace_ms=0,
    )


async def a_show(stage: Stage, *, live: bool = True) -> str:
    show_id = new_id("show")
    await stage.create_show(show_id=show_id, title="Show", currency="EUR", scheduled_start_at_ms=None)
    if live:
        await stage.start(show_id)
    return show_id


async def figures(postgres: Postgres, show_id: str) -> tuple[int, int, int]:
    """Return how many offers, pools and events there are."""
    async with postgres.connection() as connection:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM offers), (SELECT count(*) FROM pools),"
            " (SELECT count(*) FROM show_events WHERE show_id = $1)",
            show_id,
        )
    assert row is not None
    return row[0], row[1], row[2]


async def test_an_offer_without_the_stock_for_it_leaves_nothing_behind(postgres: Postgres, redis: Redis) -> None:
    stage, sku = a_stage(postgres, redis), await a_sku(postgres, 4)
    show_id = await a_show(stage)
    before = await figures(postgres, show_id)
    for wrong, code in ((terms(sku), "stock_short"), (terms(sku, 1, "USD"), "currency_mismatch")):
        offer_id = new_id("offer")
        with pytest.raises(ConflictError) as refusal:
            await stage.open_offer(show_id, wrong, offer_id=offer_id)
        assert refusal.value.code == code
        with pytest.raises(NotFoundError):
            await stage.offer(offer_id)
    assert await figures(postgres, show_id) == before
    assert await ring_fenced(postgres, sku) == 0
    assert (await stage.show(show_id)).position.seq == 1


async def test_opening_the_same_offer_twice_opens_it_once(postgres: Postgres, redis: Redis) -> None:
    stage, sku, offer_id = a_stage(postgres, redis), await a_sku(postgres, 9), new_id("offer")
    show_id = await a_show(stage)
    first = await stage.open_offer(show_id, terms(sku), offer_id=offer_id)
    assert await stage.open_offer(show_id, terms(sku), offer_id=offer_id) == first
    assert await ring_fenced(postgres, sku) == 5
    assert (await stage.show(show_id)).position.seq == 3


async def test_what_does_not_fit_the_state_is_refused_and_makes_no_event(postgres: Postgres, redis: Redis) -> None:
    stage, sku = a_stage(postgres, redis), await a_sku(postgres, 9)
    show_id = await a_show(stage, live=False)
    with pytest.raises(ConflictError, match="start it"):
        await stage.open_offer(show_id, terms(sku), offer_id=new_id("offer"))
    with pytest.raises(ConflictError):
        await stage.pause(show_id)
    with pytest.raises(InvalidError):
        await stage.spotlight(show_id, ["a", "a"])
    with pytest.raises(NotFoundError):
        await stage.spotlight(show_id, [new_id("prod")])
    with pytest.raises(NotFoundError):
        await stage.start(new_id("show"))
    assert (await stage.show(show_id)).position.seq == 0
    await stage.start(show_id)
    offer_id = (await stage.open_offer(show_id, terms(sku), offer_id=new_id("offer"))).offer_id
    await stage.close_offer(offer_id)
    for action in (stage.close_offer(offer_id), stage.extend_offer(offer_id, 1)):
        with pytest.raises(ConflictError) as refusal:
            await action
        assert refusal.value.code == "illegal_transition"
    assert (await stage.show(show_id)).position.seq == 4


async def test_closing_an_offer_returns_what_is_free_at_once(postgres: Postgres, redis: Redis) -> None:
    stage, sku = a_stage(postgres, redis), await a_sku(postgres, 9)
    offer_id = (await stage.open_offer(await a_show(stage), terms(sku), offer_id=new_id("offer"))).offer_id
    await stage.close_offer(offer_id)
    assert await ring_fenced(postgres, sku) == 0


async def test_buyers_of_a_voided_offer_are_told_that_their_holds_went(postgres: Postgres, redis: Redis) -> None:
    stage, sku, holds, pools = a_stage(postgres, redis), await a_sku(postgres, 9), RedisHolds(redis), Pools(postgres)
    offer_id = (await stage.open_offer(await a_show(stage), terms(sku), offer_id=new_id("offer"))).offer_id
    pool = await pools.get(offer_id)
    assert pool is not None
    await holds.claim_many(pool, [ClaimRequest(pool_id=offer_id, claim_id=new_ulid(), buyer_id="ana", quantity=1)])
    await stage.void_offer(offer_id, "wrong price")
    assert await ring_fenced(postgres, sku) == 0
    told: list[tuple[str, str]] = []

    async def tell(news: Sequence[HoldNews]) -> Sequence[HoldNews]:
        told.extend((one.buyer_id, one.what) for one in news)
        return news

    async def no_orders(_pool_id: str) -> list[OpenOrder]:
        return []

    async def settle(_hold: Hold) -> None:
        return

    keeper = Keeper(pools=pools, holds=holds, orders_of=no_orders, tell=tell, settle_stale=settle)
    await keeper.round()
    assert told == [("ana", "released")]


async def test_an_offer_is_made_while_redis_is_away_and_its_event_leaves_later(
    postgres: Postgres, redis: Redis, tmp_path: Path
) -> None:
    sku = await a_sku(postgres, 9)
    show_id = await a_show(a_stage(postgres, redis))
    away = connect_redis(f"unix://{tmp_path}/nobody.sock")
    shows, log = Shows(postgres), RedisLog(redis, "log")
    offer = await a_stage(postgres, away).open_offer(show_id, terms(sku), offer_id=new_id("offer"))
    await away.aclose()
    assert (offer.state, offer.available) == ("open", offer.allocated)
    assert (await shows.read(show_id))[0].seq == 3
    assert [one and one.seq for one in await log.positions([show_id])] == [1]
    await Relay(ShowEvents(postgres), log).relay_all()
    assert [one and one.seq for one in await log.positions([show_id])] == [3]


async def test_a_command_that_is_repeated_changes_nothing_the_second_time(postgres: Postgres, redis: Redis) -> None:
    sku = await a_sku(postgres, 9)
    stage = a_stage(postgres, redis)
    show_id = await a_show(stage)
    offer = await stage.open_offer(show_id, terms(sku), offer_id=new_id("offer"))
    first = await stage.extend_offer(offer.offer_id, 30_000, command="extend-once")
    again = await stage.extend_offer(offer.offer_id, 30_000, command="extend-once")
    assert first.ends_at_ms == again.ends_at_ms == offer.ends_at_ms + 30_000
    paused = [await stage.pause(show_id, command="pause-once") for _ in range(2)]
    assert [one.state for one in paused] == ["paused", "paused"]
    assert paused[0].position.seq == paused[1].position.seq


async def test_a_refused_command_may_be_tried_again_under_its_name(postgres: Postgres, redis: Redis) -> None:
    stage = a_stage(postgres, redis)
    show_id = await a_show(stage)
    with pytest.raises(ConflictError, match="cannot resume"):
        await stage.resume(show_id, command="resume")
    await stage.pause(show_id)
    assert (await stage.resume(show_id, command="resume")).state == "live"


async def test_a_repeated_command_opens_no_full_book_over_one_that_was_lost(postgres: Postgres, redis: Redis) -> None:
    stage, sku, holds = a_stage(postgres, redis), await a_sku(postgres, 9), RedisHolds(redis)
    show_id, offer_id = await a_show(stage), new_id("offer")
    await stage.open_offer(show_id, terms(sku), offer_id=offer_id)
    await redis.delete(*[key async for key in redis.scan_iter(match=f"{{{offer_id}}}:*")])
    await stage.open_offer(show_id, terms(sku), offer_id=offer_id)
    [counts] = await holds.counts([offer_id])
    assert counts.epoch == 0, "the keeper rebuilds it, and knows what was sold"
