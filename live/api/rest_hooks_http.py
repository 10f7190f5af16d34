"""REST hooks: the way in which Zapier, Tray.io, MuleSoft and their like subscribe to one event and leave again."""

from typing import cast

import msgspec

from checkout.webhooks.delivery_log_pg import HookLog
from checkout.webhooks.endpoint import EventKind
from checkout.webhooks.endpoints_pg import HookEndpoints
from checkout.webhooks.event import WebhookEvent
from kit.errors import InvalidError
from live.api.endpoint import STAFF, Bytes, Call, Empty, Endpoint, Request, endpoint
from live.api.limits import JSON_BODY_MAX_BYTES
from live.api.webhook_endpoints_http import Url


class NewHook(Request, frozen=True):
    """A REST hook: one event, and its address under one of the names that tools use."""

    event: EventKind
    url: Url | None = None
    target_url: Url | None = None
    hook_url: Url | None = msgspec.field(default=None, name="hookUrl")


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """A REST hook's id, for taking it away again."""

    id: str


class SampleQuery(Request, frozen=True):
    """Of which kind of event."""

    event: EventKind


class RestHookEndpoints:
    """The calls that no-code tools make. A hook is a webhook endpoint with one event, and is listed there too."""

    def __init__(self, hooks: HookEndpoints, log: HookLog) -> None:
        self._hooks = hooks
        self._log = log

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "webhook endpoints",
                "get_hook_samples",
                "GET",
                "/v1/hooks/sample",
                "Recent events as a hook gets them, for tools that learn their shape",
                roles=STAFF,
                body=Empty,
                query=SampleQuery,
                # No-code tools want a bare array; the API document is made from any type that msgspec knows.
                answer=cast(type[msgspec.Struct], list[WebhookEvent]),
                handle=self._samples,
            ),
            endpoint(
                "webhook endpoints",
                "create_hook",
                "POST",
                "/v1/hooks",
                "Subscribe a REST hook to one event",
                roles=STAFF,
                body=NewHook,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=Hook,
                status=201,
                handle=self._create_hook,
            ),
            endpoint(
                "webhook endpoints",
                "remove_hook",
                "DELETE",
                "/v1/hooks/{id}",
                "Unsubscribe a REST hook",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=Hook,
                handle=self._remove_hook,
            ),
        ]

    async def _samples(self, call: Call[Empty, SampleQuery]) -> Bytes:
        bodies = await self._log.samples(call.query.event)
        return Bytes(content=b"[" + b",".join(bodies) + b"]", media_type="application/json")

    async def _create_hook(self, call: Call[NewHook, Empty]) -> Hook:
        body = call.body
        given = [url for url in (body.url, body.target_url, body.hook_url) if url is not None]
        if len(given) != 1:
            raise InvalidError("url (or hookUrl, or target_url) must be given, once", field="url")
        made = await self._hooks.create(call.new_id("whe"), url=given[0], events=[body.event], description="REST hook")
        return Hook(id=made.endpoint.endpoint_id)

    async def _remove_hook(self, call: Call[Empty, Empty]) -> Hook:
        await self._hooks.remove(call.id)
        return Hook(id=call.id)
