"""A worker for the channels of one kind, as a process that a test may kill: ``python -m … DATABASE_URL KIND URL``."""

import asyncio
import sys

from inventory.channels.channels_pg import Channels
from kit.postgres import Postgres
from tests.integration.inventory.channels.place import working
from tests.integration.inventory.channels.shelf import VAULT
from tests.integration.inventory.channels.shops import KINDS


async def main(database_url: str, name: str, url: str) -> None:
    postgres = await Postgres.connect(database_url)
    async with working(postgres, Channels(postgres, {name: KINDS[name](url)}, VAULT), name, url):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
