"""Webhooks out: merchants subscribe their servers to what becomes of orders."""

from typing import Annotated

import msgspec

from checkout.webhooks.endpoint import KINDS, EndpointView, EventChoice
from checkout.webhooks.endpoints_pg import HookEndpoints, NewEndpoint
from checkout.webhooks.limits import DESCRIPTION_CHARS, SECRET_OVERLAP_S, URL_CHARS
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import PRINTABLE, PRINTABLE_SAID
from live.api.limits import JSON_BODY_MAX_BYTES

Url = Annotated[str, msgspec.Meta(min_length=1, max_length=URL_CHARS)]


class NewWebhookEndpoint(Request, frozen=True):
    """Where calls go, and about which events: some kinds, or ``*`` alone for all of them."""

    url: Url
    events: Annotated[list[EventChoice], msgspec.Meta(min_length=1, max_length=len(KINDS))]
    description: Annotated[
        str, msgspec.Meta(max_length=DESCRIPTION_CHARS, pattern=PRINTABLE, description=PRINTABLE_SAID)
    ] = ""


class WebhookEndpointSecret(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint and its secret, which signs the calls and is shown this once."""

    endpoint_id: str
    url: str
    events: list[EventChoice]
    description: str
    secret: str


class WebhookEndpointList(msgspec.Struct, frozen=True, kw_only=True):
    """Every endpoint, the oldest first."""

    items: list[EndpointView]


class WebhookRotation(Request, frozen=True):
    """How long the old secret signs beside the new one, in seconds."""

    overlap_s: Annotated[int, msgspec.Meta(ge=0, le=SECRET_OVERLAP_S)] = SECRET_OVERLAP_S


class RemovedWebhookEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoint is forgotten."""

    endpoint_id: str


class WebhookEndpointEndpoints:
    """The calls about who hears of what."""

    def __init__(self, hooks: HookEndpoints) -> None:
        self._hooks = hooks

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "webhook endpoints",
                "create_webhook_endpoint",
                "POST",
                "/v1/webhooks/endpoints",
                "Subscribe an address to events; the answer has the secret that signs the calls",
                roles=STAFF,
                body=NewWebhookEndpoint,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=WebhookEndpointSecret,
                status=201,
                handle=self._create,
            ),
            endpoint(
                "webhook endpoints",
                "list_webhook_endpoints",
                "GET",
                "/v1/webhooks/endpoints",
                "List endpoints, without their secrets",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=WebhookEndpointList,
                handle=self._list,
            ),
            endpoint(
                "webhook endpoints",
                "get_webhook_endpoint",
                "GET",
                "/v1/webhooks/endpoints/{id}",
                "One endpoint, without its secret",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=EndpointView,
                handle=self._get,
            ),
            endpoint(
                "webhook endpoints",
                "remove_webhook_endpoint",
                "DELETE",
                "/v1/webhooks/endpoints/{id}",
                "Unsubscribe an address",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=RemovedWebhookEndpoint,
                handle=self._remove,
            ),
            endpoint(
                "webhook endpoints",
                "rotate_webhook_secret",
                "POST",
                "/v1/webhooks/endpoints/{id}/rotate",
                "Make a new secret; the old one signs beside it for a day, or as long as overlap_s says",
                roles=STAFF,
                body=WebhookRotation,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=WebhookEndpointSecret,
                handle=self._rotate,
            ),
            endpoint(
                "webhook endpoints",
                "enable_webhook_endpoint",
                "POST",
                "/v1/webhooks/endpoints/{id}/enable",
                "Call an endpoint again that was disabled because it was gone or failed for days",
                roles=STAFF,
                body=Empty,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=EndpointView,
                handle=self._enable,
            ),
        ]

    async def _create(self, call: Call[NewWebhookEndpoint, Empty]) -> WebhookEndpointSecret:
        body = call.body
        return _with_secret(
            await self._hooks.create(call.new_id("whe"), url=body.url, events=body.events, description=body.description)
        )

    async def _list(self, call: Call[Empty, Empty]) -> WebhookEndpointList:  # noqa: ARG002 - a handler takes the call
        return WebhookEndpointList(items=await self._hooks.list())

    async def _get(self, call: Call[Empty, Empty]) -> EndpointView:
        return await self._hooks.get(call.id)

    async def _remove(self, call: Call[Empty, Empty]) -> RemovedWebhookEndpoint:
        await self._hooks.remove(call.id)
        return RemovedWebhookEndpoint(endpoint_id=call.id)

    async def _rotate(self, call: Call[WebhookRotation, Empty]) -> WebhookEndpointSecret:
        return _with_secret(
            await self._hooks.rotate(call.id, secret_id=call.new_id("whk"), overlap_s=call.body.overlap_s)
        )

    async def _enable(self, call: Call[Empty, Empty]) -> EndpointView:
        return await self._hooks.enable(call.id)


def _with_secret(made: NewEndpoint) -> WebhookEndpointSecret:
    return WebhookEndpointSecret(
        endpoint_id=made.endpoint.endpoint_id,
        url=made.endpoint.url,
        events=made.endpoint.events,
        description=made.endpoint.description,
        secret=made.secret,
    )
