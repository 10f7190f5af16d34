"""Webhooks of payment providers. Whoever calls proves it by a signature over the raw body, not by a token."""

from typing import Annotated

import msgspec

from checkout.apply_event import WebhookInbox
from checkout.payments.provider import WebhookRequest
from live.api.endpoint import Call, Empty, Endpoint, Request, endpoint
from live.api.limits import RAW_BODY_MAX_BYTES


class WebhookQuery(Request, frozen=True):
    """What a provider that signs nothing shows instead, as part of the URL that it was given."""

    token: Annotated[str, msgspec.Meta(max_length=128)] = ""


class WebhookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The event is recorded; ``fresh`` is false when it had been before."""

    fresh: bool


class WebhookEndpoints:
    """The call that providers make."""

    def __init__(self, inbox: WebhookInbox) -> None:
        self._inbox = inbox

    def endpoints(self) -> list[Endpoint]:
        """Return it."""
        return [
            endpoint(
                "webhooks",
                "receive_payment_webhook",
                "POST",
                "/v1/webhooks/payments/{provider}",
                "For payment providers; the signature is checked before anything is stored",
                roles=None,
                body=Empty,
                body_kind="raw",
                body_limit=RAW_BODY_MAX_BYTES,
                query=WebhookQuery,
                answer=WebhookAnswer,
                refusals=(401,),
                handle=self._payment,
            )
        ]

    async def _payment(self, call: Call[Empty, WebhookQuery]) -> WebhookAnswer:
        request = WebhookRequest(headers=call.asked.headers, body=call.asked.raw, token=call.query.token)
        fresh = await self._inbox.receive(call.asked.path["provider"], request)
        return WebhookAnswer(fresh=fresh)
