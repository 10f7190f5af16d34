"""Orders of channels as staff see them."""

from pathlib import Path

import msgspec

from inventory.channels.known_pg import require_channel
from inventory.channels.order_units import OrderState
from inventory.channels.pages import require_page
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "orders.sql")


class OrderLineView(msgspec.Struct, frozen=True, kw_only=True):
    """An item of an order: ``wanted`` units over there, of which ``taken`` came from the stock here."""

    item_id: str
    sku: str | None
    wanted: int
    taken: int


class ChannelOrderView(msgspec.Struct, frozen=True, kw_only=True):
    """An order of a channel as staff see it.

    Attributes:
        state: see ``order_units.OrderState``.
        status: the channel's own word for it.
        cancel_wanted: whether it is being cancelled over there.
    """

    order_id: str
    state: OrderState
    status: str
    placed_at_ms: int | None
    seen_at_ms: int
    last_error: str | None
    cancel_wanted: bool
    lines: list[OrderLineView]


class ChannelOrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some orders in the order of their ids; ``next`` is the ``after`` of the following page, None on the last one."""

    items: list[ChannelOrderView]
    next: str | None


class OrderList:
    """The orders of all channels, to be looked at."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def page(
        self, channel_id: str, *, state: OrderState | None = None, limit: int = 100, after: str | None = None
    ) -> ChannelOrderPage:
        """Return a page of a channel's orders.

        Raises:
            NotFoundError: ``unknown_channel``.
            InvalidError: ``limit`` is not 1 to ``MAX_PAGE``.
        """
        require_page(limit)
        async with self._postgres.connection() as connection:
            await require_channel(connection, channel_id)
            rows = await connection.fetch(_sql.page, channel_id, after or "", state, limit + 1)
        items = [
            msgspec.convert({**row, "lines": msgspec.json.decode(row["lines"])}, ChannelOrderView)
            for row in rows[:limit]
        ]
        return ChannelOrderPage(items=items, next=items[-1].order_id if len(rows) > limit else None)
