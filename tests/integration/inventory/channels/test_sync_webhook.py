"""Webhooks from a sale to a real receiver: signatures, failures, restarts, and the level that is left in the end."""

import asyncio
import contextlib
import itertools
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

import msgspec
import pytest
import uvicorn
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from inventory.channels.channel import ChannelConfig, ChannelDownError, Level, Told
from inventory.channels.channels_pg import Channels, ChannelView, CreatedChannel
from inventory.channels.leader_pg import Leadership
from inventory.channels.registry import channel_kinds
from inventory.channels.sync import ChannelSync
from inventory.channels.webhook_http import WebhookKind
from inventory.stock import allocate, give_back, sale
from inventory.stock_pg import StockLedger, record_movements
from kit.errors import InvalidError
from kit.ids import new_ulid
from kit.postgres import Postgres
from kit.tasks import Tasks

SKUS = [f"SKU-{number:03}" for number in range(20)]
LEASE_MS = 600

Handler = Callable[[Request], Awaitable[Response]]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call that the receiver took or refused."""

    webhook_id: str
    at: float
    body: bytes

    def levels(self) -> dict[str, int]:
        return {one["sku"]: one["quantity"] for one in msgspec.json.decode(self.body)["data"]["levels"]}


class Receiver:
    """A merchant's server: checks signatures, keeps the highest version of each level, and fails when asked to."""

    def __init__(self) -> None:
        self.url = ""
        self.secret: str | None = None
        self.calls: list[Call] = []
        self.shown: dict[str, int] = {}
        self.versions: dict[str, int] = {}
        self.forged = 0
        self.answers: list[Response] = []  # used up first, the last one at the end
        self.gate = asyncio.Event()  # closed: calls wait before they are answered
        self.gate.set()
        self.called = asyncio.Event()

    async def take(self, request: Request) -> Response:
        body = await request.body()
        if self.secret is not None:
            try:
                Webhook(self.secret).verify(body, dict(request.headers))
            except WebhookVerificationError:
                self.forged += 1
                return Response(status_code=401)
        self.calls.append(Call(webhook_id=request.headers["webhook-id"], at=time.monotonic(), body=body))
        self.called.set()
        answer = self.answers.pop() if self.answers else Response(status_code=204)
        if answer.status_code < 300:
            self._take(body)
        await self.gate.wait()
        return answer

    def _take(self, body: bytes) -> None:
        for one in msgspec.json.decode(body)["data"]["levels"]:
            if one["version"] >= self.versions.get(one["sku"], 0):
                self.versions[one["sku"]] = one["version"]
                self.shown[one["sku"]] = one["quantity"]

    async def wait_called(self) -> None:
        self.called.clear()
        async with asyncio.timeout(10):
            await self.called.wait()


@contextlib.asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A real HTTP server on a free loopback port; yields its address."""
    app = Starlette(routes=[Route("/hooks", handler, methods=["POST"])])
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=1)
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hooks"
    finally:
        server.should_exit = True
        await task
        listening.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    async with serving(receiver.take) as url:
        receiver.url = url
        yield receiver
        receiver.gate.set()


@pytest.fixture
def channels(postgres: Postgres) -> Channels:
    return Channels(postgres, channel_kinds(allow_private=True), lease_ms=LEASE_MS)


@pytest.fixture
def ledger(postgres: Postgres) -> StockLedger:
    return StockLedger(postgres)


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
    tasks.forever("channels", ChannelSync(channels, Leadership(postgres), channel_kinds(allow_private=True)).run)
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

    assert took < 2
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
    items = (await channels.levels(channel_id)).items
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
    async with serving(hanging.take) as url:
        hanging.url = url
        hangs = await connect(channels, hanging)
        alive = await connect(channels, receiver)
        async with syncing(postgres, channels):
            await in_step(channels, alive)
            await sell(ledger, SKUS[0])
            started = time.monotonic()
            await in_step(channels, alive)
            assert time.monotonic() - started < 1
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


def webhook(url: str) -> ChannelConfig:
    return ChannelConfig(
        channel_id="chan_1", kind="webhook", name="", settings={"url": url}, secret="whsec_" + "c2VjcmV0" * 4
    )


LEVEL = Level(sku="A", quantity=1, version=1)


async def tell(kind: WebhookKind, url: str) -> object:
    channel = kind.open(webhook(url))
    try:
        return await channel.tell([LEVEL])
    finally:
        await channel.close()


async def test_a_private_address_is_refused_at_set_up_and_at_every_call(receiver: Receiver) -> None:
    guarded = WebhookKind(allow_private=False)
    by_name = receiver.url.replace("127.0.0.1", "localhost")
    for url in (receiver.url, by_name):
        with pytest.raises(InvalidError, match="private") as caught:
            await guarded.prepare({"url": url})
        assert caught.value.details["field"] == "url"
        # The name may have been a public one when the channel was set up.
        with pytest.raises(ChannelDownError, match="private"):
            await tell(guarded, url)
    assert receiver.calls == []
    assert await tell(WebhookKind(allow_private=True), by_name) == [Told()]


async def test_a_setting_that_a_webhook_does_not_have_is_named() -> None:
    with pytest.raises(InvalidError) as caught:
        await WebhookKind(allow_private=True).prepare({"url": "http://127.0.0.1/", "color": "red"})
    assert caught.value.details["field"] == "color"


async def test_redirects_are_not_followed(receiver: Receiver) -> None:
    async def elsewhere(_request: Request) -> Response:
        return RedirectResponse(receiver.url)

    async with serving(elsewhere) as url:
        with pytest.raises(ChannelDownError, match="307"):
            await tell(WebhookKind(allow_private=True), url)
    assert receiver.calls == []


async def test_an_endless_answer_is_cut_off() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1024
            await asyncio.sleep(0)

    async def talk(_request: Request) -> Response:
        return StreamingResponse(endless())

    async with serving(talk) as url, asyncio.timeout(2):
        assert await tell(WebhookKind(allow_private=True), url) == [Told()]


async def test_what_is_not_http_is_a_failed_call() -> None:
    async def babble(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-nothing\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        for url in (f"http://127.0.0.1:{port}/", f"https://127.0.0.1:{port}/", "http://no-such-host.invalid/"):
            with pytest.raises(ChannelDownError):
                await tell(WebhookKind(allow_private=True), url)
