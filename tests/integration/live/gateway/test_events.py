"""Log events: in order, without a gap, whoever comes back from wherever."""

import asyncio
import random

import msgspec
import pytest

from kit.ids import new_ulid
from kit.redis_client import pipelined
from live import wire
from live.close_codes import CloseCode
from live.limits import LOG_READ_ENTRIES
from live.show_log_redis import RedisLog
from live.show_state import apply
from tests.integration.live.gateway.house import House, a_claim


async def append_pauses(house: House, show_id: str, count: int) -> int:
    """Make many events at once, past the rules of a show; returns the newest position."""
    seq = await house.seq(show_id)
    async with house.stores.postgres.transaction() as connection:
        await connection.execute(
            "INSERT INTO show_events (show_id, seq, event)"
            " SELECT $1, n, jsonb_build_object('type', 'show.paused', 'seq', n, 'at_ms', n)"
            " FROM generate_series($2::bigint, $3::bigint) AS n",
            show_id,
            seq + 1,
            seq + count,
        )
        await connection.execute("UPDATE shows SET seq = $2, state = 'paused' WHERE show_id = $1", show_id, seq + count)
    await house.relay.relay(show_id)
    return seq + count


async def test_events_come_in_order_to_everyone(house: House) -> None:
    show_id = await house.show()
    viewers = [await house.watch(show_id, binary=n % 2 == 1) for n in range(6)]
    await house.events(show_id, 20)
    for viewer in viewers:
        await viewer.up_to(21)
        assert viewer.seqs == list(range(2, 22))


async def test_resuming_tells_exactly_what_was_missed_from_memory(house: House) -> None:
    show_id = await house.show()
    first = await house.watch(show_id)
    epoch = (await first.get(wire.Welcome)).epoch
    await house.events(show_id, 10)
    await first.up_to(11)
    for seen in (5, 10, 11):
        viewer = await house.watch(show_id, resume=wire.Position(epoch, seen))
        welcome = await viewer.get(wire.Welcome)
        assert (welcome.recovered, welcome.seq, welcome.epoch) == (True, 11, epoch)
        assert welcome.snapshot is msgspec.UNSET
        await viewer.say(wire.Ping())
        await viewer.get(wire.Pong)
        assert viewer.seqs == list(range(seen + 1, 12))


async def test_who_resumes_is_told_the_counts_that_changed_meanwhile(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    away = await house.watch(show_id)
    welcome = await away.get(wire.Welcome)
    await away.leave()
    buyer = await house.watch(show_id, "ana")
    await buyer.say(a_claim(offer_id, 2))
    await buyer.when(lambda: any(one.held == 2 for one in buyer.all(wire.OfferStock)))
    back = await house.watch(show_id, resume=wire.Position(welcome.epoch, welcome.seq))
    assert (await back.get(wire.Welcome)).recovered
    stock = await back.get(wire.OfferStock)
    assert (stock.offer_id, stock.available, stock.held) == (offer_id, 8, 2)


async def test_resuming_reads_the_stream_for_what_the_room_has_forgotten(house: House) -> None:
    show_id = await house.show()
    first = await house.watch(show_id)
    epoch = (await first.get(wire.Welcome)).epoch
    newest = await append_pauses(house, show_id, 600)
    await first.up_to(newest)
    viewer = await house.watch(show_id, resume=wire.Position(epoch, 3))
    assert (await viewer.get(wire.Welcome)).recovered
    await viewer.up_to(newest)
    assert viewer.seqs == list(range(4, newest + 1))
    async with house.another_gateway() as other:
        # Its room was opened just now and has no frame of its own.
        viewer = await other.watch(show_id, resume=wire.Position(epoch, 3))
        assert (await viewer.get(wire.Welcome)).recovered
        await viewer.up_to(newest)
        assert viewer.seqs == list(range(4, newest + 1))


async def test_who_was_away_for_longer_than_one_read_is_told_everything_too(house: House) -> None:
    show_id = await house.show()
    first = await house.watch(show_id)
    epoch = (await first.get(wire.Welcome)).epoch
    newest = await append_pauses(house, show_id, LOG_READ_ENTRIES + 400)
    await first.up_to(newest)
    async with house.another_gateway() as other:
        near = await other.watch(show_id, resume=wire.Position(epoch, newest - 10))
        far = await other.watch(show_id, resume=wire.Position(epoch, 2))
        assert (await near.get(wire.Welcome)).recovered
        assert (await far.get(wire.Welcome)).recovered
        await far.up_to(newest)
        assert far.seqs == list(range(3, newest + 1))


async def test_a_trimmed_stream_gives_a_snapshot(house: House) -> None:
    show_id = await house.show()
    first = await house.watch(show_id)
    epoch = (await first.get(wire.Welcome)).epoch
    newest = await append_pauses(house, show_id, 300)
    await first.up_to(newest)
    await house.stores.redis.xtrim(f"{{{show_id}}}:log", maxlen=250, approximate=False)
    async with house.another_gateway() as other:
        # Its room was opened just now: it knows what the stream knows.
        viewer = await other.watch(show_id, resume=wire.Position(epoch, 3))
        assert not (await viewer.get(wire.Welcome)).recovered
        viewer = await other.watch(show_id, resume=wire.Position(epoch, newest - 200))
        assert (await viewer.get(wire.Welcome)).recovered


async def test_a_wrong_epoch_a_future_seq_and_nonsense_get_a_snapshot(house: House) -> None:
    show_id = await house.show()
    await house.events(show_id, 3)
    epoch = (await (await house.watch(show_id)).get(wire.Welcome)).epoch
    for position in (
        wire.Position(new_ulid(), 4),
        wire.Position("", 4),
        wire.Position(epoch, 5),
        wire.Position(epoch, 2**62),
        wire.Position(epoch, -1),
        wire.Position(epoch, -(2**62)),
    ):
        welcome = await (await house.watch(show_id, resume=position)).get(wire.Welcome)
        assert not welcome.recovered
        assert isinstance(welcome.snapshot, wire.Snapshot)


async def test_coming_and_going_while_events_come_misses_none_and_gets_none_twice(house: House) -> None:
    show_id = await house.show()
    rounds = random.Random(7)
    done = asyncio.Event()

    async def host() -> None:
        await house.events(show_id, 120)
        done.set()

    async def come_and_go(seed: int) -> list[int]:
        choose = random.Random(seed)
        seen: list[int] = []
        position: wire.Position | None = None
        while True:
            last = done.is_set()
            viewer = await house.watch(show_id, resume=position)
            welcome = await viewer.get(wire.Welcome)
            if position is None:
                seen = list(range(welcome.seq + 1))
            else:
                assert welcome.recovered
            if last:
                await viewer.up_to(121) if seen[-1] < 121 else None
            else:
                await asyncio.sleep(choose.uniform(0, 0.08))
            await viewer.leave()
            seen += viewer.seqs
            position = wire.Position(welcome.epoch, seen[-1])
            if last:
                return seen

    hosting = asyncio.create_task(host())
    everyone = await asyncio.gather(*(come_and_go(rounds.randrange(1 << 30)) for _ in range(8)))
    await hosting
    assert everyone == [list(range(122))] * 8


async def test_a_lost_publish_is_made_good_from_the_stream(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    # As if the PUBLISH had got lost: the event is in Postgres and in the stream, nobody was told.
    stream, meta = f"{{{show_id}}}:log", f"{{{show_id}}}:log:meta"
    await house.stores.redis.xadd(stream, {"p": wire.encode_json(wire.ShowPaused(seq=2, at_ms=5))}, id="2-0")
    await house.stores.redis.hset(meta, "seq", "2")
    assert (await viewer.get(wire.ShowPaused)).at_ms == 5
    await house.stores.redis.xadd(stream, {"p": wire.encode_json(wire.ShowResumed(seq=3, at_ms=6))}, id="3-0")
    await house.stores.redis.hset(meta, "seq", "3")
    await house.log.append(show_id, wire.encode_json(wire.ShowPaused(seq=4, at_ms=7)), seq=4)
    await viewer.up_to(4)
    assert viewer.seqs == [2, 3, 4]


async def test_a_buyers_lost_news_is_made_good_too(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id, "ana")
    event = wire.encode_json(wire.HoldReleased(hold_id="hold_1", offer_id="offer_1"))
    news = b'{"buyer_id":"ana","event":' + event + b"}"
    await house.stores.redis.xadd(f"{{{show_id}}}:inbox", {"p": news}, id="1-0")
    await house.stores.redis.hset(f"{{{show_id}}}:inbox:meta", "seq", "1")
    assert (await viewer.get(wire.HoldReleased)).hold_id == "hold_1"


async def test_cutting_the_pubsub_connection_loses_nothing(house: House) -> None:
    show_id = await house.show()
    viewers = [await house.watch(show_id, f"buyer-{n}") for n in range(3)]
    for n in range(40):
        await house.events(show_id, 1)
        if n % 8 == 3:
            await pipelined(house.stores.redis, [("CLIENT", "KILL", "TYPE", "pubsub")])
    for viewer in viewers:
        await viewer.up_to(41)
        assert viewer.seqs == list(range(2, 42))
        assert viewer.close_code is None


async def test_a_log_begun_anew_sends_viewers_back_for_a_snapshot(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    old = await viewer.get(wire.Welcome)
    await house.stores.redis.delete(f"{{{show_id}}}:log", f"{{{show_id}}}:log:meta")
    assert await viewer.closed() == CloseCode.STATE_LOST
    again = await house.watch(show_id, resume=wire.Position(old.epoch, old.seq))
    welcome = await again.get(wire.Welcome)
    assert not welcome.recovered
    assert welcome.epoch != old.epoch
    await house.stage.pause(show_id)
    await again.up_to(2)


async def test_an_older_copy_of_redis_is_continued_and_viewers_notice_nothing(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    await house.events(show_id, 4)
    await viewer.up_to(5)
    # Redis forgets its newest two entries, as after a crash.
    await house.stores.redis.xdel(f"{{{show_id}}}:log", "4-0", "5-0")
    await house.stores.redis.delete(f"{{{show_id}}}:log")
    for seq in (2, 3):
        payload = wire.encode_json(wire.ShowPaused(seq=seq, at_ms=1))
        await house.stores.redis.xadd(f"{{{show_id}}}:log", {"p": payload}, id=f"{seq}-0")
    await house.stores.redis.hset(f"{{{show_id}}}:log:meta", "seq", "3")
    await house.events(show_id, 1)
    await viewer.up_to(6)
    assert viewer.seqs == [2, 3, 4, 5, 6]
    entries = await RedisLog(house.stores.redis, "log").read(
        show_id, wire.Position((await viewer.get(wire.Welcome)).epoch, 3), limit=10
    )
    assert entries is not None
    assert [one.seq for one in entries] == [4, 5, 6]


async def test_an_event_of_a_newer_release_sends_viewers_back_for_a_snapshot_and_the_show_goes_on(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    epoch = (await viewer.get(wire.Welcome)).epoch
    async with house.stores.postgres.transaction() as connection:
        await connection.execute(
            """INSERT INTO show_events (show_id, seq, event) VALUES ($1, 2, '{"type":"show.moved","seq":2}')""", show_id
        )
        await connection.execute("UPDATE shows SET seq = 2 WHERE show_id = $1", show_id)
    await house.relay.relay(show_id)
    assert await viewer.closed() == CloseCode.STATE_LOST
    before, behind = [await house.watch(show_id, resume=wire.Position(epoch, seen)) for seen in (1, 2)]
    assert not (await before.get(wire.Welcome)).recovered
    assert (await behind.get(wire.Welcome)).recovered
    await house.events(show_id, 2)
    for again in (before, behind):
        await again.up_to(4)
        assert again.seqs == [3, 4]
    late = await house.watch(show_id, resume=wire.Position(epoch, 1))
    assert not (await late.get(wire.Welcome)).recovered


async def test_news_of_a_newer_release_send_back_only_whom_they_may_be_for(house: House) -> None:
    show_id = await house.show()
    inbox = RedisLog(house.stores.redis, "inbox")
    ana, bob, guest = await house.watch(show_id, "ana"), await house.watch(show_id, "bob"), await house.watch(show_id)
    await inbox.append(show_id, b'{"buyer_id":"ana","event":{"type":"hold.moved"}}')
    assert await ana.closed() == CloseCode.STATE_LOST
    news = b'{"buyer_id":"bob","event":' + wire.encode_json(wire.HoldReleased(hold_id="h", offer_id="o")) + b"}"
    await inbox.append(show_id, news)
    await bob.get(wire.HoldReleased)
    await inbox.append(show_id, b"[]")
    assert await bob.closed() == CloseCode.STATE_LOST
    await house.events(show_id, 1)
    await guest.up_to(2)
    assert guest.close_code is None


async def test_a_show_that_is_let_go_while_its_room_is_renewed_stays_closed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    await asyncio.sleep(1.3)  # its viewers have been counted
    viewers = f"{{{show_id}}}:viewers"
    async with house.stores.postgres.transaction() as connection:
        await connection.execute("LOCK TABLE shows IN ACCESS EXCLUSIVE MODE")
        await house.stores.redis.delete(f"{{{show_id}}}:log", f"{{{show_id}}}:log:meta")
        await asyncio.sleep(0.6)
        await viewer.leave()
        monkeypatch.setattr("live.gateway.ROOM_IDLE_S", 0.0)
        await asyncio.sleep(1.3)
        assert (await pipelined(house.stores.redis, [("PUBSUB", "NUMSUB", f"showdrop:log:{show_id}")]))[0][1] == 0
        await house.stores.redis.delete(viewers)
        monkeypatch.setattr("live.gateway.ROOM_IDLE_S", 30.0)
    await asyncio.sleep(1.3)
    assert await house.stores.redis.exists(viewers) == 0


async def test_an_old_snapshot_and_the_events_since_equal_a_fresh_snapshot(house: House) -> None:
    show_id = await house.show(live=False)
    watching = await house.watch(show_id)
    snapshots = [await watching.get(wire.Welcome)]
    choose = random.Random(11)
    product_ids = [(await house.product())[0] for _ in range(4)]
    await house.stage.start(show_id)
    running: list[str] = []
    for step in range(40):
        match choose.choice(["pause", "spotlight", "offer", "extend", "close", "void"]):
            case "pause":
                await house.events(show_id, 1)
            case "spotlight":
                await house.stage.spotlight(show_id, choose.sample(product_ids, choose.randint(0, 3)))
            case "offer":
                running.append(await house.offer(show_id, preheat_ms=choose.choice([0, 60_000])))
            case "extend" if running:
                await house.stage.extend_offer(choose.choice(running), 5_000)
            case "close" if running:
                await house.stage.close_offer(running.pop(choose.randrange(len(running))))
            case "void" if running:
                await house.stage.void_offer(running.pop(choose.randrange(len(running))), "wrong price")
        if step % 10 == 5:
            snapshots.append(await (await house.watch(show_id)).get(wire.Welcome))
    await house.stage.end(show_id)
    newest = await house.seq(show_id)
    await watching.up_to(newest)
    async with house.another_gateway() as other:
        fresh = await (await other.watch(show_id)).get(wire.Welcome)
    assert fresh.seq == newest
    assert isinstance(fresh.snapshot, wire.Snapshot)
    for old in snapshots:
        assert isinstance(old.snapshot, wire.Snapshot)
        state = old.snapshot
        for event in watching.heard:
            if isinstance(event, wire.LogEvents) and event.seq > old.seq:
                state = apply(state, event)
        assert without_counts(state) == without_counts(fresh.snapshot)


def without_counts(snapshot: wire.Snapshot) -> wire.Snapshot:
    """Counts and viewers are state that is read, not told by events."""
    offers = [msgspec.structs.replace(one, available=0, held=0, sold=0) for one in snapshot.offers]
    return msgspec.structs.replace(snapshot, offers=offers, viewers=0)
