"""A channel that is a shelf in the tests' own process, and a shop with twenty SKUs for it."""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence

import pytest

from inventory.channels.channel import (
    BY_SKU,
    Answer,
    Capabilities,
    ChannelConfig,
    Level,
    Pending,
    Prepared,
    Refused,
    SaveSecrets,
    Told,
)
from inventory.channels.channels_pg import Channels, ChannelView
from inventory.channels.figures import ChannelFigures
from inventory.channels.leader_pg import Leadership
from inventory.channels.levels_pg import Levels
from inventory.channels.rows import ChannelRows
from inventory.channels.sync import ChannelSync
from inventory.stock_pg import StockLedger
from kit.errors import InvalidError
from kit.metrics import new_registry
from kit.postgres import Postgres
from kit.tasks import Tasks
from kit.vault import Vault

VAULT = Vault("a secret of at least 32 characters, as ever", "channels")
SKUS = [f"SKU-{number:03}" for number in range(20)]


class Shelf:
    """Remembers what it was told, and does what a test asks of it.

    Args:
        capabilities: what it can take.
        item_form: ``group/number``, unless it calls its items as the SKUs are called.

    Attributes:
        calls: the levels of each call.
        shown: the quantities it shows, by item.
        reads: the items of each reading.
        refusals: what it does not take, by item.
        later: whether it answers later; then ``outcomes`` are its answers to being asked: False is not yet.
        renews: secrets that it saves at its next call.
        config: what it was opened with last.
    """

    def __init__(self, capabilities: Capabilities, *, item_form: str = BY_SKU) -> None:
        self.capabilities = capabilities
        self.item_form = item_form
        self.calls: list[list[Level]] = []
        self.shown: dict[str, int] = {}
        self.refusals: dict[str, Refused] = {}
        self.later = False
        self.outcomes: deque[bool] = deque()
        self.renews: dict[str, str] | None = None
        self.config: ChannelConfig | None = None
        self.reads: list[int] = []
        self._save: SaveSecrets | None = None

    async def prepare(self, settings: Mapping[str, str]) -> Prepared:
        return Prepared(settings=dict(settings), secrets={"token": "a token"})

    def open(self, config: ChannelConfig, save: SaveSecrets) -> "Shelf":
        self.config, self._save = config, save
        return self

    async def tell(self, levels: Sequence[Level]) -> list[Answer] | Pending:
        self.calls.append(list(levels))
        if self.renews is not None and self._save is not None:
            await self._save(self.renews)
            self.renews = None
        return Pending(handle=str(len(self.calls))) if self.later else self._put(levels)

    async def outcome(self, pending: Pending, levels: Sequence[Level]) -> list[Answer] | None:
        done = self.outcomes.popleft() if self.outcomes else True
        assert self.calls[int(pending.handle) - 1] == list(levels)
        return self._put(levels) if done else None

    def _put(self, levels: Sequence[Level]) -> list[Answer]:
        self.shown.update({one.item_id: one.quantity for one in levels if one.item_id not in self.refusals})
        return [self.refusals.get(one.item_id) or Told() for one in levels]

    async def read(self, item_ids: Sequence[str]) -> list[int | None]:
        self.reads.append(len(item_ids))
        return [self.shown.get(one) for one in item_ids]

    async def close(self) -> None:
        """It has nothing to give up."""

    @property
    def setting_names(self) -> Collection[str]:
        return ("color",)

    def check_item_id(self, item_id: str) -> None:
        if self.item_form != BY_SKU and item_id.count("/") != 1:
            raise InvalidError(f"{item_id!r} is not of the form group/number", field="item_id")

    def group_of(self, item_id: str) -> str:
        return "" if self.item_form == BY_SKU else item_id.partition("/")[0]


async def stock_up(postgres: Postgres, ledger: StockLedger) -> None:
    """Twenty SKUs with ten units each."""
    async with postgres.transaction() as connection:
        await connection.execute("INSERT INTO products (product_id, product_key, title) VALUES ('prod_1', 'k', 'T')")
        await connection.execute(
            "INSERT INTO variants (sku, product_id, price_amount, price_currency)"
            " SELECT sku, 'prod_1', 100, 'EUR' FROM unnest($1::text[]) AS sku",
            SKUS,
        )
        await connection.execute("INSERT INTO stock (sku) SELECT sku FROM variants")
    for sku in SKUS:
        await ledger.adjust(sku, 10, key=f"first:{sku}", reason="count")


def start_sync(postgres: Postgres, channels: Channels, kinds: Shelf | Mapping[str, Shelf]) -> Tasks:
    """Start a worker for one kind, or for several; its tasks are the caller's to stop."""
    tasks = Tasks()
    kinds = {"shelf": kinds} if isinstance(kinds, Shelf) else kinds
    rows = ChannelRows.of(postgres, kinds, lease_ms=300)
    sync = ChannelSync(channels, rows, Leadership(postgres), kinds, ChannelFigures(new_registry()))
    tasks.forever("channels", sync.run)
    return tasks


async def create(channels: Channels, *, safety_stock: int = 0) -> str:
    """Set a shelf up; return its id."""
    return (await channels.create("shelf", name="Shelf", settings={}, safety_stock=safety_stock)).channel_id


async def view(channels: Channels, channel_id: str) -> ChannelView:
    """Return a channel as staff see it."""
    return next(one for one in await channels.list() if one.channel_id == channel_id)


async def desired(rows: Levels, channel_id: str) -> dict[str, int]:
    """Return what a channel should show, by SKU."""
    return {item.sku: item.desired for item in (await rows.page(channel_id)).items}


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something to be so."""
    for _ in range(1_000):
        if holds():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it did not come to that")


async def in_step(channels: Channels, channel_id: str, *, behind: int = 0) -> None:
    """Wait until at most ``behind`` levels have still to be told."""
    for _ in range(1_000):
        if (await view(channels, channel_id)).behind <= behind:
            return
        await asyncio.sleep(0.01)
    pytest.fail(f"the channel is still behind: {await view(channels, channel_id)}")


async def tell_all(rows: Levels, channel_id: str) -> None:
    """Take everything that is due, and write back that it was told."""
    while due := await rows.take_due(channel_id, 100):
        await rows.told(channel_id, due)
