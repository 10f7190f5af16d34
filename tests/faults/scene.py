"""What a fault is, and the scene that it may break."""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from tests.faults.break_stripe import TroubledStripe
from tests.faults.cutting_proxy import CuttingProxy
from tests.faults.limits import ARRIVALS_S, LEAD_S
from tests.faults.place import Place
from tests.faults.postgres_server import PostgresServer
from tests.faults.redis_server import Fsync, RedisServer
from tests.faults.small_disk import SmallDisk

Bank = Literal["test", "stripe"]


@dataclass(kw_only=True)
class Scene:
    """What a fault may break, and where it says what it did.

    Attributes:
        database_url: of the trial's database, not by way of the proxy.
        offer_id: of what is on sale, once it is.
        rng: for what is broken at random.
        postgres: the trial's own server; None where it uses the one of the run.
        disk: what that server's data is on, when it is small.
        proxy: between Showdrop and Postgres, when there is one.
        stripe: who has the money, when it is not the test bank.
        gone_ms: when Redis was killed, each time.
        lost_ms: when its memory was lost, each time.
        back_ms: when a Redis answered again, each time.
        strikes: how often something broke that says so itself; None where nothing of the kind counts.
    """

    place: Place
    redis: RedisServer
    replica: RedisServer
    database_url: str
    rng: random.Random
    offer_id: str = ""
    postgres: PostgresServer | None = None
    disk: SmallDisk | None = None
    proxy: CuttingProxy | None = None
    stripe: TroubledStripe | None = None
    gone_ms: list[int] = field(default_factory=list)
    lost_ms: list[int] = field(default_factory=list)
    back_ms: list[int] = field(default_factory=list)
    strikes: int | None = None

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

    def strike(self, times: int = 1) -> None:
        """Say that something broke."""
        self.strikes = (self.strikes or 0) + times


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault.

    Attributes:
        name: on the command line and in the table.
        proves: what a trial of it shows, as a sentence.
        act: breaks things, and ends when they are mended as an operator would have mended them.
        keeps_holds: whether no acknowledged hold may vanish.
        may_refuse: whether claims may be answered `recovering` meanwhile.
        has_postgres: whether it breaks a Postgres of its own.
        small_disk: whether the data of that Postgres is on a small disk.
        cuts: whether Showdrop reaches Postgres by way of a proxy that can cut its connections.
        deadlock_ms: how soon Postgres looks for a deadlock; None for its own second.
        bank: who has the money.
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
    has_postgres: bool = False
    small_disk: bool = False
    cuts: bool = False
    deadlock_ms: int | None = None
    bank: Bank = "test"
    lead_s: float = LEAD_S
    arrivals_s: float = ARRIVALS_S
