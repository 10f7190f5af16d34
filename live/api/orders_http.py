"""Orders: staff see all of them, a viewer only their own. As JSON pages or as one CSV stream."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

import msgspec

from checkout.order import Order, OrderState, OrderView, view
from checkout.orders_pg import Orders
from checkout.refund import Refunds
from kit.errors import NotFoundError
from kit.money import Money
from live.api.endpoint import ANYONE_SIGNED_IN, STAFF, Call, Chunks, Empty, Endpoint, Request, endpoint
from live.api.fields import Cursor, Limit, PositivePrice, Reason, ShowId
from live.api.limits import CSV_CHUNK_ORDERS, JSON_BODY_MAX_BYTES, PAGE_DEFAULT_ITEMS
from live.api.orders_csv import csv_header, csv_lines


class OrderQuery(Request, frozen=True):
    """Which orders. As CSV, all of them come unless ``limit`` or ``after`` asks for a page."""

    show_id: ShowId | None = None
    state: OrderState | None = None
    limit: Limit | None = None
    after: Cursor | None = None


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some orders, the newest first; ``next`` is the ``after`` of the following page."""

    items: list[OrderView]
    next: str | None


class NewRefund(Request, frozen=True):
    """How much money goes back; without ``amount``, all that is left. ``restock``: the units are for sale again."""

    reason: Reason
    amount: PositivePrice | None = None
    restock: bool = True


class Cancellation(Request, frozen=True):
    """Why an order is cancelled, and whether its units are for sale again."""

    reason: Reason
    restock: bool = True


class OrderEndpoints:
    """The calls about orders."""

    def __init__(self, orders: Orders, refunds: Refunds) -> None:
        self._orders = orders
        self._refunds = refunds

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "orders",
                "list_orders",
                "GET",
                "/v1/orders",
                "List orders, the newest first; Accept: text/csv gives CSV",
                roles=ANYONE_SIGNED_IN,
                scope="handler",
                body=Empty,
                query=OrderQuery,
                answer=OrderPage,
                answer_media=("text/csv",),
                handle=self._list,
            ),
            endpoint(
                "orders",
                "get_order",
                "GET",
                "/v1/orders/{id}",
                "One order",
                roles=ANYONE_SIGNED_IN,
                scope="handler",
                body=Empty,
                query=Empty,
                answer=OrderView,
                handle=self._get,
            ),
            endpoint(
                "orders",
                "refund_order",
                "POST",
                "/v1/orders/{id}/refund",
                "Give money back, all of it or a part",
                roles=STAFF,
                scope="handler",
                body=NewRefund,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=OrderView,
                handle=self._refund,
            ),
            endpoint(
                "orders",
                "cancel_order",
                "POST",
                "/v1/orders/{id}/cancel",
                "Cancel an order, whatever it has reached",
                roles=STAFF,
                scope="handler",
                body=Cancellation,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=OrderView,
                handle=self._cancel,
            ),
        ]

    async def _get(self, call: Call[Empty, Empty]) -> OrderView:
        return view(await self._visible(call))

    async def _list(self, call: Call[Empty, OrderQuery]) -> OrderPage | Chunks:
        asked = call.query
        if asked.show_id is not None:
            call.require_show(asked.show_id)
        show_id = asked.show_id or call.identity.show_id
        buyer_id = call.identity.subject if call.identity.role == "viewer" else None
        as_csv = wants_csv(call.asked.headers.get("accept", ""))
        if as_csv and asked.limit is None and asked.after is None:
            stream = self._orders.stream(show_id=show_id, state=asked.state, buyer_id=buyer_id)
            return _csv(_all_lines(cast(AsyncGenerator[Order, None], stream)))
        items, after = await self._orders.page(
            show_id=show_id,
            state=asked.state,
            buyer_id=buyer_id,
            limit=asked.limit or PAGE_DEFAULT_ITEMS,
            after=asked.after,
        )
        views = [view(order) for order in items]
        return _csv(_page_lines(views)) if as_csv else OrderPage(items=views, next=after)

    async def _refund(self, call: Call[NewRefund, Empty]) -> OrderView:
        await self._visible(call)
        amount = call.body.amount
        order = await self._refunds.refund(
            call.id,
            amount=None if amount is None else Money(amount.amount, amount.currency),
            reason=call.body.reason,
            restock=call.body.restock,
            refund_id=call.new_id("refund"),
        )
        return view(order)

    async def _cancel(self, call: Call[Cancellation, Empty]) -> OrderView:
        await self._visible(call)
        order = await self._refunds.cancel(
            call.id, reason=call.body.reason, restock=call.body.restock, refund_id=call.new_id("refund")
        )
        return view(order)

    async def _visible(self, call: Call[Empty, Empty] | Call[NewRefund, Empty] | Call[Cancellation, Empty]) -> Order:
        order = await self._orders.get(call.id)
        theirs = call.identity.role != "viewer" or order.buyer_id == call.identity.subject
        if not theirs or not call.identity.may_enter(order.show_id):
            # The same words as for an id that does not exist: nobody learns which ids others have.
            raise NotFoundError("there is no such order", code="unknown_order", details={"order_id": call.id})
        return order


def wants_csv(accept: str) -> bool:
    """Tell whether an Accept header names CSV before JSON and before "anything"."""
    for part in accept.split(","):
        media = part.partition(";")[0].strip().lower()
        if media == "text/csv":
            return True
        if media in ("application/json", "*/*"):
            return False
    return False


def _csv(lines: AsyncGenerator[bytes, None]) -> Chunks:
    return Chunks(
        content=lines,
        media_type="text/csv; charset=utf-8; header=present",
        headers={"content-disposition": 'attachment; filename="orders.csv"', "vary": "accept"},
    )


async def _page_lines(orders: list[OrderView]) -> AsyncGenerator[bytes, None]:
    yield csv_header() + csv_lines(orders)


async def _all_lines(orders: AsyncGenerator[Order, None]) -> AsyncGenerator[bytes, None]:
    waiting: list[OrderView] = []
    lines = csv_header()
    async with aclosing(orders):
        async for order in orders:
            waiting.append(view(order))
            if len(waiting) == CSV_CHUNK_ORDERS:
                yield lines + csv_lines(waiting)
                waiting, lines = [], b""
    yield lines + csv_lines(waiting)
