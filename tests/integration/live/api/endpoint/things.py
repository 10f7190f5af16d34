"""A few small endpoints, to show what all have in common."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated

import httpx
import msgspec

from kit.errors import ConflictError, UnavailableError
from live.api.endpoint import ANYONE_SIGNED_IN, STAFF, Call, Chunks, Empty, Endpoint, Request, endpoint
from live.api.fields import Price, Reason
from live.api.limits import JSON_BODY_MAX_BYTES


class Thing(Request, frozen=True):
    name: Reason
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    price: Price | None = None


class ThingQuery(Request, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100


class Made(msgspec.Struct, frozen=True, kw_only=True):
    thing_id: str
    number: int
    subject: str | None


class Things:
    """A small noun of its own: makes things, counts how often, and fails when told."""

    def __init__(self) -> None:
        self.made = 0

    def endpoints(self) -> list[Endpoint]:
        return [
            endpoint(
                "things",
                "make_thing",
                "POST",
                "/v1/things",
                "Make a thing",
                roles=STAFF,
                body=Thing,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=Made,
                status=201,
                refusals=(409,),
                handle=self._make,
            ),
            endpoint(
                "things",
                "list_things",
                "GET",
                "/v1/things",
                "List things",
                roles=ANYONE_SIGNED_IN,
                scope="handler",
                body=Empty,
                query=ThingQuery,
                answer=Made,
                handle=self._list,
            ),
            endpoint(
                "things",
                "touch_show",
                "POST",
                "/v1/shows/{id}/touch",
                "Touch a show",
                roles=STAFF,
                scope="show",
                body=Empty,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=Made,
                handle=self._touch,
            ),
            endpoint(
                "things",
                "stream_things",
                "GET",
                "/v1/things.csv",
                "Stream things",
                roles=None,
                body=Empty,
                query=Empty,
                answer=None,
                answer_media=("text/csv",),
                handle=self._stream,
            ),
        ]

    async def _make(self, call: Call[Thing, Empty]) -> Made:
        self.made += 1
        match call.body.name:
            case "taken":
                raise ConflictError("it is taken", code="taken")
            case "database down":
                raise UnavailableError("Postgres does not answer", code="postgres_down")
            case "bug":
                raise ZeroDivisionError("secret internals")
            case "slow":
                await asyncio.sleep(0.5)
            case _:
                pass
        return Made(thing_id=call.new_id("thing"), number=self.made, subject=call.identity.subject)

    async def _list(self, call: Call[Empty, ThingQuery]) -> Made:
        return Made(thing_id="none", number=call.query.limit, subject=call.identity.subject)

    async def _touch(self, call: Call[Empty, Empty]) -> Made:
        return Made(thing_id=call.id, number=0, subject=None)

    async def _stream(self, call: Call[Empty, Empty]) -> Chunks:  # noqa: ARG002 - a handler takes the call
        async def lines() -> AsyncGenerator[bytes, None]:
            yield b"a\n"
            yield b"b\n"

        return Chunks(content=lines(), media_type="text/csv")


GOOD = {"name": "lamp", "quantity": 1}


def error_of(response: httpx.Response) -> dict[str, object]:
    error: dict[str, object] = response.json()["error"]
    assert set(error) == {"code", "message", "temporary", "details"}
    return error
