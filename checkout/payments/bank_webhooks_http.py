"""Posting the test bank's webhooks, at least once, with growing pauses."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec

from checkout.limits import (
    WEBHOOK_BACKOFF_MOST_MS,
    WEBHOOK_LEASE_MS,
    WEBHOOK_TIMEOUT_S,
    WEBHOOKS_MAX_BATCH,
    backoff_ms,
)
from checkout.payments.bank_webhook import BankEvent, WebhookSigner
from kit.log import logger
from kit.money import Money
from kit.postgres import Postgres, Record
from kit.sql import Queries

_sql = Queries(Path(__file__).parent.parent / "sql" / "bank.sql")
_log = logger("bank")


class BankWebhooks:
    """Tells the shop what became of slow payments.

    Args:
        secret: the deployment's secret.
    """

    def __init__(self, postgres: Postgres, secret: str) -> None:
        self._postgres = postgres
        self._signer = WebhookSigner(secret)

    async def deliver_due(self, client: httpx.AsyncClient, url: str) -> int:
        """Post the webhooks that are due and return how many arrived.

        Args:
            client: lent for the call.
            url: ``{api_url}/v1/webhooks/payments/test``.
        """
        async with self._postgres.connection() as connection:
            due = await connection.fetch(_sql.take_webhooks, WEBHOOKS_MAX_BATCH, WEBHOOK_LEASE_MS)
        arrived = await asyncio.gather(*(self._post(client, url, row) for row in due))
        done = [row["payment_id"] for row, ok in zip(due, arrived, strict=True) if ok]
        async with self._postgres.connection() as connection:
            if done:
                await connection.execute(_sql.webhook_arrived, done)
            for row, ok in zip(due, arrived, strict=True):
                if not ok:
                    wait_ms = backoff_ms(row["notify_attempts"], most_ms=WEBHOOK_BACKOFF_MOST_MS)
                    await connection.execute(_sql.postpone_webhook, row["payment_id"], wait_ms)
        return len(done)

    async def _post(self, client: httpx.AsyncClient, url: str, row: Record) -> bool:
        body = msgspec.json.encode(
            BankEvent(
                type="payment.authorised",
                payment_id=row["payment_id"],
                order_id=row["order_id"],
                amount=Money(row["amount"], row["currency"]),
            )
        )
        headers = self._signer.sign(f"evt_{row['payment_id']}", body, datetime.now(UTC))
        try:
            answer = await client.post(url, content=body, headers=headers, timeout=WEBHOOK_TIMEOUT_S)
        except httpx.HTTPError as error:
            _log.warning(
                "webhook_waits",
                payment_id=row["payment_id"],
                error=type(error).__name__,
                url=url,
                meaning="the worker does not reach the API; is SHOWDROP_API_URL right?",
            )
            return False
        if not answer.is_success:
            _log.warning("webhook_waits", payment_id=row["payment_id"], status=answer.status_code)
        return answer.is_success
