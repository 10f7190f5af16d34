"""The relay: dense positions, whoever relays and whatever dies in between."""

import asyncio

from redis.asyncio import Redis

from kit.ids import new_id
from kit.postgres import Postgres
from live import wire
from live.limits import RELAY_MOST_EVENTS
from live.relay import Relay
from live.show_events_pg import ShowEvents
from live.show_log_redis import RedisLog
from live.shows_pg import Shows


async def a_show(postgres: Postgres, events: int) -> str:
    show_id, shows = new_id("show"), Shows(postgres)
    await shows.create(show_id, "Show", "EUR", None)
    for n in range(events):
        await shows.move(show_id, "start" if n == 0 else "pause" if n % 2 else "resume")
    return show_id


async def unrelayed(postgres: Postgres, show_id: str) -> int:
    async with postgres.connection() as connection:
        count: int = await connection.fetchval(
            "SELECT count(*) FROM show_events WHERE show_id = $1 AND NOT relayed", show_id
        )
    return count


async def seqs(log: RedisLog, show_id: str) -> list[int]:
    """Return the log's positions, each checked against the event that stands there."""
    [newest] = await log.positions([show_id])
    assert newest is not None
    entries = await log.read(show_id, wire.Position(newest.epoch, 0), limit=10_000)
    assert entries is not None
    assert [wire.decode_log_event(one.payload).seq for one in entries] == [one.seq for one in entries]
    return [one.seq for one in entries]


async def test_many_relays_at_once_make_one_dense_log(postgres: Postgres, redis: Redis) -> None:
    show_id, log = await a_show(postgres, 1), RedisLog(redis, "log")
    shows, relays = Shows(postgres), [Relay(ShowEvents(postgres), log) for _ in range(4)]

    async def host() -> None:
        for n in range(30):
            await shows.move(show_id, "resume" if n % 2 else "pause")

    hosting = asyncio.create_task(host())
    while not hosting.done():
        await asyncio.gather(*(one.relay(show_id) for one in relays))
    await hosting
    await asyncio.gather(*(one.relay_all() for one in relays))
    assert await seqs(log, show_id) == list(range(1, 32))
    assert await unrelayed(postgres, show_id) == 0


async def test_positions_are_dense_when_hosts_act_at_once(postgres: Postgres, redis: Redis) -> None:
    show_id, shows, log = await a_show(postgres, 1), Shows(postgres), RedisLog(redis, "log")
    await asyncio.gather(*(shows.pin(show_id, []) for _ in range(25)))
    await Relay(ShowEvents(postgres), log).relay(show_id)
    assert await seqs(log, show_id) == list(range(1, 27))


async def test_a_relay_that_died_between_append_and_mark_is_repeated_without_a_double(
    postgres: Postgres, redis: Redis
) -> None:
    show_id, log, events = await a_show(postgres, 4), RedisLog(redis, "log"), ShowEvents(postgres)
    for seq, payload in (await events.to_relay(show_id, after=None, limit=10))[:3]:
        await log.append(show_id, payload, seq=seq)
    assert await unrelayed(postgres, show_id) == 4
    await Relay(events, log).relay_all()
    assert await seqs(log, show_id) == [1, 2, 3, 4]
    assert await unrelayed(postgres, show_id) == 0


async def test_a_redis_behind_postgres_is_caught_up(postgres: Postgres, redis: Redis) -> None:
    show_id, log, events = await a_show(postgres, 5), RedisLog(redis, "log"), ShowEvents(postgres)
    await Relay(events, log).relay(show_id)
    await redis.delete(f"{{{show_id}}}:log")
    for seq, payload in await events.to_relay(show_id, after=0, limit=2):
        await redis.xadd(f"{{{show_id}}}:log", {"p": payload}, id=f"{seq}-0")
    await redis.hset(f"{{{show_id}}}:log:meta", "seq", "2")
    await Shows(postgres).move(
        show_id, "pause" if (await Shows(postgres).read(show_id))[0].card.state == "live" else "resume"
    )
    await Relay(events, log).relay(show_id)
    assert await seqs(log, show_id) == [1, 2, 3, 4, 5, 6]
    assert await unrelayed(postgres, show_id) == 0


async def test_more_events_than_one_round_takes_are_all_relayed(postgres: Postgres, redis: Redis) -> None:
    show_id, log = await a_show(postgres, 0), RedisLog(redis, "log")
    count = RELAY_MOST_EVENTS + 20
    async with postgres.connection() as connection:
        await connection.execute(
            "INSERT INTO show_events (show_id, seq, event) SELECT $1, n, jsonb_build_object("
            "'type', 'show.paused', 'seq', n, 'at_ms', n) FROM generate_series(1, $2::bigint) AS n",
            show_id,
            count,
        )
    await Relay(ShowEvents(postgres), log).relay(show_id)
    assert await seqs(log, show_id) == list(range(1, count + 1))
    assert await unrelayed(postgres, show_id) == 0
