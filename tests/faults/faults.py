"""The faults: what each breaks while the load goes on, and what it may cost (F1 to F38: the list of known failures)."""

import asyncio
import time

from tests.faults.break_postgres import cut_commits, exhaust_pool, fill_disk, kill_postgres_twice, lock_up
from tests.faults.break_redis import (
    age_redis,
    empty_redis,
    fill_memory,
    flush_scripts,
    kill_redis,
    kill_redis_thrice,
    promote_stale_replica,
    slow_redis,
)
from tests.faults.limits import (
    ANSWER_MOST_MS,
    AT_ONCE_S,
    AWAY_S,
    DEADLOCK_MS,
    EARLY_S,
    OFTEN_FOR_S,
    OFTEN_S,
    STRIPE_FOR_S,
)
from tests.faults.place import Role
from tests.faults.scene import Fault, Scene


async def nothing(_scene: Scene) -> None:
    """Leave all as it is: the place was built so."""


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


async def kill_workers_often(scene: Scene) -> None:
    """Kill each worker soon after it is ready, again and again."""
    ends_at = time.monotonic() + OFTEN_FOR_S

    async def kill_often(worker: Role) -> None:
        while time.monotonic() < ends_at:
            await asyncio.sleep(scene.rng.uniform(*OFTEN_S))
            await worker.kill()
            scene.strike()
            await worker.start()

    async with asyncio.TaskGroup() as killers:
        for worker in scene.place.workers:
            killers.create_task(kill_often(worker))


async def trouble_stripe(scene: Scene) -> None:
    """Let the bank lose answers, fail, hang, lie and repeat itself."""
    assert scene.stripe is not None
    await scene.stripe.be_troubled(scene.rng, STRIPE_FOR_S)
    scene.strike(scene.stripe.given)


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
    Fault(
        name="worker_killed_often",
        proves="workers killed with nine again and again pay nothing twice and lose no order (F19, F20)",
        act=kill_workers_often,
        may_refuse=False,
        workers=2,
        arrivals_s=8.0,
    ),
    Fault(
        name="postgres_killed",
        proves="a Postgres killed with nine twice loses no order and pays none twice",
        act=kill_postgres_twice,
        has_postgres=True,
        arrivals_s=7.0,
    ),
    Fault(
        name="commit_cut",
        proves="connections cut at COMMIT make no order twice and lose none (F29)",
        act=cut_commits,
        cuts=True,
        arrivals_s=8.0,
    ),
    Fault(
        name="pool_exhausted",
        proves="a Postgres without a free connection makes orders wait and loses none (F38)",
        act=exhaust_pool,
        has_postgres=True,
        arrivals_s=7.0,
    ),
    Fault(
        name="deadlocks",
        proves="deadlocks with others break off transactions and no order (F31)",
        act=lock_up,
        deadlock_ms=DEADLOCK_MS,
        arrivals_s=8.0,
    ),
    Fault(
        name="disk_full",
        proves="a full disk under Postgres makes orders wait and loses none",
        act=fill_disk,
        has_postgres=True,
        small_disk=True,
        arrivals_s=8.0,
    ),
    Fault(
        name="provider_troubles",
        proves="a bank that loses answers and fails and lies is paid by nobody twice (F13, F14, F16)",
        act=trouble_stripe,
        may_refuse=False,
        bank="stripe",
        arrivals_s=10.0,
    ),
)

LONGEST_FIRST = (
    "worker_killed_often",
    "commit_cut",
    "provider_troubles",
    "deadlocks",
    "pool_exhausted",
    "worker_killed",
    "rolling_restart",
)
"""Faults that take the longest, most of it waiting for the lease of what a worker left: what runs side by side begins
with them."""
