"""Webhooks from a sale to a real receiver: signatures, failures, restarts, and the level that is left in the end."""

import asyncio
import contextlib
import itertools
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import msgspec
import pytest
from starlette.responses import Response

from inventory.channels.channels_pg import Channels, ChannelView, CreatedChannel
from inventory.channels.figures import ChannelFigures
from inventory.channels.leader_pg import Leadership
from inventory.channels.levels_pg import Levels
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.channels.rows import ChannelRows
from inventory.channels.sync import ChannelSync
from inventory.stock import allocate, give_back, sale
from inventory.stock_pg import StockLedger, record_movements
from kit.ids import new_ulid
from kit.metrics import new_registry
from kit.postgres import Postgres
from kit.tasks import Tasks
from tests.integration.inventory.channels.merchant import Receiver
from tests.serving import serving_hooks

SKUS = [f"SKU-{number:03}" for number in range(20)]
LEASE_MS = 600

SECRET = "a secret of 32 characters or more"


@pytest.fixture
def channels(postgres: Postgres) -> Channels:
    return Channels(
        postgres,
        channel_kinds(SECRET, allow_private=True),
        channel_vault(SECRET),
    )


@pytest.fixture(autouse=True)
async def stock(postgres: Postgres, ledger: StockLedger) -> None:
    """Twenty SKUs with 1,000 units each."""
    async with postgres.transaction() as connection:
        await connection.execute("INSERT INTO products (product_id, product_key, title) VALUES ('prod_1', 'k', 'T')")
        await connection.execute(
            "INSERT INTO variants (sku, product_id, price_amount, price_currency)"
            " SELECT sku, 'prod_1', 100, 'EUR' FROM unnest($1::text[]) AS sku",
            SKUS,
        )
        await connection.execute("INSERT INTO stock (sku) SELECT sku FROM variants")
    for sku in SKUS:
        await ledger.adjust(sku, 1_000, key=f"first:{sku}", reason="count")


@contextlib.asynccontextmanager
async def syncing(postgres: Postgres, channels: Channels) -> AsyncIterator[None]:
    """A worker; it is cancelled at the end, wherever it is."""
    tasks = Tasks()
    kinds = channel_kinds(SECRET, allow_private=True)
    sync = ChannelSync(
        channels,
        ChannelRows.of(postgres, kinds, lease_ms=LEASE_MS),
        Leadership(postgres),
        kinds,
        ChannelFigures(new_registry()),
    )
    tasks.forever("channels", sync.run)
    try:
        yield
    finally:
        await tasks.stop()


async def connect(channels: Channels, receiver: Receiver, *, safety_stock: int = 0) -> str:
    created: CreatedChannel = await channels.create(
        "webhook", name="Shop", settings={"url": receiver.url}, safety_stock=safety_stock
    )
    receiver.secret = created.secret
    return created.channel_id


async def view(channels: Channels, channel_id: str) -> ChannelView:
    return next(one for one in await channels.list() if one.channel_id == channel_id)


async def until(channels: Channels, channel_id: str, holds: Callable[[ChannelView], bool]) -> ChannelView:
    seen = await view(channels, channel_id)
    for _ in range(1_500):
        if holds(seen):
            return seen
        await asyncio.sleep(0.01)
        seen = await view(channels, channel_id)
    return pytest.fail(f"it did not come to that: {seen}")


async def in_step(channels: Channels, channel_id: str) -> ChannelView:
    return await until(channels, channel_id, lambda seen: seen.behind == 0)


async def true_levels(ledger: StockLedger, safety_stock: int = 0) -> dict[str, int]:
    return {sku: max(0, (await ledger.level(sku)).available - safety_stock) for sku in SKUS}


async def sell(ledger: StockLedger, sku: str, units: int = 1) -> None:
    await ledger.adjust(sku, -units, key=new_ulid(), reason="test")


async def test_a_channel_set_up_while_the_worker_runs_is_told_every_level_with_a_good_signature(
    postgres: Postgres, channels: Channels, ledger: StockLedger, receiver: Receiver
) -> None:
    async with syncing(postgres, channels):
        await asyncio.sleep(0.1)
        started = time.monotonic()
        channel_id = await connect(channels, receiver, safety_stock=3)
        seen = await in_step(channels, channel_id)
        took = time.monotonic() - started

    assert took < 8
    assert receiver.secret is not None
    assert receiver.secret.startswith("whsec_")
    assert receiver.forged == 0
    assert receiver.shown == await true_levels(ledger, 3)
    assert (seen.lag_ms, seen.last_error) == (0, None)
    message = msgspec.json.decode(receiver.calls[0].body)
    assert message["type"] == "stock.levels"
    assert datetime.fromisoformat(message["timestamp"]).tzinfo is not None
    assert message["data"]["channel_id"] == channel_id
    assert set(message["data"]["levels"][0]) == {"sku", "quantity", "version"}


async def test_a_sale_reaches_the_receiver_at_once(
    postgres: Postgres, channels: Channels, ledger: StockLedger, receiver: Receiver
) -> None:
    channel_id = await connect(channels, receiver)
    delays: list[float] = []
    async with syncing(postgres, channels):
        await in_step(channels, channel_id)
        for _ in range(10):
            await asyncio.sleep(0.08)
            started = time.monotonic()
            waiting = asyncio.create_task(receiver.wait_called())
            await sell(ledger, SKUS[0])
            await waiting
            delays.append(receiver.calls[-1].at - started)
    # Woken, not polled: polling alone would average 125 ms.
    assert sorted(delays)[5] < 0.1


async def test_failed_calls_are_repeated_with_the_same_id_until_the_channel_is_in_step(
    postgres: Postgres, channels: Channels, ledger: StockLedger, receiver: Receiver
) -> None:
    receiver.answers = [Response(status_code=status) for status in (503, 500, 400)]
    channel_id = await connect(channels, receiver)
    async with syncing(postgres, channels):
        failing = await until(channels, channel_id, lambda seen: seen.last_error is not None)
        assert failing.last_error == "the address answered 400"
        assert failing.lag_ms > 0
        done = await in_step(channels, channel_id)
    assert done.last_error is None
    assert receiver.shown == await true_levels(ledger)
    assert len({call.webhook_id for call in receiver.calls}) == 1
    gaps = [later.at - call.at for call, later in itertools.pairwise(receiver.calls)]
    assert len(gaps) == 3
    assert all(gap >= 0.25 * 2**number for number, gap in enumerate(gaps))


async def test_other_content_has_another_id(
    postgres: Postgres, channels: Channels, ledger: StockLedger, receiver: Receiver
) -> None:
    channel_id = await connect(channels, receiver)
    async with syncing(postgres, channels):
        await in_step(channels, channel_id)
        await sell(ledger, SKUS[0])
        await in_step(channels, channel_id)
    assert len({call.webhook_id for call in receiver.calls}) == len(receiver.calls) == 2


async def test_retry_after_is_honoured(postgres: Postgres, channels: Channels, receiver: Receiver) -> None:
    receiver.answers = [Response(status_code=429, headers={"retry-after": "2"})]
    channel_id = await connect(channels, receiver)
    async with syncing(postgres, channels):
        await in_step(channels, channel_id)
    assert receiver.calls[1].at - receiver.calls[0].at >= 2


async def test_cookies_of_a_receiver_do_not_come_back_to_it(
    postgres: Postgres, channels: Channels, receiver: Receiver
) -> None:
    answer = Response(status_code=503)
    answer.set_cookie("session", "of-the-receiver", path="/")
    receiver.answers = [answer]
    channel_id = await connect(channels, receiver)
    async with syncing(postgres, channels):
        await in_step(channels, channel_id)
    assert len(receiver.calls) == 2
    assert not any("cookie" in call.headers for call in receiver.calls)


async def test_gone_pauses_the_channel_until_somebody_resumes_it(
    postgres: Postgres, channels: Channels, ledger: StockLedger, receiver: Receiver
) -> None:
    receiver.answers = [Response(status_code=410)]
    channel_id = await connect(channels, receiver)
    async with syncing(postgres, channels):
        seen = await until(channels, channel_id, lambda seen: seen.state == "paused")
        assert seen.last_error is not None
        assert "410" in seen.last_error
        await sell(ledger, SKUS[0])
        await asyncio.sleep(0.5)
        assert len(receiver.calls) == 1
        await channels.resume(channel_id)
        await in_step(channels, channel_id)
    assert receiver.shown == await true_levels(ledger)


async def test_a_thousand_changes_end_in_one_right_level(
    postgres: Postgres, channels: Channels, ledger: StockLedger, receiver: Receiver
) -> None:
    """Invariant 10, with a receiver that fails now and then."""
    chance = random.Random(7)
    safety_stock = 5
    channel_id = await connect(channels, receiver, safety_stock=safety_stock)

    async def change(worker: int) -> None:
        for number in range(250):
            sku, pool = SKUS[0] if number % 2 else chance.choice(SKUS), f"offer_{worker}_{number}"
            async with postgres.transaction() as connection:
                await record_movements(connection, [allocate(sku, 4, pool_id=pool)])
            async with postgres.transaction() as connection:
                sold = sale(sku, 1, pool_id=pool, order_id=f"order_{pool}")
                await record_movements(connection, [sold, give_back(sku, 3, pool_id=pool, returned_before=0)])

    async with syncing(postgres, channels):
        await in_step(channels, channel_id)
        before = len(receiver.calls)
        receiver.answers = [Response(status_code=chance.choice([204, 204, 500])) for _ in range(6)]
        await asyncio.gather(*(change(worker) for worker in range(4)))
        await in_step(channels, channel_id)

    assert receiver.shown == await true_levels(ledger, safety_stock)
    assert sum(receiver.shown.values()) == 20 * (1_000 - safety_stock) - 1_000
    assert len(receiver.calls) - before < 200
    items = (await Levels(postgres).page(channel_id)).items
    assert {item.sku: item.told for item in items} == receiver.shown


async def test_a_worker_killed_between_call_and_write_back_tells_again_and_ends_the_same(
    postgres: Postgres, channels: Channels, ledger: StockLedger, receiver: Receiver
) -> None:
    channel_id = await connect(channels, receiver)
    receiver.gate.clear()
    async with syncing(postgres, channels):
        await receiver.wait_called()
    assert (await view(channels, channel_id)).behind == 20

    receiver.gate.set()
    async with syncing(postgres, channels):
        await in_step(channels, channel_id)
    assert [call.webhook_id for call in receiver.calls] == [receiver.calls[0].webhook_id] * 2
    assert receiver.calls[1].at - receiver.calls[0].at >= LEASE_MS / 1000 * 0.9
    assert receiver.shown == await true_levels(ledger)


async def test_a_change_during_a_call_is_told_after_it_and_never_overtakes_it(
    postgres: Postgres, channels: Channels, ledger: StockLedger, receiver: Receiver
) -> None:
    channel_id = await connect(channels, receiver)
    async with syncing(postgres, channels):
        await in_step(channels, channel_id)
        receiver.gate.clear()
        waiting = asyncio.create_task(receiver.wait_called())
        await sell(ledger, SKUS[0])
        await waiting
        await sell(ledger, SKUS[0])
        await asyncio.sleep(0.4)
        assert receiver.calls[-1].levels() == {SKUS[0]: 999}
        receiver.gate.set()
        await in_step(channels, channel_id)
    assert [call.levels() for call in receiver.calls[-2:]] == [{SKUS[0]: 999}, {SKUS[0]: 998}]


async def test_a_dead_channel_costs_only_its_own_lag(
    postgres: Postgres, channels: Channels, ledger: StockLedger, receiver: Receiver
) -> None:
    closed = socket.create_server(("127.0.0.1", 0))
    dead_port = closed.getsockname()[1]
    closed.close()
    dead = await channels.create("webhook", name="Dead", settings={"url": f"http://127.0.0.1:{dead_port}/"})
    hanging = Receiver()
    hanging.gate.clear()
    async with serving_hooks(hanging.take) as url:
        hanging.url = url
        hangs = await connect(channels, hanging)
        alive = await connect(channels, receiver)
        async with syncing(postgres, channels):
            await in_step(channels, alive)
            await sell(ledger, SKUS[0])
            started = time.monotonic()
            await in_step(channels, alive)
            assert time.monotonic() - started < 5
            broken = await until(channels, dead.channel_id, lambda seen: seen.last_error is not None)
            assert broken.behind == (await view(channels, hangs)).behind == 20
        hanging.gate.set()


async def test_a_worker_started_after_the_receiver_was_away_catches_up(
    postgres: Postgres, channels: Channels, ledger: StockLedger, receiver: Receiver
) -> None:
    channel_id = await connect(channels, receiver)
    async with syncing(postgres, channels):
        await in_step(channels, channel_id)
    for _ in range(50):
        await sell(ledger, SKUS[1])
    async with syncing(postgres, channels):
        await in_step(channels, channel_id)
    assert receiver.calls[-1].levels() == {SKUS[1]: 950}
