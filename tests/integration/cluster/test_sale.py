"""A whole sale whose Redis is a cluster, and what is left of it when a master dies."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import httpx
import pytest

from inventory.holds import Accepted, ClaimRequest, Pool
from kit.cluster_redis import ClusterRedis
from kit.errors import UnavailableError
from kit.ids import new_ulid
from kit.redis_client import pipelined
from kit.slots import slot_of
from live import wire
from live.roles.api import ApiRole
from live.roles.worker import WorkerRole
from tests.integration.cluster.three_masters import ThreeMasters, port_of
from tests.integration.live.gateway.house import House, Viewer, a_claim, open_house

HANG_MOST_S = 9.0
UNITS = 4


def client_of(house: House) -> ClusterRedis:
    assert isinstance(house.stores.redis, ClusterRedis)
    return house.stores.redis


async def offers_on_all(house: House, cluster: ThreeMasters, show_id: str, *, hold_ttl_ms: int = 60_000) -> list[str]:
    """Return an offer of each master, in the order of the ports."""
    found: dict[int, str] = {}
    while len(found) < len(cluster.ports):
        offer_id = await house.offer(show_id, quantity=UNITS, limit=1, hold_ttl_ms=hold_ttl_ms)
        found.setdefault(await port_of(client_of(house), offer_id), offer_id)
    return [found[port] for port in cluster.ports]


async def pool_of(house: House, offer_id: str) -> Pool:
    offer = await house.stores.offers.get(offer_id)
    assert offer is not None
    return offer.pool


async def answer(viewer: Viewer, offer_id: str) -> wire.ClaimAccepted | wire.ClaimRefused:
    claim = a_claim(offer_id)
    await viewer.say(claim)

    def answers() -> list[wire.ClaimAccepted | wire.ClaimRefused]:
        accepted, refused = viewer.all(wire.ClaimAccepted), viewer.all(wire.ClaimRefused)
        return [one for some in (accepted, refused) for one in some if one.claim_id == claim.claim_id]

    await viewer.when(lambda: bool(answers()))
    return answers()[0]


@asynccontextmanager
async def worker_and_api(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with AsyncExitStack() as stack:
        api = await ApiRole.start(house.place, demo=False)
        stack.push_async_callback(api.stop)
        worker = await WorkerRole.start(house.place, demo=False)
        stack.push_async_callback(worker.stop)
        bearer = f"Bearer {house.tokens.mint('host', 'host', None)[0]}"
        url = f"http://127.0.0.1:{house.place.settings.http_port}"
        yield await stack.enter_async_context(
            httpx.AsyncClient(base_url=url, headers={"Authorization": bearer}, trust_env=False)
        )


async def test_a_whole_sale_of_offers_on_all_masters(house: House, cluster: ThreeMasters) -> None:
    async with worker_and_api(house) as api:
        show_id = await house.show()
        offer_ids = await offers_on_all(house, cluster, show_id)
        viewers = [await house.watch(show_id, f"buyer-{n}", binary=n % 2 == 0) for n in range(2 * UNITS)]

        async def buy(viewer: Viewer) -> int:
            """Claim of every offer, pay what was got, and return how many that were."""
            answers = await asyncio.gather(*(answer(viewer, offer_id) for offer_id in offer_ids))
            held = [one for one in answers if isinstance(one, wire.ClaimAccepted)]
            assert {one.reason for one in answers if isinstance(one, wire.ClaimRefused)} <= {"sold_out"}
            for one in held:
                await viewer.say(wire.Checkout(hold_id=one.hold_id, payment_method="pm_test_ok"))
            await viewer.when(lambda: len(viewer.all(wire.OrderConfirmed)) == len(held))
            return len(held)

        assert sum(await asyncio.gather(*(buy(viewer) for viewer in viewers))) == UNITS * len(offer_ids)
        for offer_id in offer_ids:
            for viewer in viewers:  # the book hears of the settled orders, and so does everyone
                await viewer.when(partial(_is_sold_out, viewer, offer_id))
            told = (await api.get(f"/v1/offers/{offer_id}")).json()
            assert (told["allocated"], told["available"], told["held"], told["sold"]) == (UNITS, 0, 0, UNITS)
        assert (await api.get("/readyz")).status_code == 200


def _is_sold_out(viewer: Viewer, offer_id: str) -> bool:
    return _last_stock(viewer, offer_id) == (0, 0, UNITS)


def _last_stock(viewer: Viewer, offer_id: str) -> tuple[int, int, int] | None:
    stock = [one for one in viewer.all(wire.OfferStock) if one.offer_id == offer_id]
    return (stock[-1].available, stock[-1].held, stock[-1].sold) if stock else None


async def test_books_on_all_masters_are_claimed_of_counted_and_swept_together(
    house: House, cluster: ThreeMasters
) -> None:
    holds, show_id = house.stores.holds, await house.show()
    offer_ids = await offers_on_all(house, cluster, show_id, hold_ttl_ms=1_000)
    pools = [await pool_of(house, offer_id) for offer_id in offer_ids]

    async def claim(pool: Pool, most: int) -> int:
        claims = [
            ClaimRequest(pool_id=pool.pool_id, claim_id=new_ulid(), buyer_id=f"buyer-{n}", quantity=1)
            for n in range(most)
        ]
        return sum(isinstance(one, Accepted) for one in await holds.claim_many(pool, claims))

    assert await asyncio.gather(*(claim(pool, most) for most, pool in enumerate(pools, 2))) == [2, 3, 4]
    assert [one.held for one in await holds.counts(offer_ids)] == [2, 3, 4]
    for node in await client_of(house).masters():
        await node.script_flush()
    of_buyers = await holds.holds_of(offer_ids, ["buyer-0", "buyer-3", "buyer-9"])
    assert {buyer_id: len(some) for buyer_id, some in of_buyers.items()} == {"buyer-0": 3, "buyer-3": 1}
    assert {hold.pool_id for hold in of_buyers["buyer-0"]} == set(offer_ids)
    await asyncio.sleep(1.1)
    assert len(await holds.sweep(offer_ids)) == 9
    assert [(one.available, one.held) for one in await holds.counts(offer_ids)] == [(UNITS, 0)] * 3


async def test_all_keys_of_an_offer_and_of_a_show_are_on_one_slot(house: House, cluster: ThreeMasters) -> None:
    show_id = await house.show()
    offer_ids = await offers_on_all(house, cluster, show_id)
    ana = await house.watch(show_id, "ana")
    for offer_id in offer_ids:
        accepted = await answer(ana, offer_id)
        assert isinstance(accepted, wire.ClaimAccepted)
        await ana.say(wire.Checkout(hold_id=accepted.hold_id, payment_method="pm_test_ok"))
    await ana.get(wire.OrderSubmitted, len(offer_ids))
    await ana.say(wire.React(kind="heart", count=1))
    await ana.get(wire.Reactions)
    await ana.get(wire.Viewers)
    keys = [key for node in await client_of(house).masters() async for key in node.scan_iter(count=1_000)]
    for one in (show_id, *offer_ids):
        its_keys = [key for key in keys if one.encode() in key]
        assert len(its_keys) > 1
        assert {slot_of(key) for key in its_keys} == {slot_of(one)}


@pytest.mark.timeout(60)
async def test_the_death_of_a_master_stops_the_sale_of_its_offers_only(
    database_url: str, own_cluster: ThreeMasters
) -> None:
    async with open_house(database_url, own_cluster.url) as house:
        show_id = await house.show()
        while await port_of(client_of(house), show_id) == own_cluster.ports[0]:
            show_id = await house.show()
        offer_ids = await offers_on_all(house, own_cluster, show_id)
        ana, bob = await house.watch(show_id, "ana"), await house.watch(show_id, "bob")
        for offer_id in offer_ids:
            assert isinstance(await answer(ana, offer_id), wire.ClaimAccepted)
        await own_cluster.kill(own_cluster.ports[0])
        for _ in range(5):
            began_at = time.monotonic()
            refused = await answer(bob, offer_ids[0])
            assert isinstance(refused, wire.ClaimRefused)
            assert (refused.reason, refused.temporary) == ("recovering", True)
            assert time.monotonic() - began_at < HANG_MOST_S
        held = [await answer(bob, offer_id) for offer_id in offer_ids[1:]]
        for one in held:
            assert isinstance(one, wire.ClaimAccepted)
            await bob.say(wire.Checkout(hold_id=one.hold_id, payment_method="pm_test_ok"))
        await bob.get(wire.OrderSubmitted, len(held))
        began_at = time.monotonic()
        with pytest.raises(UnavailableError):
            await house.stores.holds.counts(offer_ids)
        assert time.monotonic() - began_at < HANG_MOST_S
        assert [one.held for one in await house.stores.holds.counts(offer_ids[1:])] == [2, 2]
        await house.stores.check_redis()
        await pipelined(client_of(house), [("PING",)])
