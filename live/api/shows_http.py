"""Shows: from the schedule to the end, what is on stage, and how it went."""

from collections.abc import AsyncGenerator
from typing import Annotated

import msgspec

from checkout.reports_pg import Reports, ShowReport
from kit.errors import NotFoundError
from kit.money import known_currency
from live.api.csv_answers import csv_file, wants_csv
from live.api.endpoint import STAFF, Call, Chunks, Empty, Endpoint, Handler, Request, endpoint
from live.api.fields import NOT_BLANK, NOT_BLANK_SAID, AfterShow, Currency, Limit, ProductId, TimeMs
from live.api.limits import JSON_BODY_MAX_BYTES, PAGE_DEFAULT_ITEMS
from live.api.report_csv import report_csv
from live.limits import SHOW_TITLE_MAX_CHARS, SPOTLIGHT_MOST_PRODUCTS
from live.stage import Stage
from live.views import ShowView


class NewShow(Request, frozen=True):
    """A show to be scheduled."""

    title: Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=SHOW_TITLE_MAX_CHARS, pattern=NOT_BLANK, description=NOT_BLANK_SAID),
    ]
    currency: Currency
    scheduled_start_at_ms: TimeMs | None = None


class Spotlight(Request, frozen=True):
    """What is on stage from now on; an empty list clears it."""

    product_ids: Annotated[list[ProductId], msgspec.Meta(max_length=SPOTLIGHT_MOST_PRODUCTS)]


class ShowQuery(Request, frozen=True):
    """Which shows."""

    limit: Limit = PAGE_DEFAULT_ITEMS
    after: AfterShow | None = None


class ShowPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some shows, the newest first; ``next`` is the ``after`` of the following page."""

    items: list[ShowView]
    next: str | None


class ShowEndpoints:
    """The calls about shows."""

    def __init__(self, stage: Stage, reports: Reports) -> None:
        self._stage = stage
        self._reports = reports

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "shows",
                "create_show",
                "POST",
                "/v1/shows",
                "Schedule a show",
                roles=STAFF,
                body=NewShow,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=ShowView,
                status=201,
                handle=self._create,
            ),
            endpoint(
                "shows",
                "list_shows",
                "GET",
                "/v1/shows",
                "List shows, the newest first",
                roles=STAFF,
                body=Empty,
                query=ShowQuery,
                answer=ShowPage,
                handle=self._list,
            ),
            endpoint(
                "shows",
                "get_current_show",
                "GET",
                "/v1/shows/current",
                "The show that is on now",
                roles=None,
                body=Empty,
                query=Empty,
                answer=ShowView,
                refusals=(404,),
                handle=self._current,
            ),
            endpoint(
                "shows",
                "get_show",
                "GET",
                "/v1/shows/{id}",
                "A show's snapshot, as any guest may see it",
                roles=None,
                body=Empty,
                query=Empty,
                answer=ShowView,
                handle=self._get,
            ),
            self._step("start_show", "start", "Go live", self._start),
            self._step("pause_show", "pause", "Pause the show", self._pause),
            self._step("resume_show", "resume", "Go on after a pause", self._resume),
            self._step("end_show", "end", "End the show and its offers", self._end),
            endpoint(
                "shows",
                "set_spotlight",
                "POST",
                "/v1/shows/{id}/spotlight",
                "Put up to three products on stage",
                roles=STAFF,
                scope="show",
                body=Spotlight,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=ShowView,
                handle=self._spotlight,
            ),
            endpoint(
                "shows",
                "get_show_report",
                "GET",
                "/v1/shows/{id}/report",
                "What a show brought, as of now; Accept: text/csv gives CSV",
                roles=STAFF,
                scope="show",
                body=Empty,
                query=Empty,
                answer=ShowReport,
                answer_media=("text/csv",),
                handle=self._report,
            ),
        ]

    @staticmethod
    def _step(name: str, verb: str, summary: str, handle: Handler) -> Endpoint:
        return endpoint(
            "shows",
            name,
            "POST",
            f"/v1/shows/{{id}}/{verb}",
            summary,
            roles=STAFF,
            scope="show",
            body=Empty,
            body_limit=JSON_BODY_MAX_BYTES,
            query=Empty,
            answer=ShowView,
            handle=handle,
        )

    async def _create(self, call: Call[NewShow, Empty]) -> ShowView:
        return await self._stage.create_show(
            show_id=call.new_id("show"),
            title=call.body.title,
            currency=known_currency(call.body.currency),
            scheduled_start_at_ms=call.body.scheduled_start_at_ms,
        )

    async def _list(self, call: Call[Empty, ShowQuery]) -> ShowPage:
        items, after = await self._stage.shows(limit=call.query.limit, after=call.query.after)
        return ShowPage(items=items, next=after)

    async def _current(self, call: Call[Empty, Empty]) -> ShowView:  # noqa: ARG002 - a handler takes the call
        show = await self._stage.current_show()
        if show is None:
            raise NotFoundError("no show is on now", code="no_show")
        return show

    async def _get(self, call: Call[Empty, Empty]) -> ShowView:
        return await self._stage.show(call.id)

    async def _start(self, call: Call[Empty, Empty]) -> ShowView:
        return await self._stage.start(call.id, command=call.asked.seed)

    async def _pause(self, call: Call[Empty, Empty]) -> ShowView:
        return await self._stage.pause(call.id, command=call.asked.seed)

    async def _resume(self, call: Call[Empty, Empty]) -> ShowView:
        return await self._stage.resume(call.id, command=call.asked.seed)

    async def _end(self, call: Call[Empty, Empty]) -> ShowView:
        return await self._stage.end(call.id, command=call.asked.seed)

    async def _spotlight(self, call: Call[Spotlight, Empty]) -> ShowView:
        return await self._stage.spotlight(call.id, call.body.product_ids, command=call.asked.seed)

    async def _report(self, call: Call[Empty, Empty]) -> ShowReport | Chunks:
        report = await self._reports.show_report(call.id)
        if wants_csv(call.asked.headers.get("accept", "")):
            return csv_file("report.csv", _whole(report_csv(report)))
        return report


async def _whole(file: bytes) -> AsyncGenerator[bytes, None]:
    yield file
