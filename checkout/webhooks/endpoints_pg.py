"""Webhook endpoints in Postgres: subscribing, rotating secrets, switching on again, leaving."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from checkout.webhooks.endpoint import (
    EndpointView,
    EventChoice,
    checked_address,
    checked_description,
    checked_events,
    checked_overlap_s,
)
from checkout.webhooks.limits import ENDPOINTS_MOST, LOOKUP_TIMEOUT_S, SECRET_OVERLAP_S, SECRETS_MOST
from checkout.webhooks.signing import EndpointSecrets, new_salt
from kit.address_lookup import Addresses, NoAddressError
from kit.errors import ConflictError, InvalidError, NotFoundError
from kit.postgres import Connection, Postgres, Record
from kit.sql import Queries

_sql = Queries(Path(__file__).parents[1] / "sql" / "webhooks.sql")

ENDPOINTS_LOCK: Final = 0x484F4F4B53_4E4557
"""Advisory lock ("HOOKSNEW") of whoever adds an endpoint, while they count."""


class NewEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint with its secret, which is shown this once."""

    endpoint: EndpointView
    secret: str


class HookEndpoints:
    """Who wants to hear of what.

    Args:
        secrets: works out what the calls are signed with.
        addresses: judges where calls may go.
    """

    def __init__(self, postgres: Postgres, secrets: EndpointSecrets, addresses: Addresses) -> None:
        self._postgres = postgres
        self._secrets = secrets
        self._addresses = addresses

    async def create(
        self, endpoint_id: str, *, url: str, events: Sequence[EventChoice], description: str = ""
    ) -> NewEndpoint:
        """Subscribe an address.

        Args:
            endpoint_id: a fresh id; with the id of an earlier call nothing is made, and the answer is that of then.
            url: where the calls go.
            events: the kinds wanted, or ``*``.
            description: for staff.

        Raises:
            InvalidError: a field is wrong, or the host has no address that may be called.
            ConflictError: ``too_many_endpoints``.
        """
        wanted, said = checked_events(events), checked_description(description)
        await self._check_target(checked_address(url, allow_http=self._addresses.allow_private))
        async with self._postgres.transaction() as connection:
            await connection.execute(_sql.lock_endpoints, ENDPOINTS_LOCK)
            if await connection.fetchval(_sql.count_endpoints, endpoint_id) >= ENDPOINTS_MOST:
                raise ConflictError(
                    f"there are {ENDPOINTS_MOST} endpoints already; remove one first", code="too_many_endpoints"
                )
            await connection.execute(_sql.add_endpoint, endpoint_id, url, wanted, said)
            await connection.execute(_sql.add_secret, endpoint_id, endpoint_id, new_salt())
            endpoint = await _find(connection, _sql.endpoint_by_id, endpoint_id)
            salt = await connection.fetchval(_sql.secret_made_by, endpoint_id, endpoint_id)
        return NewEndpoint(endpoint=endpoint, secret=self._secrets.shown(endpoint_id, salt))

    async def list(self) -> list[EndpointView]:
        """Return every endpoint, the oldest first."""
        async with self._postgres.connection() as connection:
            return [endpoint_from(row) for row in await connection.fetch(_sql.endpoints)]

    async def get(self, endpoint_id: str) -> EndpointView:
        """Return one endpoint.

        Raises:
            NotFoundError: ``unknown_endpoint``.
        """
        async with self._postgres.connection() as connection:
            return await _find(connection, _sql.endpoint_by_id, endpoint_id)

    async def rotate(self, endpoint_id: str, *, secret_id: str, overlap_s: int = SECRET_OVERLAP_S) -> NewEndpoint:
        """Give an endpoint a new secret; the old ones sign beside it for a while.

        Args:
            endpoint_id: whose.
            secret_id: a fresh id; with that of an earlier rotation nothing is made, and its secret is the answer.
            overlap_s: how long the old secrets go on signing, in seconds; 0 when one of them leaked.

        Raises:
            InvalidError: ``overlap_s`` is out of bounds.
            NotFoundError: ``unknown_endpoint``.
            ConflictError: ``too_many_secrets`` - it was rotated too often within a day.
        """
        overlap_ms = checked_overlap_s(overlap_s) * 1000
        async with self._postgres.transaction() as connection:
            endpoint = await _find(connection, _sql.lock_endpoint, endpoint_id)
            salt = await connection.fetchval(_sql.secret_made_by, endpoint_id, secret_id)
            if salt is None:
                salt = new_salt()
                await connection.execute(_sql.retire_secrets, endpoint_id, overlap_ms)
                if await connection.fetchval(_sql.count_live_secrets, endpoint_id) >= SECRETS_MOST:
                    raise ConflictError(
                        "this secret was rotated too often; wait until old ones have ended, or send overlap_s 0",
                        code="too_many_secrets",
                    )
                await connection.execute(_sql.add_secret, endpoint_id, secret_id, salt)
        return NewEndpoint(endpoint=endpoint, secret=self._secrets.shown(endpoint_id, salt))

    async def enable(self, endpoint_id: str) -> EndpointView:
        """Call an endpoint again that was given up; what waits for it is sent as it comes due.

        Raises:
            NotFoundError: ``unknown_endpoint``.
        """
        async with self._postgres.connection() as connection:
            return await _find(connection, _sql.enable_endpoint, endpoint_id)

    async def remove(self, endpoint_id: str) -> None:
        """Forget an endpoint; calls under way still end. Housekeeping deletes what was kept of it.

        Raises:
            NotFoundError: ``unknown_endpoint``.
        """
        async with self._postgres.connection() as connection:
            if await connection.fetchval(_sql.remove_endpoint, endpoint_id) is None:
                raise unknown_endpoint()

    async def _check_target(self, url: str) -> None:
        try:
            async with asyncio.timeout(LOOKUP_TIMEOUT_S):
                await self._addresses.find(url)
        except NoAddressError as error:
            raise InvalidError(f"url cannot be used: {error.message}", field="url", code="invalid_url") from error
        except TimeoutError as error:
            raise InvalidError(
                "url cannot be used: its host could not be looked up in time", field="url", code="invalid_url"
            ) from error


def endpoint_from(row: Record) -> EndpointView:
    """Return the endpoint of a row."""
    return msgspec.convert(dict(row), EndpointView)


def unknown_endpoint() -> NotFoundError:
    """Return the error for an id that names no endpoint."""
    return NotFoundError("there is no such webhook endpoint", code="unknown_endpoint")


async def _find(connection: Connection, statement: str, endpoint_id: str) -> EndpointView:
    row = await connection.fetchrow(statement, endpoint_id)
    if row is None:
        raise unknown_endpoint()
    return endpoint_from(row)
