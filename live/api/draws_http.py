"""The draw of an offer: what was promised, what was drawn, and the order in which buyers are served."""

from collections.abc import AsyncGenerator
from typing import Annotated

import msgspec

from inventory.draws_pg import Draw, Draws
from kit.errors import NotFoundError
from live.api.csv_answers import csv_file, wants_csv
from live.api.draws_csv import DrawnBuyer, draw_csv_header, draw_csv_lines
from live.api.endpoint import STAFF, Call, Chunks, Empty, Endpoint, Request, endpoint
from live.api.fields import NEXT_SAID, Limit
from live.api.limits import CSV_CHUNK_ENTRIES, PAGE_DEFAULT_ITEMS
from live.stage import Stage

Place = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,15}-[0-9a-f]{64}(?![\s\S])", description=NEXT_SAID)]


class DrawQuery(Request, frozen=True):
    """Which part of the order. As CSV, all of it comes unless ``limit`` or ``after`` asks for a page."""

    limit: Limit | None = None
    after: Place | None = None


class DrawView(msgspec.Struct, frozen=True, kw_only=True):
    """A draw, and some of its order; ``next`` is the ``after`` of the following page.

    Attributes:
        seed_hash: the SHA-256 of the seed, published when the offer was announced.
        seed: secret until drawn.
        entries: buyers who entered.
        units: how many are served at first; units that they let go pass on to the next.
        items: empty until drawn.
    """

    offer_id: str
    seed_hash: str
    seed: str | None
    drawn_at_ms: int | None
    entries: int
    units: int
    items: list[DrawnBuyer]
    next: str | None


class DrawEndpoints:
    """The calls about draws."""

    def __init__(self, draws: Draws, stage: Stage) -> None:
        self._draws = draws
        self._stage = stage

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "offers",
                "get_draw",
                "GET",
                "/v1/offers/{id}/draw",
                "Check a draw: its seed and its order; Accept: text/csv gives the order as CSV",
                roles=STAFF,
                scope="handler",
                body=Empty,
                query=DrawQuery,
                answer=DrawView,
                answer_media=("text/csv",),
                handle=self._get,
            )
        ]

    async def _get(self, call: Call[Empty, DrawQuery]) -> DrawView | Chunks:
        call.require_show((await self._stage.offer(call.id)).show_id)
        draw = await self._draws.draw(call.id)
        if draw is None:
            raise NotFoundError("this offer is no draw", code="not_a_draw", details={"offer_id": call.id})
        asked = call.query
        as_csv = wants_csv(call.asked.headers.get("accept", ""))
        if as_csv and asked.limit is None and asked.after is None:
            return csv_file("draw.csv", self._all_lines(call.id, draw))
        items, after = await self._page(call.id, draw, asked.limit or PAGE_DEFAULT_ITEMS, asked.after)
        if as_csv:
            return csv_file("draw.csv", _page_lines(items))
        return DrawView(
            offer_id=call.id,
            seed_hash=draw.seed_hash,
            seed=draw.seed,
            drawn_at_ms=draw.drawn_at_ms,
            entries=draw.entries,
            units=draw.units,
            items=items,
            next=after,
        )

    async def _page(
        self, offer_id: str, draw: Draw, limit: int, after: str | None
    ) -> tuple[list[DrawnBuyer], str | None]:
        if draw.seed is None:
            return [], None
        rank, _, digest = (after or "0-").partition("-")
        found = await self._draws.order(offer_id, after=digest, limit=limit + 1)
        items = [
            DrawnBuyer(rank=place, buyer_id=one.buyer_id, digest=one.digest, entered_at_ms=one.entered_at_ms)
            for place, one in enumerate(found[:limit], int(rank) + 1)
        ]
        return items, f"{items[-1].rank}-{items[-1].digest}" if len(found) > limit else None

    async def _all_lines(self, offer_id: str, draw: Draw) -> AsyncGenerator[bytes, None]:
        lines, after, more = draw_csv_header(), None, True
        while more:
            items, after = await self._page(offer_id, draw, CSV_CHUNK_ENTRIES, after)
            more = after is not None
            yield lines + draw_csv_lines(items)
            lines = b""


async def _page_lines(items: list[DrawnBuyer]) -> AsyncGenerator[bytes, None]:
    yield draw_csv_header() + draw_csv_lines(items)
