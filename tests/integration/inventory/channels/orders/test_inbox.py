"""Pushes: which are stored, and for how long."""

import pytest

from kit.errors import NotFoundError, UnauthorisedError
from tests.integration.inventory.channels.orders.market import Market


async def test_nothing_is_stored_of_a_push_with_a_wrong_signature_and_rubbish_in_a_good_one_is(market: Market) -> None:
    with pytest.raises(UnauthorisedError):
        await market.push("1:O1", sign="another")
    with pytest.raises(NotFoundError):
        await market.push("1:O1", channel_id="chan_nobody")
    assert await market.push("rubbish") == b"success"
    async with market.postgres.connection() as connection:
        (stored,) = await connection.fetch("SELECT body, trouble FROM channel_pushes")
        assert (stored["body"], stored["trouble"]) == (b"rubbish", "it names no order")
        assert await connection.fetchval("SELECT count(*) FROM channel_orders") == 0


async def test_pushes_are_forgotten_after_a_month(market: Market) -> None:
    await market.push("old:O1")
    await market.push("new:O1")
    async with market.postgres.connection() as connection:
        await connection.execute("UPDATE channel_pushes SET received_at_ms = 0 WHERE event_id = 'old'")
    assert await market.orders.forget_old_pushes() == 1
    async with market.postgres.connection() as connection:
        assert await connection.fetchval("SELECT string_agg(event_id, ',') FROM channel_pushes") == "new"
