"""The reader of the logs: trusted while it keeps up, noticed when it does not, and back by itself (D4)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import httpx
import pytest

from kit.embedded_redis import EmbeddedRedis
from kit.redis_client import pipelined
from live import wire
from live.close_codes import CloseCode
from live.show_log_redis import RedisLog, channel_of
from tests.integration.live.gateway.house import PATIENCE_S, House, free_port, open_house
from tests.integration.live.test_show_log import come_back_older, memory_of

LAG_MOST_S = 0.5


class Proxy:
    """Stands between a gateway and Redis. On demand it swallows what passes on connections that are subscribed."""

    def __init__(self, redis_path: str) -> None:
        self.port = free_port()
        self._redis_path = redis_path
        self._links: set[asyncio.Task[None]] = set()
        self._subscribers: set[asyncio.Task[None]] = set()
        self._dead: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._link, "127.0.0.1", self.port)

    async def close(self) -> None:
        """Cut every connection, and take no more."""
        assert self._server is not None
        self._server.close()
        for link in list(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def swallow(self) -> int:
        """From now on nothing gets through on the connections that are subscribed; returns how many these are."""
        self._dead |= self._subscribers
        return len(self._subscribers)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        redis_reader, redis_writer = await asyncio.open_unix_connection(self._redis_path)
        pumps = [
            asyncio.create_task(self._pump(link, reader, redis_writer)),
            asyncio.create_task(self._pump(link, redis_reader, writer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, redis_writer):
                end.close()
            self._links.discard(link)
            self._subscribers.discard(link)

    async def _pump(
        self, link: "asyncio.Task[None]", source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        while data := await source.read(1 << 16):
            if b"SUBSCRIBE" in data:
                self._subscribers.add(link)
            if link not in self._dead:
                target.write(data)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything ten times as fast as for real viewers."""
    monkeypatch.setattr("live.roles.gateway.READER_BEACON_S", 0.1)
    monkeypatch.setattr("live.log_reader_redis.LISTEN_TIMEOUT_S", 0.1)
    monkeypatch.setattr("live.log_reader_redis.READER_LAG_MOST_S", LAG_MOST_S)
    monkeypatch.setattr("live.gateway_tick.READER_LAG_MOST_S", LAG_MOST_S)


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[str]:
    """A Redis that nobody else uses."""
    with TemporaryDirectory() as socket_dir:
        server = await EmbeddedRedis.start(
            tmp_path / "redis",
            Path(socket_dir),
            log_path=tmp_path / "log",
            durable=False,
            on_progress=lambda _line: None,
        )
        yield server.url
        await server.stop()


@pytest.fixture
async def proxy(own_redis: str) -> AsyncIterator[Proxy]:
    standing = Proxy(unquote(urlsplit(own_redis).path))
    await standing.open()
    yield standing
    await standing.close()


@pytest.fixture
async def house(database_url: str, proxy: Proxy) -> AsyncIterator[House]:
    async with open_house(database_url, f"redis://127.0.0.1:{proxy.port}/0") as running:
        await until_ready(running)
        yield running


async def failing(house: House) -> dict[str, str]:
    """Return what the gateway says is not ready, and why."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{house.ws_url.replace('ws://', 'http://')}/readyz")
    found: dict[str, str] = answer.json()["failing"]
    assert answer.status_code == (503 if found else 200)
    return found


async def until_ready(house: House) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await failing(house):
            await asyncio.sleep(0.05)


async def until_red(house: House, reason: str) -> dict[str, str]:
    """Wait until the reader's check fails for this reason; return all that fails then."""
    found: dict[str, str] = {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            while reason not in (found := await failing(house)).get("log_reader", ""):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"never said {reason!r}, last: {found}") from None
    return found


async def test_killing_the_subscriber_in_a_burst_of_events_loses_nothing(house: House) -> None:
    show_id = await house.show()
    viewers = [await house.watch(show_id, f"buyer-{n}", binary=n == 1) for n in range(3)]
    burst = asyncio.create_task(house.events(show_id, 150))
    kills = 0
    while not burst.done():
        await asyncio.sleep(0.05)
        [killed] = await pipelined(house.stores.redis, [("CLIENT", "KILL", "TYPE", "pubsub")])
        kills += killed
    await burst
    for viewer in viewers:
        await viewer.up_to(151)
        assert viewer.seqs == list(range(2, 152))
        assert viewer.close_code is None
    async with asyncio.timeout(10):
        # The last kill may be noticed only after the last event came another way.
        while await house.metric("showdrop_gateway_reader_connected") != 1:
            await asyncio.sleep(0.02)
    await until_ready(house)
    assert kills > 1
    assert 0 < await house.metric("showdrop_gateway_reader_reconnects_total") <= kills
    assert await house.metric("showdrop_gateway_log_events_total") == 150
    assert await house.metric("showdrop_gateway_log_behind_events") == 0


async def test_a_subscriber_that_was_dropped_right_before_the_last_event_gets_it_without_waiting_for_a_tick(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.gateway_tick.TICK_MS", 60_000)
    await asyncio.sleep(0.2)  # the last tick of the usual length
    show_id = await house.show()
    viewer = await house.watch(show_id)
    async with asyncio.TaskGroup() as both:
        both.create_task(house.events(show_id, 1))
        both.create_task(pipelined(house.stores.redis, [("CLIENT", "KILL", "TYPE", "pubsub")]))
    await viewer.up_to(2)


async def test_a_connection_that_swallows_everything_is_noticed_replaced_and_loses_nothing(
    house: House, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.log_reader_redis.READER_DROP_S", 2.0)
    show_id = await house.show()
    viewer = await house.watch(show_id)
    await house.events(show_id, 3)
    await viewer.up_to(4)
    assert await house.metric("showdrop_gateway_reader_lag_seconds") < LAG_MOST_S
    assert proxy.swallow() == 1
    # The ticks still find what is missing, only later; but that is no way to run a show.
    await house.events(show_id, 5)
    await viewer.up_to(9)
    assert set(await until_red(house, "s behind")) == {"log_reader"}
    assert await house.metric("showdrop_gateway_reader_lag_seconds") > LAG_MOST_S
    assert await house.metric("showdrop_gateway_gaps_filled_total") > 0
    await until_ready(house)
    assert await house.metric("showdrop_gateway_reader_reconnects_total") == 1
    filled = await house.metric("showdrop_gateway_gaps_filled_total")
    await house.events(show_id, 5)
    await viewer.up_to(14)
    assert viewer.seqs == list(range(2, 15))
    assert viewer.close_code is None
    assert await house.metric("showdrop_gateway_gaps_filled_total") == filled


@pytest.mark.parametrize(("mode", "pause_ms"), [("WRITE", 1_500), ("ALL", 3_500)])
async def test_a_redis_that_hangs_turns_readiness_red_and_green_again_by_itself(
    house: House, mode: str, pause_ms: int
) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    await pipelined(house.stores.redis, [("CLIENT", "PAUSE", pause_ms, mode)])
    found = await until_red(house, "s behind")
    # A Redis that takes no writes still answers a ping: only the beacon tells.
    assert mode == "ALL" or set(found) == {"log_reader"}
    await until_ready(house)
    assert await house.metric("showdrop_gateway_reader_reconnects_total") == 0
    await house.events(show_id, 2)
    await viewer.up_to(3)
    assert viewer.close_code is None


async def test_a_redis_that_is_away_is_not_taken_for_a_slow_reader(house: House, proxy: Proxy) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    await house.events(show_id, 1)
    await proxy.close()
    for _ in range(5):
        assert set(await until_red(house, "not connected")) == {"redis", "log_reader"}
        assert await house.metric("showdrop_gateway_reader_lag_seconds") < LAG_MOST_S
        await asyncio.sleep(0.2)
    await proxy.open()
    await until_ready(house)
    await house.events(show_id, 1)
    await viewer.up_to(3)
    assert viewer.seqs == [2, 3]


async def test_ticks_that_hang_turn_readiness_red(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.gateway_tick.TICK_MS", 1_500)
    await until_red(house, "were not looked at for")
    monkeypatch.setattr("live.gateway_tick.TICK_MS", 50)
    await until_ready(house)


async def test_a_room_that_stays_behind_its_log_turns_readiness_red_until_it_has_caught_up(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    async with house.stores.postgres.transaction() as connection:
        # The log is lost, and the fresh snapshot does not come.
        await connection.execute("LOCK TABLE shows IN ACCESS EXCLUSIVE MODE")
        await house.stores.redis.delete(f"{{{show_id}}}:log", f"{{{show_id}}}:log:meta")
        found = await until_red(house, "a show is 1 events")
        assert set(found) == {"log_reader"}
        assert await house.metric("showdrop_gateway_log_behind_events") == 1
    assert await viewer.closed() == CloseCode.STATE_LOST
    await until_ready(house)
    async with asyncio.timeout(10):
        # Ready again is who is not behind for long; the next tick says how far.
        while await house.metric("showdrop_gateway_log_behind_events") != 0:
            await asyncio.sleep(0.02)


async def test_counts_keep_coming_while_postgres_hangs(house: House) -> None:
    show_id = await house.show()
    async with house.stores.postgres.transaction() as connection:
        viewer = await house.watch(show_id)
        await connection.execute("LOCK TABLE shows IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(1.2)  # the peak of viewers waits to be written
        await viewer.say(wire.React(kind="heart", count=3))
        await viewer.when(lambda: [one.counts for one in viewer.all(wire.Reactions)] == [{"heart": 3}])
        assert "log_reader" not in await failing(house)


async def test_buyers_stay_when_their_inbox_is_lost_and_they_had_all_of_it(house: House) -> None:
    show_id = await house.show()
    ana = await house.watch(show_id, "ana")
    await tell(house, show_id, "ana", "hold_1")
    await house.stores.redis.delete(f"{{{show_id}}}:inbox", f"{{{show_id}}}:inbox:meta")
    await tell(house, show_id, "ana", "hold_2")
    await tell(house, show_id, "ana", "hold_3")
    await ana.when(lambda: len(ana.all(wire.HoldReleased)) == 3)
    assert [one.hold_id for one in ana.all(wire.HoldReleased)] == ["hold_1", "hold_2", "hold_3"]
    assert ana.close_code is None


async def test_buyers_hear_what_an_inbox_with_an_older_memory_goes_on_with(house: House) -> None:
    show_id = await house.show()
    ana = await house.watch(show_id, "ana")
    await tell(house, show_id, "ana", "hold_1")
    older = await memory_of(house.stores.redis, show_id)
    for hold_id in ("hold_2", "hold_3"):
        await tell(house, show_id, "ana", hold_id)
    await ana.when(lambda: len(ana.all(wire.HoldReleased)) == 3)
    await come_back_older(house.stores.redis, older)
    await tell(house, show_id, "ana", "hold_4")
    await ana.when(lambda: len(ana.all(wire.HoldReleased)) == 4)
    assert ana.all(wire.HoldReleased)[-1].hold_id == "hold_4"
    assert ana.close_code is None


async def test_buyers_are_sent_back_when_news_is_lost_that_they_did_not_have_and_guests_stay(house: House) -> None:
    show_id = await house.show()
    ana, guest = await house.watch(show_id, "ana"), await house.watch(show_id)
    [position] = await house.stores.inbox_log.positions([show_id])
    assert position is not None
    lost = f"{position.epoch} {position.seq + 5} {{}}"
    await house.stores.redis.publish(channel_of("inbox", show_id), lost)
    await asyncio.sleep(0.2)
    await house.stores.redis.delete(f"{{{show_id}}}:inbox", f"{{{show_id}}}:inbox:meta")
    await tell(house, show_id, "bob", "hold_1")
    assert await ana.closed() == CloseCode.STATE_LOST
    await house.events(show_id, 1)
    await guest.up_to(2)
    assert guest.close_code is None


async def tell(house: House, show_id: str, buyer_id: str, hold_id: str) -> None:
    event = wire.encode_json(wire.HoldReleased(hold_id=hold_id, offer_id="offer_1"))
    news = b'{"buyer_id":"%s","event":%s}' % (buyer_id.encode(), event)
    await RedisLog(house.stores.redis, "inbox").append(show_id, news)


async def test_taps_of_many_leave_as_one_sum_and_the_first_ones_too(house: House) -> None:
    show_id = await house.show()
    viewers = [await house.watch(show_id) for _ in range(4)]
    for _ in range(15):
        for viewer in viewers:
            await viewer.say(wire.React(kind="heart", count=1))
    watcher = viewers[0]
    await watcher.when(lambda: sum(one.counts["heart"] for one in watcher.all(wire.Reactions)) == 60)
    assert len(watcher.all(wire.Reactions)) <= 3


async def test_a_show_that_nobody_watches_any_more_is_not_read(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    viewer, second = await house.watch(show_id), await house.watch(show_id)
    await viewer.when(lambda: any(one.count == 2 for one in viewer.all(wire.Viewers)))
    await viewer.leave()
    await second.leave()
    await asyncio.sleep(1.3)
    [counted] = await pipelined(house.stores.redis, [("HVALS", f"{{{show_id}}}:viewers")])
    assert [one.split(b":")[0] for one in counted] == [b"0"]
    before = await hash_reads(house)
    await asyncio.sleep(0.5)
    assert await hash_reads(house) == before
    again = await house.watch(show_id, "ana")
    await again.when(lambda: any(one.count == 1 for one in again.all(wire.Viewers)))
    snapshot = (await again.get(wire.Welcome)).snapshot
    assert isinstance(snapshot, wire.Snapshot)
    assert [one.offer_id for one in snapshot.offers] == [offer_id]


async def hash_reads(house: House) -> int:
    stats = await house.stores.redis.info("commandstats")
    calls: int = stats["cmdstat_hmget"]["calls"]
    return calls
