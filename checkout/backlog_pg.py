"""What of the orders waits for a worker: how many, and for how long."""

from pathlib import Path
from typing import Final

import msgspec

from checkout.limits import BACKLOG_COUNTED
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "backlog.sql")

STAGES: Final = ("authorise", "settle", "capture", "give_back", "resolve")
"""What an order can wait for, in the order of its life."""


class StageBacklog(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for one stage.

    Attributes:
        orders: how many; at most ``BACKLOG_COUNTED`` are counted.
        lag_ms: for how long the first of them has waited; 0 when there is none.
    """

    orders: int = 0
    lag_ms: int = 0


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What waits now, for all workers together.

    Attributes:
        stages: by name, all of ``STAGES``.
        outbox: news that buyers were not told; at most ``BACKLOG_COUNTED`` are counted.
        outbox_lag_ms: the age of the oldest of them.
    """

    stages: dict[str, StageBacklog]
    outbox: int = 0
    outbox_lag_ms: int = 0


async def read_waiting(postgres: Postgres) -> Waiting:
    """Return what waits.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with postgres.connection() as connection:
        rows = await connection.fetch(_sql.waiting, BACKLOG_COUNTED)
    found = {row["stage"]: StageBacklog(orders=row["waiting"], lag_ms=row["lag_ms"]) for row in rows}
    outbox = found.pop("outbox", StageBacklog())
    stages = {stage: found.get(stage, StageBacklog()) for stage in STAGES}
    return Waiting(stages=stages, outbox=outbox.orders, outbox_lag_ms=outbox.lag_ms)
