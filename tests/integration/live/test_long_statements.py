"""What may take longer than other statements is not cut by the limit of those."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from checkout.exports_pg import Exports
from inventory.catalogue_pg import Catalogue
from inventory.import_pg import BULK_LOCK
from kit import postgres as kit_postgres
from kit.errors import UnavailableError
from kit.postgres import Postgres
from live.reconcile.facts_pg import read_postgres
from tests.integration.checkout.test_exports import filled
from tests.integration.inventory.product_files import MUG, SHIRT, counts, shopify, take

LONG_S = 1.8


@pytest.fixture
async def hasty(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Postgres]:
    """A pool on which ordinary statements end after 1.2 seconds here, and a little before at the server."""
    monkeypatch.setattr(kit_postgres, "STATEMENT_TIMEOUT_MS", 1_000)
    monkeypatch.setattr(kit_postgres, "ANSWER_LATE_S", 0.2)
    hasty = await Postgres.connect(database_url, max_size=2)
    yield hasty
    await hasty.close()


async def test_an_ordinary_statement_ends_at_the_server_first(hasty: Postgres) -> None:
    with pytest.raises(UnavailableError, match="QueryCanceledError"):
        async with hasty.connection() as connection:
            await connection.execute("SELECT pg_sleep(5)")


async def test_an_import_waits_for_another(postgres: Postgres, hasty: Postgres) -> None:
    async with postgres.transaction() as other:
        await other.execute("SELECT pg_advisory_xact_lock($1)", BULK_LOCK)
        importing = asyncio.create_task(take(Catalogue(hasty), shopify(*SHIRT, MUG)))
        await asyncio.sleep(LONG_S)
        assert not importing.done()
    assert counts(await importing) == (3, 0, 0, 0)


async def test_the_reconciler_reads_as_long_as_it_takes(postgres: Postgres, hasty: Postgres) -> None:
    async with postgres.transaction() as other:
        await other.execute("LOCK TABLE stock IN ACCESS EXCLUSIVE MODE")
        reading = asyncio.create_task(read_postgres(hasty))
        await asyncio.sleep(LONG_S)
        assert not reading.done()
    assert (await reading).stock == ()


async def test_an_export_waits_for_its_reader(postgres: Postgres, hasty: Postgres) -> None:
    await filled(postgres, 20_000)
    stream = Exports(hasty).orders()
    pieces = [await anext(stream)]
    await asyncio.sleep(LONG_S)
    pieces.extend([piece async for piece in stream])
    assert b"".join(pieces).count(b"\r\n") == 20_001
