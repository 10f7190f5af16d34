"""The lines of orders, for merchants' own systems: as JSON pages or as one CSV stream."""

import msgspec

from checkout.exports_pg import Exports
from checkout.lines_pg import Lines, OrderLine
from checkout.order import OrderState
from live.api.csv_answers import csv_file, csv_limit, wants_csv
from live.api.endpoint import STAFF, Call, Chunks, Empty, Endpoint, Request, endpoint
from live.api.fields import AfterOrder, Limit, ShowId, Sku
from live.api.limits import PAGE_DEFAULT_ITEMS


class LineQuery(Request, frozen=True):
    """Which lines. As CSV, all of them come unless ``limit`` or ``after`` asks for a page."""

    show_id: ShowId | None = None
    state: OrderState | None = None
    sku: Sku | None = None
    limit: Limit | None = None
    after: AfterOrder | None = None


class LinePage(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines, the newest order first; ``next`` is the ``after`` of the following page."""

    items: list[OrderLine]
    next: str | None


class LineEndpoints:
    """The calls about the lines of orders."""

    def __init__(self, lines: Lines, exports: Exports) -> None:
        self._lines = lines
        self._exports = exports

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "orders",
                "list_lines",
                "GET",
                "/v1/lines",
                "List the lines of orders, the newest order first; Accept: text/csv gives CSV",
                roles=STAFF,
                scope="handler",
                body=Empty,
                query=LineQuery,
                answer=LinePage,
                answer_media=("text/csv",),
                handle=self._list,
            )
        ]

    async def _list(self, call: Call[Empty, LineQuery]) -> LinePage | Chunks:
        asked = call.query
        if asked.show_id is not None:
            call.require_show(asked.show_id)
        show_id = asked.show_id or call.identity.show_id
        if wants_csv(call.asked.headers.get("accept", "")):
            limit = csv_limit(asked.limit, asked.after)
            rows = self._exports.lines(
                show_id=show_id, state=asked.state, sku=asked.sku, limit=limit, after=asked.after
            )
            return csv_file("lines.csv", rows)
        items, after = await self._lines.page(
            show_id=show_id,
            state=asked.state,
            sku=asked.sku,
            limit=asked.limit or PAGE_DEFAULT_ITEMS,
            after=asked.after,
        )
        return LinePage(items=items, next=after)
