"""The queues of deliveries in Postgres: taking what is due, writing down how it went."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from checkout.webhooks.endpoint import Due, Tried
from checkout.webhooks.limits import ENDPOINT_IN_FLIGHT, FAILING_IN_FLIGHT, FAILING_MOST_MS, LEASE_MS
from kit.log import logger
from kit.postgres import Connection, Postgres, Record
from kit.sql import Queries

_sql = Queries(Path(__file__).parents[1] / "sql" / "webhooks.sql")
_log = logger("webhooks")


class HookDeliveries:
    """What senders need. Any number may take at once.

    Args:
        lease_ms: how long what was taken belongs to the taker.
    """

    def __init__(self, postgres: Postgres, *, lease_ms: int = LEASE_MS) -> None:
        self._postgres = postgres
        self._lease_ms = lease_ms

    async def take(self, limit: int, calls: Mapping[str, int]) -> list[Due]:
        """Take up to ``limit`` due deliveries, of each endpoint at most what it has room for.

        Args:
            limit: most deliveries.
            calls: the caller's calls under way by endpoint.

        Raises:
            UnavailableError: Postgres does not answer.
        """
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(
                _sql.take_due,
                list(calls),
                list(calls.values()),
                ENDPOINT_IN_FLIGHT,
                FAILING_IN_FLIGHT,
                limit,
                self._lease_ms,
            )
        return [_due(row) for row in rows]

    async def record(self, tried: Sequence[Tried]) -> list[None]:
        """Write a batch of outcomes: the log, the deliveries' next step, and what it says about their endpoints.

        Raises:
            UnavailableError: Postgres does not answer; the leases bring the deliveries back.
        """
        async with self._postgres.transaction() as connection:
            await connection.fetch(_sql.lock_deliveries, [one.due.delivery_id for one in tried])
            await _log_attempts(connection, tried)
            await connection.execute(
                _sql.save_steps,
                [one.due.delivery_id for one in tried],
                [one.due.take for one in tried],
                [one.step.state for one in tried],
                [one.step.wait_ms for one in tried],
                [one.outcome.status for one in tried],
                [one.outcome.error for one in tried],
            )
            judged = await connection.fetch(
                _sql.judge_endpoints,
                [one.due.endpoint_id for one in tried],
                [one.outcome.error is None for one in tried],
                [one.outcome.error == "gone" for one in tried],
                FAILING_MOST_MS,
            )
        for row in judged:
            if not row["enabled"]:
                _log.error("webhook_endpoint_disabled", endpoint_id=row["endpoint_id"], reason=row["disabled_reason"])
        return [None] * len(tried)


async def _log_attempts(connection: Connection, tried: Sequence[Tried]) -> None:
    await connection.execute(
        _sql.log_attempts,
        [one.due.delivery_id for one in tried],
        [one.due.take for one in tried],
        [one.outcome.started_at_ms for one in tried],
        [one.outcome.duration_ms for one in tried],
        [one.outcome.status for one in tried],
        [one.outcome.error for one in tried],
        [one.outcome.response for one in tried],
    )


def _due(row: Record) -> Due:
    return Due(
        delivery_id=row["delivery_id"],
        endpoint_id=row["endpoint_id"],
        url=row["url"],
        message_id=row["message_id"],
        body=row["body"],
        attempts=row["attempts"],
        take=row["takes"],
        salts=tuple(row["salts"]),
        room=row["room"],
    )
