"""Connections to Postgres that die without a word: whoever waits is answered, and whoever comes next gets new ones."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from checkout import listen_pg
from checkout.listen_pg import OrderListener
from checkout.order import Order
from checkout.submit import CheckoutRequest, Submitter
from kit import postgres as kit_postgres
from kit.errors import UnavailableError
from kit.leader_pg import Leadership
from kit.postgres import Postgres
from tests.faults.cutting_proxy import CuttingProxy
from tests.integration.checkout.checkout_shop import Shop

CONNECTIONS = 4
ANSWERED_S = 1.5
AT_ONCE_S = 1.0
"""Less than another wait for an answer takes."""

LOCK = 0x51E7


@pytest.fixture
async def proxy(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CuttingProxy]:
    monkeypatch.setattr(kit_postgres, "STATEMENT_TIMEOUT_MS", 1_000)
    monkeypatch.setattr(listen_pg, "STATEMENT_TIMEOUT_MS", 1_000)
    monkeypatch.setattr(kit_postgres, "ANSWER_LATE_S", ANSWERED_S - 1)
    async with CuttingProxy(shop.database_url) as proxy:
        yield proxy


@pytest.fixture
async def far(proxy: CuttingProxy) -> AsyncIterator[Postgres]:
    """The same database by way of the proxy, with all connections open."""
    far = await Postgres.connect(proxy.url, max_size=CONNECTIONS)
    await everywhere(far)
    yield far
    await far.close()


async def everywhere(postgres: Postgres) -> None:
    """Use all connections at the same time."""
    met = asyncio.Barrier(CONNECTIONS)

    async def use() -> None:
        async with postgres.connection() as connection:
            await met.wait()
            await connection.execute("SELECT 1")

    await asyncio.gather(*(use() for _ in range(CONNECTIONS)))


async def test_checkouts_on_a_silent_connection_are_answered_and_the_next_go_through_at_once(
    shop: Shop, far: Postgres, proxy: CuttingProxy
) -> None:
    terms = await shop.pool(9)
    requests = [
        CheckoutRequest(
            hold_id=shop.holds.put(terms.pool_id, buyer).hold_id,
            buyer_id=buyer,
            terms=terms,
            payment_method="pm_test_ok",
        )
        for buyer in ("ana", "ben", "eva")
    ]
    submitter = Submitter(shop.holds, Shop(far, proxy.url).orders, shop.providers)
    proxy.silence()
    asked_s = time.monotonic()
    async with asyncio.timeout(10):
        first, *others = (asyncio.create_task(submitter.submit(one)) for one in requests)
        with pytest.raises(UnavailableError) as refused:
            await first
        waited_s = time.monotonic() - asked_s
        answers = await asyncio.gather(*others, return_exceptions=True)
    assert refused.value.code == "postgres_down"
    assert ANSWERED_S - 0.1 < waited_s < ANSWERED_S + AT_ONCE_S
    assert all(isinstance(one, Order | UnavailableError) for one in answers)

    async with asyncio.timeout(AT_ONCE_S):
        orders = [await submitter.submit(one) for one in requests]
        await everywhere(far)
    assert await shop.value("SELECT count(*) FROM orders") == len({one.order_id for one in orders}) == len(requests)
    await submitter.close()


async def test_who_waits_for_a_connection_is_answered_when_new_ones_are_silent_too(
    far: Postgres, proxy: CuttingProxy
) -> None:
    async def ask() -> None:
        async with far.connection() as connection:
            await connection.execute("SELECT 1")

    proxy.silence(new_ones=True)
    async with asyncio.timeout(ANSWERED_S + AT_ONCE_S):
        answers = await asyncio.gather(*(ask() for _ in range(5 * CONNECTIONS)), return_exceptions=True)
    assert all(isinstance(one, UnavailableError) and one.code == "postgres_down" for one in answers)


async def test_a_transaction_waits_for_no_answer_to_its_rollback(far: Postgres, proxy: CuttingProxy) -> None:
    async def ask() -> None:
        async with far.transaction() as connection:
            proxy.silence()
            await connection.execute("SELECT 1")

    async with asyncio.timeout(ANSWERED_S + AT_ONCE_S):
        with pytest.raises(UnavailableError):
            await ask()


async def test_a_lead_on_a_silent_connection_ends(far: Postgres, proxy: CuttingProxy) -> None:
    async def lead() -> None:
        async with Leadership(far, LOCK).lead() as lead:
            assert lead is not None
            proxy.silence()
            await lead.check()

    async with asyncio.timeout(ANSWERED_S + AT_ONCE_S):
        with pytest.raises(UnavailableError):
            await lead()


async def test_who_listens_on_a_silent_connection_hears_of_it(
    proxy: CuttingProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen_pg, "LISTEN_LOOK_EVERY_S", 0.1)
    listens = asyncio.Event()
    listening = asyncio.create_task(OrderListener(proxy.url, lambda _: listens.set()).step())
    await listens.wait()
    await asyncio.sleep(0.3)
    assert not listening.done()
    proxy.silence()
    async with asyncio.timeout(ANSWERED_S + AT_ONCE_S):
        with pytest.raises(UnavailableError):
            await listening
