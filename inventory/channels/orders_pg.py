"""Orders of channels in Postgres: which have to be read, and what was taken for them."""

from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec

from inventory.channels.channel import UnknownChannelError
from inventory.channels.levels_pg import shown
from inventory.channels.limits import CLOCKS_DIFFER_MS, LEASE_MS, PUSHES_FORGOTTEN, PUSHES_KEPT_MS
from inventory.channels.order_units import (
    OrderLine,
    OrderState,
    Shelf,
    check_order,
    movement_key,
    state_of,
    take,
    wanted_lines,
)
from inventory.channels.selling import ChannelOrder, PushedEvent, SeenOrder, is_order_id
from inventory.stock_pg import record_movements
from kit.errors import ConflictError, NotFoundError
from kit.postgres import Connection, Postgres, Record
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "orders.sql")


class DueOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that has to be read now; ``version`` counts what happened to it, ``attempts`` failed before."""

    order_id: str
    version: int
    attempts: int


class ChannelOrders:
    """The orders of all channels.

    Args:
        lease_ms: how long orders that were taken belong to the taker.
    """

    def __init__(self, postgres: Postgres, *, lease_ms: int = LEASE_MS) -> None:
        self._postgres = postgres
        self._lease_ms = lease_ms

    # --- what happened --------------------------------------------------------------------------------------------

    async def received(self, channel_id: str, events: Sequence[PushedEvent], body: bytes) -> int:
        """Store a verified push, raw, and mark its orders as changed; return how many of its events were new."""
        known = {one.event_id: one for one in sorted(events, key=lambda one: one.event_id)}
        async with self._postgres.transaction() as connection:
            # In one order, as everywhere: two pushes with the same events must not wait for each other. The bytes are
            # stored once, with the first event.
            try:
                rows = await connection.fetch(
                    _sql.store_push,
                    channel_id,
                    list(known),
                    [body if number == 0 else b"" for number in range(len(known))],
                    [shown(one.trouble) for one in known.values()],
                )
            except asyncpg.ForeignKeyViolationError as error:
                raise UnknownChannelError(channel_id) from error
            fresh = [row["event_id"] for row in rows]
            changed = sorted({order_id for event_id in fresh for order_id in known[event_id].order_ids})
            if changed:
                await connection.execute(_sql.changed, channel_id, changed)
                await connection.execute(_sql.wake)
        return len(fresh)

    async def seen(self, channel_id: str, orders: Sequence[SeenOrder]) -> None:
        """Mark a list's orders as changed, but for those known with the same stamp and those without a proper id."""
        stamps = {one.order_id: shown(one.stamp) for one in orders if is_order_id(one.order_id)}
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.seen, channel_id, list(stamps), list(stamps.values()))

    async def known_ms(self, channel_id: str) -> tuple[int, int]:
        """Return since when orders may have changed of which we have not heard, and what time it is there."""
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.known_ms, channel_id)
        if row is None:
            raise UnknownChannelError(channel_id)
        return row["known_ms"], row["now_ms"]

    async def set_known_ms(self, channel_id: str, at_ms: int) -> None:
        """Remember that every order that changed before is known."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.set_known_ms, channel_id, at_ms)

    # --- reading --------------------------------------------------------------------------------------------------

    async def take_due(self, channel_id: str, batch: int) -> list[DueOrder]:
        """Take up to ``batch`` orders that are to be read now; nobody else gets them until the lease ends.

        The caller reads them and then calls ``apply``, ``not_known`` or ``failed`` for each.
        """
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.take_due, channel_id, batch, self._lease_ms)
        return [DueOrder(order_id=row["order_id"], version=row["version"], attempts=row["attempts"]) for row in rows]

    async def failed(self, channel_id: str, order_ids: Sequence[str], reason: str, *, delay_ms: int) -> None:
        """Let orders that could not be read be due again later."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.failed, channel_id, order_ids, shown(reason), delay_ms)

    async def not_known(self, channel_id: str, due: DueOrder) -> None:
        """Give up an order that the channel does not know, until something happens to it; it keeps its units."""
        async with self._postgres.connection() as connection:
            await connection.execute(
                _sql.not_known, channel_id, due.order_id, due.version, "the channel does not know this order"
            )

    async def apply(self, channel_id: str, due: DueOrder, order: ChannelOrder) -> OrderState:
        """Take what an order holds now from the stock, and give back what it holds no more; in one transaction.

        An order that was read later already stays as it is.

        Returns:
            Its state then.

        Raises:
            InvalidError: the order makes no sense.
        """
        check_order(order)
        async with self._postgres.transaction() as connection:
            row = await self._lock(connection, channel_id, due.order_id)
            if row["read_version"] >= due.version:
                return _state(row)
            known = await self._lines(connection, channel_id, due.order_id)
            if not known and order.placed_at_ms < row["created_at_ms"] - CLOCKS_DIFFER_MS:
                # The stock was counted when the channel was connected, and this order's units were gone by then.
                state: OrderState = "earlier"
                lines: list[OrderLine] = []
            else:
                items = sorted({one.item_id for one in order.lines})
                links = await self._links(connection, channel_id, row, items)
                lines = await self._take(
                    connection, channel_id, due.order_id, wanted_lines(order.lines, known, links), row["channel_name"]
                )
                state = state_of(lines)
            await connection.execute(
                _sql.put_order,
                channel_id,
                due.order_id,
                state,
                shown(order.status),
                order.placed_at_ms,
                due.version,
                _trouble(state, lines),
                _cancels(state, row),
            )
        return state

    async def take_missing(self, channel_id: str, *, most: int) -> int:
        """Take units for orders that lacked them, where there are some now or an item was linked; return how many."""
        async with self._postgres.connection() as connection:
            short = [row["order_id"] for row in await connection.fetch(_sql.short, channel_id, most)]
        for order_id in short:
            async with self._postgres.transaction() as connection:
                row = await self._lock(connection, channel_id, order_id)
                known = await self._lines(connection, channel_id, order_id)
                links = await self._links(connection, channel_id, row, [one.item_id for one in known])
                linked = [
                    one if one.taken else msgspec.structs.replace(one, sku=links.get(one.item_id)) for one in known
                ]
                lines = await self._take(connection, channel_id, order_id, linked, row["channel_name"])
                state = state_of(lines)
                await connection.execute(
                    _sql.put_state, channel_id, order_id, state, _trouble(state, lines), _cancels(state, row)
                )
        return len(short)

    # --- cancelling over there ------------------------------------------------------------------------------------

    async def want_cancel(self, channel_id: str, order_id: str) -> None:
        """Let an order be cancelled at its channel.

        Raises:
            NotFoundError: ``unknown_order``.
            ConflictError: ``already_cancelled``.
        """
        async with self._postgres.transaction() as connection:
            if await connection.fetchval(_sql.want_cancel, channel_id, order_id):
                await connection.execute(_sql.wake)
            elif await connection.fetchval(_sql.order_state, channel_id, order_id) is None:
                raise NotFoundError(
                    f"channel {channel_id!r} has no order {order_id!r}",
                    code="unknown_order",
                    details={"field": "order_id"},
                )
            else:
                raise ConflictError("this order is cancelled already", code="already_cancelled")

    async def take_cancel(self, channel_id: str) -> DueOrder | None:
        """Take one order that is to be cancelled now; its ``version`` says nothing."""
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.take_cancel, channel_id, self._lease_ms)
        return None if row is None else DueOrder(order_id=row["order_id"], version=0, attempts=row["attempts"])

    async def cancelled(self, channel_id: str, order_id: str) -> None:
        """The channel says that it cancelled it: it is read again."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.cancelled, channel_id, order_id)

    async def not_cancelled(self, channel_id: str, order_id: str, reason: str) -> None:
        """The channel does not cancel it; it is not asked again."""
        async with self._postgres.connection() as connection:
            said = shown(f"the channel does not cancel it: {reason}")
            await connection.execute(_sql.not_cancelled, channel_id, order_id, said)

    async def cancel_failed(self, channel_id: str, order_id: str, reason: str, *, delay_ms: int) -> None:
        """Nobody knows whether it is cancelled; it is tried again later."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.cancel_failed, channel_id, order_id, shown(reason), delay_ms)

    async def forget_old_pushes(self) -> int:
        """Forget what was received longer ago than ``PUSHES_KEPT_MS``, up to ``PUSHES_FORGOTTEN`` messages.

        Returns:
            How many.
        """
        async with self._postgres.connection() as connection:
            status = await connection.execute(_sql.forget_pushes, PUSHES_KEPT_MS, PUSHES_FORGOTTEN)
        return int(status.rpartition(" ")[2])

    # --- parts ----------------------------------------------------------------------------------------------------

    async def _lock(self, connection: Connection, channel_id: str, order_id: str) -> Record:
        row = await connection.fetchrow(_sql.lock_order, channel_id, order_id)
        if row is None:
            raise NotFoundError(f"channel {channel_id!r} has no order {order_id!r}", code="unknown_order")
        return row

    async def _lines(self, connection: Connection, channel_id: str, order_id: str) -> list[OrderLine]:
        rows = await connection.fetch(_sql.lines_of, channel_id, order_id)
        return [msgspec.convert(dict(row), OrderLine) for row in rows]

    async def _links(
        self, connection: Connection, channel_id: str, row: Record, items: Sequence[str]
    ) -> dict[str, str]:
        found = await connection.fetch(_sql.links_of, channel_id, items, row["links_by_sku"])
        return {one["item_id"]: one["sku"] for one in found}

    async def _take(
        self, connection: Connection, channel_id: str, order_id: str, lines: Sequence[OrderLine], channel_name: str
    ) -> list[OrderLine]:
        """Move the stock for the lines, and store them."""
        moving = sorted({one.sku for one in lines if one.sku is not None and one.taken != one.wanted})
        rows = await connection.fetch(_sql.shelves, moving)
        name = f"{channel_id}:{order_id}"
        after, movements = take(
            lines,
            [Shelf(sku=row["sku"], location=row["location"], free=row["free"]) for row in rows],
            await self._given(connection, name, [one for one in lines if one.wanted < one.taken]),
            name=name,
            reason=shown(f"{channel_name}, order {order_id}"),
        )
        await record_movements(connection, movements)
        await connection.execute(
            _sql.put_lines,
            channel_id,
            order_id,
            [one.item_id for one in after],
            [one.sku for one in after],
            [one.wanted for one in after],
            [one.taken for one in after],
            [one.moves for one in after],
        )
        return after

    async def _given(self, connection: Connection, name: str, lines: Sequence[OrderLine]) -> dict[str, dict[str, int]]:
        """Return what was taken for lines so far, by item and location, as the ledger has it."""
        keys = {
            movement_key(name, msgspec.structs.replace(one, moves=number)): one.item_id
            for one in lines
            for number in range(one.moves)
        }
        given: dict[str, dict[str, int]] = {one.item_id: {} for one in lines}
        for row in await connection.fetch(_sql.given, list(keys)) if keys else ():
            places = given[keys[row["movement_key"]]]
            places[row["location"]] = places.get(row["location"], 0) + row["units"]
        return given


def _state(row: Record) -> OrderState:
    state: OrderState = row["state"]
    return state


def _cancels(state: OrderState, row: Record) -> bool:
    """Tell whether an order is to be cancelled without being asked: once, when it turns out to lack units."""
    return state == "oversold_elsewhere" and row["state"] != state and bool(row["cancels_oversold"])


def _trouble(state: OrderState, lines: Sequence[OrderLine]) -> str | None:
    """Return what staff should know of an order that lacks something."""
    short = [one for one in lines if one.taken < one.wanted]
    if state == "unlinked":
        items = [one.item_id for one in short if one.sku is None]
        return shown(f"not linked to a SKU: {', '.join(items)}")
    if state == "oversold_elsewhere":
        return shown("not in stock: " + ", ".join(f"{one.wanted - one.taken} of {one.sku}" for one in short))
    return None
