"""Orders: staff see all of them, a viewer only their own. As JSON pages or as one CSV stream."""

from typing import Annotated

import msgspec

from checkout.exports_pg import Exports
from checkout.order import Order, OrderState, OrderView, view
from checkout.orders_pg import Orders
from checkout.refund import Refunds
from checkout.refund_rules import ReturnedLine
from kit.errors import NotFoundError
from kit.money import Money
from live.api.csv_answers import csv_file, csv_limit, wants_csv
from live.api.endpoint import ANYONE_SIGNED_IN, STAFF, Call, Chunks, Empty, Endpoint, Request, endpoint
from live.api.fields import SAFE_INTEGER_MAX, AfterOrder, Limit, PositivePrice, Reason, ShowId, Sku
from live.api.limits import JSON_BODY_MAX_BYTES, PAGE_DEFAULT_ITEMS, REFUND_MOST_LINES


class OrderQuery(Request, frozen=True):
    """Which orders. As CSV, all of them come unless ``limit`` or ``after`` asks for a page."""

    show_id: ShowId | None = None
    state: OrderState | None = None
    limit: Limit | None = None
    after: AfterOrder | None = None


class OrderPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some orders, the newest first; ``next`` is the ``after`` of the following page."""

    items: list[OrderView]
    next: str | None


class RefundLine(Request, frozen=True):
    """Units that the buyer gives back."""

    sku: Sku
    quantity: Annotated[int, msgspec.Meta(ge=1, le=SAFE_INTEGER_MAX)]


class NewRefund(Request, frozen=True):
    """What goes back: the units of ``lines`` at their price, or ``amount``, or both; without either, all that is left.

    ``restock``: units that come back with it are for sale again. Money alone brings none, except the last of it.
    """

    reason: Reason
    amount: PositivePrice | None = None
    lines: Annotated[list[RefundLine], msgspec.Meta(min_length=1, max_length=REFUND_MOST_LINES)] | None = None
    restock: bool = True


class Cancellation(Request, frozen=True):
    """Why an order is cancelled, and whether its units are for sale again."""

    reason: Reason
    restock: bool = True


class OrderEndpoints:
    """The calls about orders."""

    def __init__(self, orders: Orders, refunds: Refunds, exports: Exports) -> None:
        self._orders = orders
        self._refunds = refunds
        self._exports = exports

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
                "Give money back: all of it, a part, or that of some units",
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
        if wants_csv(call.asked.headers.get("accept", "")):
            limit = csv_limit(asked.limit, asked.after)
            rows = self._exports.orders(
                show_id=show_id, state=asked.state, buyer_id=buyer_id, limit=limit, after=asked.after
            )
            return csv_file("orders.csv", rows)
        items, after = await self._orders.page(
            show_id=show_id,
            state=asked.state,
            buyer_id=buyer_id,
            limit=asked.limit or PAGE_DEFAULT_ITEMS,
            after=asked.after,
        )
        return OrderPage(items=[view(order) for order in items], next=after)

    async def _refund(self, call: Call[NewRefund, Empty]) -> OrderView:
        await self._visible(call)
        amount, lines = call.body.amount, call.body.lines
        order = await self._refunds.refund(
            call.id,
            amount=None if amount is None else Money(amount.amount, amount.currency),
            line=None if lines is None else ReturnedLine(sku=lines[0].sku, quantity=lines[0].quantity),
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
