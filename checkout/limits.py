"""Every limit of checkout, with its unit and its reason."""

from typing import Final

# --- taking orders -------------------------------------------------------------------------------------------------
INSERT_MAX_ORDERS: Final = 500
"""Orders per insert: a burst of checkouts shares one commit."""
INSERT_MAX_QUEUED_ORDERS: Final = 20_000
"""Checkouts waiting for their insert; more are refused as ``overloaded``."""
SHIPPING_MAX_BYTES: Final = 4_096
"""The shipping part of a checkout, as JSON."""
PAGE_MAX_ORDERS: Final = 1_000
STREAM_PREFETCH_ORDERS: Final = 500
LATEST_ORDERS: Final = 20
"""What a viewer who comes back is shown of their own orders."""

# --- the worker ----------------------------------------------------------------------------------------------------
SETTLE_MAX_ORDERS: Final = 500
"""Orders per settle transaction: past a few hundred a larger batch gains nothing and holds the pool's row longer."""
RESOLVE_MAX_ORDERS: Final = 500
RELAY_MAX_EVENTS: Final = 500
PAYMENTS_IN_FLIGHT: Final = 256
"""Calls to payment providers under way per stage; an adapter that has to be slower limits itself."""
REFUNDS_IN_FLIGHT: Final = 32
ANSWERS_MAX_ORDERS: Final = 500
"""Answers of providers written in one transaction."""
PROVIDER_TIMEOUT_MS: Final = 10_000
LEASE_MS: Final = 30_000
"""A row that was taken is nobody else's for this long: a worker that died gives it back by doing nothing."""
RESOLVE_LEASE_MS: Final = 5_000
RELAY_LEASE_MS: Final = 5_000
POLL_MS: Final = 500
"""How often a stage looks by itself when nothing wakes it."""
BACKOFF_FIRST_MS: Final = 500
BACKOFF_MOST_MS: Final = 300_000
PENDING_POLL_MS: Final = 5_000
"""First question about a pending payment whose webhook has not come."""
PAYMENT_DEADLINE_MS: Final = 1_800_000
"""An order whose payment is still pending or unknown after this long loses its units; late money goes back."""
REFUND_MAX_REFUSALS: Final = 5
"""A refund that the provider refused this often has failed; one whose outcome is unknown is asked for ever."""

# --- the test bank -------------------------------------------------------------------------------------------------
BANK_MAX_BATCH: Final = 256
BANK_MAX_QUEUED: Final = 10_000
SLOW_PAYMENT_MS: Final = 2_000
"""How long ``pm_test_slow`` stays pending."""
WEBHOOKS_MAX_BATCH: Final = 50
WEBHOOK_LEASE_MS: Final = 5_000
WEBHOOK_TIMEOUT_S: Final = 3.0
WEBHOOK_BACKOFF_MOST_MS: Final = 60_000

assert PROVIDER_TIMEOUT_MS < LEASE_MS, "a call must end before its row can be taken again"
assert WEBHOOK_TIMEOUT_S * 1000 < WEBHOOK_LEASE_MS, "a delivery must end before it can be repeated"
assert BACKOFF_FIRST_MS < BACKOFF_MOST_MS
assert PENDING_POLL_MS > SLOW_PAYMENT_MS, "the webhook has its chance before the poll"


def backoff_ms(attempts: int, *, first_ms: int = BACKOFF_FIRST_MS, most_ms: int = BACKOFF_MOST_MS) -> int:
    """Return how long to wait after ``attempts`` tries: doubling from ``first_ms``, at most ``most_ms``."""
    return int(min(most_ms, first_ms * 2 ** min(max(attempts - 1, 0), 30)))
