"""Webhooks of payment providers: applied at most once, in whatever order they come."""

from collections.abc import Callable

from checkout.payment_events_pg import PaymentEvents
from checkout.payments.provider import PaymentEvent, Providers, WebhookRequest
from checkout.payments.settings import SWITCHES
from kit.errors import NotFoundError


class WebhookInbox:
    """Receives what providers post.

    Args:
        on_change: called after an event changed something.
    """

    def __init__(
        self, events: PaymentEvents, providers: Providers, *, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._events = events
        self._providers = providers
        self._on_change = on_change

    async def receive(self, provider: str, request: WebhookRequest) -> bool:
        """Check, record and apply one webhook.

        Returns:
            False when this event was received before.

        Raises:
            NotFoundError: ``unknown_provider``.
            UnauthorisedError: a bad signature; nothing was stored.
            InvalidError: a body that cannot be read.
            UnavailableError: Postgres does not answer; the provider has to send it again.
        """
        adapter = self._providers.find(provider)
        if adapter is None:
            switch = SWITCHES.get(provider)
            said = (
                "there is no such payment provider" if switch is None else f"{provider} is not set up here ({switch})"
            )
            raise NotFoundError(said, code="unknown_provider")
        return await self.apply(adapter.parse_webhook(request))

    async def apply(self, event: PaymentEvent) -> bool:
        """Record and apply one checked event; False when it was received before."""
        fresh = await self._events.apply(event)
        if fresh:
            self._on_change()
        return fresh
