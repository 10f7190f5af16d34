"""The directory of offers: one read for all who ask in the same moment, and never one of before it was forgotten."""

import asyncio
from functools import partial

import pytest
from redis.asyncio import Redis

from inventory.pools_pg import Pools, PoolState
from kit import postgres as kit_postgres
from kit.errors import UnavailableError
from kit.ids import new_id
from kit.postgres import Postgres
from live import offers as offers_module
from live.offers import OfferDirectory
from live.show_offers_pg import ShowOffers
from tests.faults.cutting_proxy import CuttingProxy
from tests.integration.inventory.test_pools import a_sku
from tests.integration.live.test_stage import a_show, a_stage, terms

CROWD = 300


class WatchedPools(Pools):
    """Counts what is read; ``stand_still`` keeps answers back until ``go_on``."""

    def __init__(self, postgres: Postgres) -> None:
        super().__init__(postgres)
        self.reads = 0
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.read = asyncio.Event()

    def stand_still(self) -> None:
        self.go_on.clear()
        self.read.clear()

    async def get(self, pool_id: str) -> PoolState | None:
        return await self._after_a_while(await super().get(pool_id))

    async def by_no(self, pool_no: int) -> PoolState | None:
        return await self._after_a_while(await super().by_no(pool_no))

    async def _after_a_while(self, found: PoolState | None) -> PoolState | None:
        self.reads += 1
        self.read.set()
        await self.go_on.wait()
        return found


@pytest.fixture
def pools(postgres: Postgres) -> WatchedPools:
    return WatchedPools(postgres)


@pytest.fixture
def offers(postgres: Postgres, pools: WatchedPools) -> OfferDirectory:
    return OfferDirectory(pools, ShowOffers(postgres))


@pytest.fixture
async def offer_id(postgres: Postgres, redis: Redis) -> str:
    stage = a_stage(postgres, redis)
    card = await stage.open_offer(await a_show(stage), terms(await a_sku(postgres, 9)), offer_id=new_id("offer"))
    return card.offer_id


async def extend(postgres: Postgres, offer_id: str) -> None:
    """Give an offer another second."""
    async with postgres.connection() as connection:
        await connection.execute("UPDATE pools SET ends_at_ms = ends_at_ms + 1000 WHERE pool_id = $1", offer_id)


async def number_of(postgres: Postgres, offer_id: str) -> int:
    pool = await Pools(postgres).get(offer_id)
    assert pool is not None
    return pool.pool_no


async def test_a_crowd_that_asks_in_one_moment_is_one_read(
    postgres: Postgres, offers: OfferDirectory, pools: WatchedPools, offer_id: str
) -> None:
    pool_no = await number_of(postgres, offer_id)
    found = await asyncio.gather(*(offers.by_no(pool_no) for _ in range(CROWD)))
    assert pools.reads == 1
    assert {one and one.pool.pool_id for one in found} == {offer_id}
    offers.forget(offer_id)
    found = await asyncio.gather(*(offers.get(offer_id) for _ in range(CROWD)))
    assert pools.reads == 2
    assert {one and one.pool.pool_no for one in found} == {pool_no}
    assert await offers.by_no(pool_no) is await offers.get(offer_id) is offers.known(offer_id)
    assert pools.reads == 2


async def test_who_comes_during_a_read_asks_for_no_other(
    postgres: Postgres, offers: OfferDirectory, pools: WatchedPools, offer_id: str
) -> None:
    pool_no = await number_of(postgres, offer_id)
    for reads, ask in enumerate((partial(offers.get, offer_id), partial(offers.by_no, pool_no)), start=1):
        offers.forget(offer_id)
        pools.stand_still()
        first = asyncio.create_task(ask())
        await pools.read.wait()
        later = [asyncio.create_task(ask()) for _ in range(CROWD)]
        await asyncio.sleep(0)
        pools.go_on.set()
        found = await first
        assert {id(one) for one in await asyncio.gather(*later)} == {id(found)}
        assert pools.reads == reads


async def test_who_asks_after_it_was_forgotten_gets_what_it_is_now(
    postgres: Postgres, offers: OfferDirectory, pools: WatchedPools, offer_id: str
) -> None:
    pools.stand_still()
    early = asyncio.create_task(offers.get(offer_id))
    await pools.read.wait()
    await extend(postgres, offer_id)
    offers.forget(offer_id)
    late = asyncio.create_task(offers.get(offer_id))
    await asyncio.sleep(0)
    pools.go_on.set()
    was, now = await early, await late
    assert was is not None
    assert now is not None
    assert now.pool.ends_at_ms - was.pool.ends_at_ms == 1_000
    assert offers.known(offer_id) is now


@pytest.mark.parametrize("is_forgotten", [True, False])
async def test_what_was_read_is_kept_unless_it_was_forgotten_meanwhile(
    offers: OfferDirectory, pools: WatchedPools, offer_id: str, is_forgotten: bool
) -> None:
    pools.stand_still()
    asked = asyncio.create_task(offers.get(offer_id))
    await pools.read.wait()
    offers.forget("offer_another")
    if is_forgotten:
        offers.forget(offer_id)
    pools.go_on.set()
    found = await asked
    assert found is not None
    assert offers.known(offer_id) is (None if is_forgotten else found)


async def test_one_who_gives_up_takes_the_answer_from_nobody(
    offers: OfferDirectory, pools: WatchedPools, offer_id: str
) -> None:
    pools.stand_still()
    impatient, patient = (asyncio.create_task(offers.get(offer_id)) for _ in range(2))
    await pools.read.wait()
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    pools.go_on.set()
    assert await patient is not None
    assert pools.reads == 1


async def test_there_is_none_for_a_crowd(offers: OfferDirectory, pools: WatchedPools) -> None:
    assert await asyncio.gather(*(offers.get("17") for _ in range(CROWD))) == [None] * CROWD
    assert await asyncio.gather(*(offers.by_no(2**31) for _ in range(CROWD))) == [None] * CROWD
    assert pools.reads == 2
    assert offers.known("17") is None


async def test_everyone_hears_that_postgres_is_away(postgres: Postgres, offers: OfferDirectory, offer_id: str) -> None:
    await postgres.close()
    answers = await asyncio.gather(*(offers.get(offer_id) for _ in range(CROWD)), return_exceptions=True)
    assert {type(one) for one in answers} == {UnavailableError}


async def test_a_read_without_an_answer_holds_nobody_up_for_long(
    monkeypatch: pytest.MonkeyPatch, offers: OfferDirectory, pools: WatchedPools, offer_id: str
) -> None:
    monkeypatch.setattr(offers_module, "DIRECTORY_READ_MOST_S", 0.05)
    pools.stand_still()
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(offers.get(offer_id) for _ in range(CROWD)), return_exceptions=True)
    assert {type(one) for one in answers} == {UnavailableError}
    pools.go_on.set()
    monkeypatch.undo()
    assert await offers.get(offer_id) is not None


async def test_on_connections_that_went_silent_the_next_one_is_answered(
    monkeypatch: pytest.MonkeyPatch, database_url: str, offer_id: str
) -> None:
    monkeypatch.setattr(offers_module, "DIRECTORY_READ_MOST_S", 0.2)
    monkeypatch.setattr(kit_postgres, "GIVE_BACK_MOST_S", 0.2)
    async with CuttingProxy(database_url) as proxy:
        far = await Postgres.connect(proxy.url, max_size=2)
        async with far.connection(), far.connection():
            pass  # both are open
        offers = OfferDirectory(Pools(far), ShowOffers(far))
        proxy.silence()
        async with asyncio.timeout(5):
            with pytest.raises(UnavailableError) as refused:
                await offers.get(offer_id)
            monkeypatch.setattr(offers_module, "DIRECTORY_READ_MOST_S", 4.0)  # to connect takes some of it
            assert await offers.get(offer_id) is not None
        assert refused.value.code == "postgres_down"
        await far.close()


async def test_more_than_may_wait_are_refused(
    monkeypatch: pytest.MonkeyPatch, postgres: Postgres, pools: WatchedPools, offer_id: str
) -> None:
    monkeypatch.setattr(offers_module, "DIRECTORY_MOST_WAITING", 2)
    offers = OfferDirectory(pools, ShowOffers(postgres))
    answers = await asyncio.gather(*(offers.get(offer_id) for _ in range(5)), return_exceptions=True)
    assert [type(one) is UnavailableError for one in answers] == [False, False, True, True, True]
    answers = await asyncio.gather(*(offers.get(f"offer_{n}") for n in range(5)), return_exceptions=True)
    assert [type(one) is UnavailableError for one in answers] == [False, False, True, True, True], "all offers together"


async def test_the_oldest_makes_room(
    monkeypatch: pytest.MonkeyPatch, postgres: Postgres, redis: Redis, offers: OfferDirectory, offer_id: str
) -> None:
    monkeypatch.setattr(offers_module, "DIRECTORY_MOST_OFFERS", 1)
    stage = a_stage(postgres, redis)
    second = await stage.open_offer(await a_show(stage), terms(await a_sku(postgres, 9)), offer_id=new_id("offer"))
    for one in (offer_id, second.offer_id):
        assert await offers.get(one) is not None
    assert offers.known(offer_id) is None
    assert offers.known(second.offer_id) is not None


async def test_an_end_waits_for_the_answers_and_lets_nobody_ask_again(
    offers: OfferDirectory, pools: WatchedPools, offer_id: str
) -> None:
    pools.stand_still()
    asked = asyncio.create_task(offers.get(offer_id))
    await pools.read.wait()
    closing = asyncio.create_task(offers.close())
    await asyncio.sleep(0)
    assert not closing.done()
    pools.go_on.set()
    await closing
    assert await asked is not None
    with pytest.raises(UnavailableError):
        await offers.get("offer_another")
