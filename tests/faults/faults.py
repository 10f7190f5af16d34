"""The faults: what each breaks while the load goes on, and what it may cost (F1 to F38: the list of known failures)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.faults.limits import ARRIVALS_S, LEAD_S
from tests.faults.place import Place
from tests.faults.redis_server import Fsync, RedisServer

STALE_S = 1.2
"""How old the memory is that comes back: longer than the second that appendfsync everysec may cost."""

AWAY_S = 0.4
"""Between a kill and the start of what takes its place: about what a supervisor takes."""

EARLY_S = 0.4
AT_ONCE_S = 1.8
"""An old memory is taken so early, and buyers arrive so fast, that it says of held units that they are free."""

SLOW_S = 5.0
ANSWER_MOST_MS = 2_500
"""A claim that meets a Redis that does not answer is told so within about two seconds."""


@dataclass
class Scene:
    """What a fault may break, and where it says what it did.

    Attributes:
        gone_ms: when Redis was killed, each time.
        lost_ms: when its memory was lost, each time.
        back_ms: when a Redis answered again, each time.
    """

    place: Place
    redis: RedisServer
    replica: RedisServer
    database_url: str
    gone_ms: list[int] = field(default_factory=list)
    lost_ms: list[int] = field(default_factory=list)
    back_ms: list[int] = field(default_factory=list)

    async def kill_redis(self, *, memory_is_lost: bool = False) -> None:
        """Kill Redis, and say what goes with it."""
        self.gone_ms.append(time.time_ns() // 1_000_000)
        await self.redis.kill()
        if memory_is_lost:
            self.lost_ms.append(self.gone_ms[-1])

    async def start_redis(self) -> None:
        """Start Redis on whatever data there is, and say when it answered."""
        await self.redis.start()
        self.came_back()

    def came_back(self) -> None:
        """Say that a Redis answers now."""
        self.back_ms.append(time.time_ns() // 1_000_000)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        name: on the command line and in the table.
        proves: what a trial of it shows, as a sentence.
        act: breaks things, and ends when they are mended as an operator would have mended them.
        keeps_holds: whether no acknowledged hold may vanish.
        may_refuse: whether claims may be answered `recovering` meanwhile.
        lead_s: seconds of load before it begins.
        arrivals_s: seconds over which buyers arrive; units must be left when the fault is over.
    """

    name: str
    proves: str
    act: Callable[[Scene], Awaitable[None]]
    keeps_holds: bool = True
    may_refuse: bool = True
    answers_within_ms: int | None = None
    fsync: Fsync = "everysec"
    gateways: int = 1
    workers: int = 1
    clocks_s: tuple[int, ...] = ()
    lead_s: float = LEAD_S
    arrivals_s: float = ARRIVALS_S


async def nothing(_scene: Scene) -> None:
    """Leave all as it is: the place was built so."""


async def kill_redis(scene: Scene) -> None:
    """Kill Redis and start it on its data."""
    await scene.kill_redis()
    await asyncio.sleep(AWAY_S)
    await scene.start_redis()


async def empty_redis(scene: Scene) -> None:
    """Kill Redis and start it with nothing."""
    await scene.kill_redis(memory_is_lost=True)
    scene.redis.forget()
    await asyncio.sleep(AWAY_S)
    await scene.start_redis()


async def age_redis(scene: Scene) -> None:
    """Kill Redis and start it on the data that it had ``STALE_S`` ago."""
    copy = scene.redis.copy_data()
    await asyncio.sleep(STALE_S)
    await scene.kill_redis(memory_is_lost=True)
    scene.redis.put_back(copy)
    await scene.start_redis()


async def promote_stale_replica(scene: Scene) -> None:
    """Cut a replica off, kill its master ``STALE_S`` later, and let it take over the master's address."""
    replica = scene.replica
    # Else it waits 5 s for other replicas.
    await scene.redis.client.config_set("repl-diskless-sync-delay", 0)
    await replica.start("--replicaof", f"127.0.0.1 {scene.redis.port}")
    while (await replica.client.info("replication"))["master_link_status"] != "up":
        await asyncio.sleep(0.02)
    await replica.client.replicaof("127.0.0.1", "1")  # nobody is there
    await asyncio.sleep(STALE_S)
    await scene.kill_redis(memory_is_lost=True)
    await replica.take_over(scene.redis)
    scene.came_back()


async def flush_scripts(scene: Scene) -> None:
    """Let Redis forget its scripts again and again."""
    ends_at = time.monotonic() + 2.0
    while time.monotonic() < ends_at:
        await scene.redis.client.script_flush()
        await asyncio.sleep(0.02)


async def fill_memory(scene: Scene) -> None:
    """Leave Redis no memory to write with for two seconds."""
    await scene.redis.client.config_set("maxmemory", 1)
    await asyncio.sleep(2.0)
    await scene.redis.client.config_set("maxmemory", 0)


async def slow_redis(scene: Scene) -> None:
    """Stop Redis for ``SLOW_S``."""
    scene.redis.pause()
    try:
        await asyncio.sleep(SLOW_S)
    finally:
        scene.redis.resume()


async def kill_redis_thrice(scene: Scene) -> None:
    """Kill Redis again before anybody has caught their breath."""
    for _ in range(3):
        await kill_redis(scene)
        await asyncio.sleep(0.5)


async def kill_gateway(scene: Scene) -> None:
    """Kill the gateway; its place is taken at the same port."""
    await scene.place.gateways[0].kill()
    await asyncio.sleep(AWAY_S)
    await scene.place.gateways[0].start()


async def kill_worker(scene: Scene) -> None:
    """Kill the only worker and start another."""
    await scene.place.workers[0].kill()
    await asyncio.sleep(AWAY_S)
    await scene.place.workers[0].start()


async def roll(scene: Scene) -> None:
    """Replace every worker and every gateway in order, one after the other."""
    for worker, gateway in zip(scene.place.workers, scene.place.gateways, strict=True):
        for role in (worker, gateway):
            await role.stop()
            await role.start()


FAULTS = (
    Fault(
        name="redis_killed_always",
        proves="a Redis killed with nine that syncs always keeps every hold (F23)",
        act=kill_redis,
        fsync="always",
    ),
    Fault(
        name="redis_restarted_empty",
        proves="a Redis that comes back empty sells nothing twice (F23)",
        act=empty_redis,
        keeps_holds=False,
    ),
    Fault(
        name="redis_restarted_older_aof",
        proves="a Redis that comes back with an older file sells nothing twice (F23)",
        act=age_redis,
        keeps_holds=False,
        lead_s=EARLY_S,
        arrivals_s=AT_ONCE_S,
    ),
    Fault(
        name="stale_replica_promoted",
        proves="a stale replica that takes over sells nothing twice (F23, F32)",
        act=promote_stale_replica,
        keeps_holds=False,
        lead_s=EARLY_S,
        arrivals_s=AT_ONCE_S,
    ),
    Fault(
        name="script_cache_flushed",
        proves="flushing the script cache refuses nobody (F24)",
        act=flush_scripts,
        may_refuse=False,
        arrivals_s=5.0,
    ),
    Fault(
        name="memory_full",
        proves="a Redis without memory loses no hold and sells on afterwards",
        act=fill_memory,
        arrivals_s=5.0,
    ),
    Fault(
        name="redis_slow_5s",
        proves="a Redis that stands still for 5 s keeps nobody waiting",
        act=slow_redis,
        answers_within_ms=ANSWER_MOST_MS,
        arrivals_s=10.0,
    ),
    Fault(
        name="redis_kill_restart_loop",
        proves="a Redis killed three times in a row keeps every hold (F23)",
        act=kill_redis_thrice,
        fsync="always",
        arrivals_s=6.0,
    ),
    Fault(
        name="gateway_killed",
        proves="a gateway killed mid-claim costs nobody a hold, and no claim is taken twice (F34)",
        act=kill_gateway,
        may_refuse=False,
        arrivals_s=5.0,
    ),
    Fault(
        name="worker_killed",
        proves="a worker killed with nine leaves no hold and no order behind (F11, F20)",
        act=kill_worker,
        may_refuse=False,
    ),
    Fault(
        name="clock_skew",
        proves="gateways ten minutes fast and slow change no deadline and refuse nobody (F26)",
        act=nothing,
        may_refuse=False,
        gateways=2,
        clocks_s=(600, -600),
        arrivals_s=2.0,
    ),
    Fault(
        name="rolling_restart",
        proves="replacing every worker and gateway under load costs nobody a hold (F34)",
        act=roll,
        may_refuse=False,
        gateways=2,
        workers=2,
        arrivals_s=8.0,
    ),
    Fault(
        name="three_workers",
        proves="three workers at once do everything once (F33)",
        act=nothing,
        may_refuse=False,
        workers=3,
        arrivals_s=2.0,
    ),
)
