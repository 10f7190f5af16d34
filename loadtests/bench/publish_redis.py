"""Publishing straight into the show log, as the relay does: the clock starts where the log is appended to.

The one place where the load tests use more of the program than its wire. A benchmark of the gateway has to append to
the log exactly as the relay does; by the HTTP API it would measure the API, Postgres and the relay as well.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from redis.asyncio import Redis

from live.show_log_redis import RedisLog
from live.wire import Position
from loadtests.bench.event import spotlight
from loadtests.bench.target import numbered

Result = TypeVar("Result")


class _OnePipeline:
    """Stands where a log expects its client, and sends the script calls of several appends as one pipeline.

    Args:
        redis: the client that sends them.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[tuple[tuple[object, ...], asyncio.Future[object]]] = []

    async def evalsha(self, *words: object) -> object:
        """Keep a call until ``send``, and return its answer."""
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting.append((words, answer))
        return await answer

    async def send(self) -> None:
        """Send what waits, in order, in one write."""
        waiting, self._waiting = self._waiting, []
        pipeline = self._redis.pipeline(transaction=False)
        for words, _ in waiting:
            pipeline.execute_command("EVALSHA", *words)
        for (_, answer), result in zip(waiting, await pipeline.execute(), strict=True):
            answer.set_result(result)


class LogPublisher:
    """Appends numbered events to one show's log; blocking, with an event loop of its own.

    Nothing else may append to that show: positions are counted here.

    Args:
        redis_url: where the logs are.
        show_id: has been started, and its own events are in the log.
        sent_at_ns: by number, when each event was appended; written here.

    Attributes:
        number: of the newest event.
    """

    def __init__(self, redis_url: str, show_id: str, sent_at_ns: memoryview) -> None:
        self.number = 0
        self._show_id = show_id
        self._sent_at_ns = sent_at_ns
        self._loop = asyncio.new_event_loop()
        self._redis = Redis.from_url(redis_url, protocol=2)
        self._log = RedisLog(self._redis, "log")
        self._pipeline = _OnePipeline(self._redis)
        self._log_of_many = RedisLog(cast(Redis, self._pipeline), "log")
        [position] = self._run(self._log.positions([show_id]))
        self._begin = position or Position("", 0)

    def position(self) -> Position:
        """Return where the log is after the newest event."""
        return Position(self._begin.epoch, self._begin.seq + self.number)

    def publish(self, payload: bytes, count: int) -> None:
        """Append ``count`` events as long as ``payload``: one by itself, more of them in one pipeline."""
        events = []
        for number in range(self.number + 1, self.number + count + 1):
            seq = self._begin.seq + number
            events.append((number, seq, numbered(spotlight(seq, size=len(payload)), number)))
        self._run(self._append(events))
        self.number += count

    def close(self) -> None:
        """Let the connection go."""
        self._run(self._redis.aclose())
        self._loop.close()

    async def _append(self, events: list[tuple[int, int, bytes]]) -> None:
        now_ns = time.monotonic_ns()
        for number, _, _ in events:
            self._sent_at_ns[number] = now_ns
        if len(events) == 1:
            [(_, seq, payload)] = events
            await self._log.append(self._show_id, payload, seq=seq)
            return
        async with asyncio.TaskGroup() as tasks:
            for _, seq, payload in events:
                tasks.create_task(self._log_of_many.append(self._show_id, payload, seq=seq))
            await asyncio.sleep(0)  # every append has handed in its call
            await self._pipeline.send()

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return self._loop.run_until_complete(work)
