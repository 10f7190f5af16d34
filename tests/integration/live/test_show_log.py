"""The logs in Redis."""

import asyncio

from redis.asyncio import Redis

from kit.ids import new_id, new_ulid
from live import wire
from live.limits import LOG_KEPT_ENTRIES
from live.show_log_redis import RedisLog, channel_of, parse_channel, parse_message
from live.wire import Position


async def test_an_entry_is_taken_only_at_the_next_position(redis: Redis) -> None:
    log, show_id = RedisLog(redis, "log"), new_id("show")
    epoch = (await log.begin(show_id, 3)).epoch
    assert (await log.append(show_id, b"five", seq=5)).seq == 3
    assert (await log.append(show_id, b"four", seq=4)).seq == 4
    assert (await log.append(show_id, b"another four", seq=4)).seq == 4
    entries = await log.read(show_id, Position(epoch, 3), limit=10)
    assert entries is not None
    assert [(one.epoch, one.seq, one.payload) for one in entries] == [(epoch, 4, b"four")]


async def test_a_gap_another_epoch_and_the_future_cannot_be_told(redis: Redis) -> None:
    log, show_id = RedisLog(redis, "log"), new_id("show")
    epoch = (await log.begin(show_id, 3)).epoch
    await log.append(show_id, b"four", seq=4)
    assert await log.read(show_id, Position(epoch, 4), limit=10) == []
    for position in (Position(epoch, 2), Position(epoch, 5), Position(new_ulid(), 3)):
        assert await log.read(show_id, position, limit=10) is None
    assert await log.read(new_id("show"), Position(epoch, 0), limit=10) is None


async def test_a_lost_log_begins_anew_under_another_epoch_where_it_is_continued(redis: Redis) -> None:
    log, show_id = RedisLog(redis, "log"), new_id("show")
    first = await log.append(show_id, b"one", seq=1)
    await redis.delete(f"{{{show_id}}}:log", f"{{{show_id}}}:log:meta")
    assert await log.positions([show_id]) == [None]
    again = await log.append(show_id, b"two", seq=2)
    assert again.seq == 2
    assert again.epoch != first.epoch


async def test_beginning_twice_changes_nothing(redis: Redis) -> None:
    log, show_id = RedisLog(redis, "log"), new_id("show")
    begun = await asyncio.gather(*(log.begin(show_id, n) for n in range(8)))
    assert len(set(begun)) == 1


async def test_the_same_mark_is_appended_once(redis: Redis) -> None:
    log, show_id = RedisLog(redis, "inbox"), new_id("show")
    await asyncio.gather(*(log.post(show_id, [(b"x", "hold_1:expired")]) for _ in range(10)))
    await log.post(show_id, [(b"x", "hold_2:expired")])
    [position] = await log.positions([show_id])
    assert position is not None
    assert position.seq == 2


async def test_what_is_posted_together_is_published_together_in_order(redis: Redis) -> None:
    log, show_id = RedisLog(redis, "inbox"), new_id("show")
    payloads = [b"", b"1,2 +", b'{"a": "b c"} \xff', b" "]
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(channel_of("inbox", show_id))
        await pubsub.get_message(timeout=10)
        assert await log.post(show_id, [(b"first", "mark_0")]) == [True]
        fresh = await log.post(show_id, [(b"again", "mark_0"), *((one, f"m{n}") for n, one in enumerate(payloads))])
        messages = [await pubsub.get_message(ignore_subscribe_messages=True, timeout=10) for _ in range(2)]
    assert fresh == [False, True, True, True, True]
    entries = [entry for message in messages if message is not None for entry in parse_message(message["data"])]
    assert [entry.payload for entry in entries] == [b"first", *payloads]
    assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5]
    read = await log.read(show_id, wire.Position(entries[0].epoch, 1), limit=10)
    assert read == entries[1:]


async def test_what_is_published_is_what_was_appended(redis: Redis) -> None:
    log, show_id = RedisLog(redis, "log"), new_id("show")
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe(channel_of("log", show_id))
        await pubsub.get_message(timeout=10)
        payload = b'{"a": "b c"} \xff'
        position = await log.append(show_id, payload, seq=1)
        message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=10)
    assert message is not None
    assert parse_channel(message["channel"]) == ("log", show_id)
    [entry] = parse_message(message["data"])
    assert (entry.epoch, entry.seq, entry.payload) == (position.epoch, 1, payload)


async def test_the_stream_is_bounded(redis: Redis) -> None:
    log, show_id = RedisLog(redis, "log"), new_id("show")
    epoch = (await log.begin(show_id, 0)).epoch
    await asyncio.gather(*(log.append(show_id, b"x") for _ in range(LOG_KEPT_ENTRIES + 300)))
    assert await redis.xlen(f"{{{show_id}}}:log") < LOG_KEPT_ENTRIES + 200
    assert await log.read(show_id, Position(epoch, 0), limit=5) is None


async def test_a_log_that_gives_its_positions_never_gives_one_twice_when_its_memory_is_older(redis: Redis) -> None:
    log, show_id = RedisLog(redis, "inbox"), new_id("show")
    first = await log.append(show_id, b"1")
    older = await memory_of(redis, show_id)
    await log.append(show_id, b"2")
    await come_back_older(redis, older)
    again = await log.append(show_id, b"3")
    assert again.epoch != first.epoch
    assert (again.seq, await log.base(show_id, again.epoch), await log.base(show_id, first.epoch)) == (2, 1, None)
    entries = await log.read(show_id, Position(again.epoch, 1), limit=5)
    assert entries is not None
    assert [entry.payload for entry in entries] == [b"3"]
    assert (await log.append(show_id, b"4")).epoch == again.epoch


async def test_a_log_whose_positions_come_from_postgres_keeps_its_epoch_on_another_server(redis: Redis) -> None:
    log, show_id = RedisLog(redis, "log"), new_id("show")
    first = await log.append(show_id, b"1", seq=1)
    await redis.hset(f"{{{show_id}}}:log:meta", "server", "another process")
    assert (await log.append(show_id, b"2", seq=2)).epoch == first.epoch


async def memory_of(redis: Redis, show_id: str) -> dict[str, bytes]:
    """Return what Redis holds of a show's inbox."""
    keys = [f"{{{show_id}}}:inbox", f"{{{show_id}}}:inbox:meta"]
    return {key: dumped for key in keys if (dumped := await redis.dump(key)) is not None}


async def come_back_older(redis: Redis, memory: dict[str, bytes]) -> None:
    """Put an inbox back as it was, as another process of the server would."""
    for key, dumped in memory.items():
        await redis.restore(key, 0, dumped, replace=True)
        if key.endswith(":meta"):
            await redis.hset(key, "server", "another process")
