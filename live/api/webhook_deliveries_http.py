"""Deliveries of webhooks: what was sent, how it went, and sending it again."""

import msgspec

from checkout.webhooks.delivery_log_pg import DeliveryDetail, HookLog, Replayed
from checkout.webhooks.endpoint import DeliveryState, DeliveryView, EventKind
from kit.errors import InvalidError
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import AfterDelivery, Limit, TimeMs
from live.api.limits import JSON_BODY_MAX_BYTES, MILLISECONDS_LEAST, PAGE_DEFAULT_ITEMS


class WebhookTest(Request, frozen=True):
    """Which kind of event is made up; without ``event``, the first that the endpoint wants."""

    event: EventKind | None = None


class DeliveryQuery(Request, frozen=True):
    """Which deliveries."""

    state: DeliveryState | None = None
    limit: Limit = PAGE_DEFAULT_ITEMS
    after: AfterDelivery | None = None


class DeliveryPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some deliveries, the newest first; ``next`` is the ``after`` of the following page."""

    items: list[DeliveryView]
    next: str | None


class WebhookReplay(Request, frozen=True):
    """Which deliveries are sent again: those made from ``since_at_ms`` up to, not including, ``until_at_ms``."""

    since_at_ms: TimeMs
    until_at_ms: TimeMs
    only_failed: bool = False
    after: AfterDelivery | None = None


class WebhookDeliveryEndpoints:
    """The calls about deliveries."""

    def __init__(self, log: HookLog) -> None:
        self._log = log

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "webhook endpoints",
                "test_webhook_endpoint",
                "POST",
                "/v1/webhooks/endpoints/{id}/test",
                "Send an endpoint a made-up event, marked as a test",
                roles=STAFF,
                body=WebhookTest,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=DeliveryView,
                status=202,
                handle=self._test,
            ),
            endpoint(
                "webhook endpoints",
                "list_webhook_deliveries",
                "GET",
                "/v1/webhooks/endpoints/{id}/deliveries",
                "What an endpoint was and will be sent, the newest first",
                roles=STAFF,
                body=Empty,
                query=DeliveryQuery,
                answer=DeliveryPage,
                handle=self._page,
            ),
            endpoint(
                "webhook endpoints",
                "get_webhook_delivery",
                "GET",
                "/v1/webhooks/endpoints/{id}/deliveries/{delivery_id}",
                "One delivery with its body and its attempts",
                roles=STAFF,
                body=Empty,
                query=Empty,
                answer=DeliveryDetail,
                handle=self._delivery,
            ),
            endpoint(
                "webhook endpoints",
                "replay_webhook_delivery",
                "POST",
                "/v1/webhooks/endpoints/{id}/deliveries/{delivery_id}/replay",
                "Send one delivery again, with the same webhook-id",
                roles=STAFF,
                body=Empty,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=DeliveryView,
                status=202,
                handle=self._replay,
            ),
            endpoint(
                "webhook endpoints",
                "replay_webhook_deliveries",
                "POST",
                "/v1/webhooks/endpoints/{id}/replay",
                "Send again what was made in a range of time, up to 10,000 per call",
                roles=STAFF,
                body=WebhookReplay,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=Replayed,
                status=202,
                handle=self._replay_range,
            ),
        ]

    async def _test(self, call: Call[WebhookTest, Empty]) -> DeliveryView:
        return await self._log.try_out(call.id, seed=call.asked.seed, kind=call.body.event)

    async def _page(self, call: Call[Empty, DeliveryQuery]) -> DeliveryPage:
        asked = call.query
        items, after = await self._log.page(call.id, state=asked.state, limit=asked.limit, after=asked.after)
        return DeliveryPage(items=items, next=after)

    async def _delivery(self, call: Call[Empty, Empty]) -> DeliveryDetail:
        return await self._log.get(call.id, call.asked.path["delivery_id"])

    async def _replay(self, call: Call[Empty, Empty]) -> DeliveryView:
        return await self._log.replay(call.id, call.asked.path["delivery_id"])

    async def _replay_range(self, call: Call[WebhookReplay, Empty]) -> Replayed:
        body = call.body
        for field, at_ms in (("since_at_ms", body.since_at_ms), ("until_at_ms", body.until_at_ms)):
            if 0 < at_ms < MILLISECONDS_LEAST:
                raise InvalidError(f"{field} is in milliseconds since the epoch; this is before 2001", field=field)
        if body.until_at_ms <= body.since_at_ms:
            raise InvalidError("until_at_ms must be after since_at_ms", field="until_at_ms")
        return await self._log.replay_range(
            call.id,
            since_at_ms=body.since_at_ms,
            until_at_ms=body.until_at_ms,
            only_failed=body.only_failed,
            after=body.after,
        )
