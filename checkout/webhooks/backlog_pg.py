"""What of webhooks out waits: news that is in no queue yet, deliveries that are due."""

from pathlib import Path

import msgspec

from checkout.webhooks.limits import BACKLOG_COUNTED
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parents[1] / "sql" / "webhooks.sql")


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What waits now, for all workers together.

    Attributes:
        news_lag_ms: the age of the oldest news that is in no queue; 0 when there is none.
        due: deliveries that may be sent now and are not; at most ``BACKLOG_COUNTED`` are counted.
    """

    news_lag_ms: int
    due: int


async def read_backlog(postgres: Postgres) -> Backlog:
    """Return what waits.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with postgres.connection() as connection:
        row = await connection.fetchrow(_sql.backlog, BACKLOG_COUNTED)
    assert row is not None, "it selects figures only"
    return Backlog(news_lag_ms=row["news_lag_ms"], due=row["due"])
