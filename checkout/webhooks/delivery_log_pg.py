"""Looking back at deliveries: what was sent, how it went, and sending it again."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from checkout.webhooks.endpoint import (
    KINDS,
    AttemptView,
    DeliveryState,
    DeliveryView,
    EventChoice,
    EventKind,
    event_id_of,
    message_id_of,
    wants,
)
from checkout.webhooks.endpoints_pg import endpoint_from, unknown_endpoint
from checkout.webhooks.event import event_body, sample_order
from checkout.webhooks.limits import ATTEMPTS_SHOWN, REPLAY_MOST, SAMPLES
from kit.clock import now_ms
from kit.errors import ConflictError, NotFoundError
from kit.postgres import Connection, Postgres, Record
from kit.sql import Queries

_sql = Queries(Path(__file__).parents[1] / "sql" / "webhooks.sql")


class DeliveryDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its body and its latest attempts, the newest first."""

    delivery: DeliveryView
    body: dict[str, object]
    attempts: list[AttemptView]


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries are sent again; ``next`` is the ``after`` of the call for the rest, if there is one."""

    replayed: int
    next: str | None


class HookLog:
    """Reads and replays deliveries."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def page(
        self, endpoint_id: str, *, state: DeliveryState | None, limit: int, after: str | None
    ) -> tuple[list[DeliveryView], str | None]:
        """Return some deliveries of an endpoint, the newest first, and the ``after`` of the following page.

        Raises:
            NotFoundError: ``unknown_endpoint``.
        """
        async with self._postgres.connection() as connection:
            if state == "failed":
                rows = await connection.fetch(_sql.failed_page, endpoint_id, after, limit + 1)
            else:
                rows = await connection.fetch(_sql.deliveries_page, endpoint_id, state, after, limit + 1)
            await _check_endpoint(connection, endpoint_id)
        items = [_view(row) for row in rows[:limit]]
        return items, items[-1].delivery_id if len(rows) > limit else None

    async def get(self, endpoint_id: str, delivery_id: str) -> DeliveryDetail:
        """Return one delivery.

        Raises:
            NotFoundError: ``unknown_endpoint`` or ``unknown_delivery``.
        """
        async with self._postgres.connection() as connection:
            await _check_endpoint(connection, endpoint_id)
            row = await connection.fetchrow(_sql.delivery_by_id, delivery_id, endpoint_id)
            attempts = await connection.fetch(_sql.attempts_of, delivery_id, ATTEMPTS_SHOWN)
        if row is None:
            raise _unknown_delivery()
        return DeliveryDetail(
            delivery=_view(row),
            body=msgspec.json.decode(row["body"], type=dict[str, object]),
            attempts=[msgspec.convert(dict(one), AttemptView) for one in attempts],
        )

    async def try_out(self, endpoint_id: str, *, seed: str, kind: EventKind | None = None) -> DeliveryView:
        """Send an endpoint a made-up event, marked as a test.

        Args:
            endpoint_id: whose.
            seed: names the try; with that of an earlier one nothing more is sent.
            kind: of the event; by default the first that the endpoint wants.

        Raises:
            NotFoundError: ``unknown_endpoint``.
            ConflictError: ``endpoint_disabled``.
        """
        event_id, delivery_id = event_id_of(f"test:{seed}"), f"whd_{seed}"
        async with self._postgres.transaction() as connection:
            wanted = await _check_enabled(connection, endpoint_id)
            chosen = next(one for one in KINDS if wants(wanted, one)) if kind is None else kind
            at_ms = now_ms()
            body = event_body(event_id, chosen, at_ms, sample_order(chosen, at_ms), test=True)
            await connection.execute(_sql.add_events, [event_id], [chosen], [body], True)
            await connection.execute(
                _sql.add_deliveries, [delivery_id], [event_id], [endpoint_id], [message_id_of(event_id, endpoint_id)]
            )
            return await _find(connection, delivery_id, endpoint_id)

    async def replay(self, endpoint_id: str, delivery_id: str) -> DeliveryView:
        """Send one delivery again, whatever became of it: the same body, the same id, a new schedule of tries.

        Raises:
            NotFoundError: ``unknown_endpoint`` or ``unknown_delivery``.
            ConflictError: ``endpoint_disabled``.
        """
        async with self._postgres.transaction() as connection:
            await _check_enabled(connection, endpoint_id)
            await connection.execute(_sql.replay_one, delivery_id, endpoint_id)
            return await _find(connection, delivery_id, endpoint_id)

    async def replay_range(
        self,
        endpoint_id: str,
        *,
        since_at_ms: int,
        until_at_ms: int,
        only_failed: bool = False,
        after: str | None = None,
        most: int = REPLAY_MOST,
    ) -> Replayed:
        """Send again what was made for an endpoint in a range of time, the oldest first.

        Args:
            endpoint_id: whose.
            since_at_ms: the first millisecond.
            until_at_ms: the first one after the range.
            only_failed: leave out what was taken and what is still on its way.
            after: ``next`` of the call before, when there was more.
            most: deliveries in one call.

        Raises:
            NotFoundError: ``unknown_endpoint``.
            ConflictError: ``endpoint_disabled``.
        """
        async with self._postgres.transaction() as connection:
            await _check_enabled(connection, endpoint_id)
            row = await connection.fetchrow(
                _sql.replay_range, endpoint_id, since_at_ms, until_at_ms, only_failed, after, most
            )
        assert row is not None, "an aggregate has one row"
        return Replayed(replayed=row["replayed"], next=row["next"])

    async def samples(self, kind: EventKind) -> list[bytes]:
        """Return the newest bodies of a kind of event; one that is made up when there are none."""
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.recent_events, kind, SAMPLES)
        if rows:
            return [str(row["body"]).encode() for row in rows]
        at_ms = now_ms()
        return [event_body("evt_sample", kind, at_ms, sample_order(kind, at_ms), test=True).encode()]


async def _check_endpoint(connection: Connection, endpoint_id: str) -> Record:
    row = await connection.fetchrow(_sql.endpoint_by_id, endpoint_id)
    if row is None:
        raise unknown_endpoint()
    return row


async def _check_enabled(connection: Connection, endpoint_id: str) -> Sequence[EventChoice]:
    endpoint = endpoint_from(await _check_endpoint(connection, endpoint_id))
    if not endpoint.enabled:
        raise ConflictError("this endpoint is disabled; enable it first", code="endpoint_disabled")
    return endpoint.events


async def _find(connection: Connection, delivery_id: str, endpoint_id: str) -> DeliveryView:
    row = await connection.fetchrow(_sql.delivery_by_id, delivery_id, endpoint_id)
    if row is None:
        raise _unknown_delivery()
    return _view(row)


def _view(row: Record) -> DeliveryView:
    return DeliveryView(
        delivery_id=row["delivery_id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        message_id=row["message_id"],
        event=row["kind"],
        state=row["state"],
        tries=row["takes"],
        next_at_ms=row["due_at_ms"] if row["state"] == "pending" else None,
        last_status=row["last_status"],
        last_error=row["last_error"],
        created_at_ms=row["created_at_ms"],
    )


def _unknown_delivery() -> NotFoundError:
    return NotFoundError("there is no such delivery", code="unknown_delivery")
