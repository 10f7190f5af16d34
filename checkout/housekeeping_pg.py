"""Housekeeping: deletes what checkout kept long enough, in small steps.

Orders, refunds and the ledger stay for good, and with them the accounts of the test bank, which a reconciliation
compares with the orders.
"""

from pathlib import Path

from checkout.limits import (
    HOUSEKEEPING_MOST_BATCHES,
    HOUSEKEEPING_ROWS,
    OUTBOX_KEPT_MS,
    OUTBOX_LOOK_ROWS,
    PAYMENT_BODY_KEPT_MS,
    PAYMENT_EVENT_KEPT_MS,
)
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "housekeeping.sql")

_STEPS: tuple[tuple[str, tuple[int, ...]], ...] = (
    (_sql.delete_news, (OUTBOX_KEPT_MS, HOUSEKEEPING_ROWS, OUTBOX_LOOK_ROWS)),
    (_sql.drop_payment_bodies, (PAYMENT_BODY_KEPT_MS, HOUSEKEEPING_ROWS, PAYMENT_EVENT_KEPT_MS)),
    (_sql.delete_payment_events, (PAYMENT_EVENT_KEPT_MS, HOUSEKEEPING_ROWS)),
)


class Housekeeping:
    """Deletes told news, and what providers' webhooks said.

    News that somebody has not been told stays, however old it is. That a payment event was applied is remembered longer
    than what it said. Any number may run; each takes its own rows.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def round(self) -> int:
        """Work off what is due, at most ``HOUSEKEEPING_MOST_BATCHES`` statements per kind; return the rows touched.

        Raises:
            UnavailableError: Postgres does not answer; what was deleted before stays deleted.
        """
        return sum([await self._work_off(statement, arguments) for statement, arguments in _STEPS])

    async def _work_off(self, statement: str, arguments: tuple[int, ...]) -> int:
        touched = 0
        for _ in range(HOUSEKEEPING_MOST_BATCHES):
            async with self._postgres.connection() as connection:
                rows = int((await connection.execute(statement, *arguments)).rpartition(" ")[2])
            touched += rows
            if rows < HOUSEKEEPING_ROWS:
                break
        return touched
