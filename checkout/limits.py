"""Every limit of checkout, with its unit and its reason."""

from typing import Final

# --- taking orders -------------------------------------------------------------------------------------------------
SUBMIT_MAX_HOLDS: Final = 100
"""Holds that are submitted in one round trip to the hold book: some 20 µs each there."""
INSERT_MAX_ORDERS: Final = 500
"""Orders per insert: a burst of checkouts shares one commit."""
INSERT_MAX_QUEUED_ORDERS: Final = 20_000
"""Checkouts under way in one process, waiting for the hold book or their insert; more are refused as ``overloaded``."""
SHIPPING_MAX_BYTES: Final = 4_096
"""The shipping part of a checkout, as JSON."""
SHIPPING_MAX_DEPTH: Final = 8
"""Objects and lists inside each other in it. What is nested as deep as one reader's stack allows is too deep for the
next: one such order would hide a whole page of them."""
PAGE_MAX_ORDERS: Final = 1_000
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
CALLS_FINISH_S: Final = 3.0
"""What a worker that ends gives calls that are under way: most answer within one second, and an order whose call is cut
off waits for its lease."""
LEASE_MS: Final = 30_000
"""A row that was taken is nobody else's for this long: a worker that died gives it back by doing nothing."""
RESOLVE_LEASE_MS: Final = 5_000
RELAY_LEASE_MS: Final = 5_000
BACKLOG_EVERY_S: Final = 5.0
"""How often what waits is counted, for the metrics: often enough that workers can be added by it."""
BACKLOG_COUNTED: Final = 10_000
"""What waits is counted up to here, so that the look stays short when there is much."""
POLL_MS: Final = 500
"""How often a stage looks by itself when nothing wakes it."""
LISTEN_LOOK_EVERY_S: Final = 30.0
"""How often the connection that new orders are heard on is tried; while it is dead, the poll hears of them."""
GATHER_MS: Final = 20
"""Pause of a stage after a batch that was not full. An order that comes while nothing goes on waits for none of it; in
a rush each stage makes fewer, larger batches, which cost a fraction."""
BACKOFF_FIRST_MS: Final = 500
BACKOFF_MOST_MS: Final = 300_000
NOT_ASKED_WAIT_MS: Final = 1_000
"""Until an order whose provider had no room is tried again: about as long as the line before a provider is."""
PENDING_POLL_MS: Final = 5_000
"""First question about a pending payment whose webhook has not come."""
PAYMENT_DEADLINE_MS: Final = 1_800_000
"""An order whose payment is still pending or unknown after this long loses its units; late money goes back."""
REFUND_MAX_REFUSALS: Final = 5
"""A refund that the provider refused this often has failed; one whose outcome is unknown is asked for ever."""

# --- exports and reports -------------------------------------------------------------------------------------------
EXPORT_MAX_S: Final = 300.0
"""Seconds of one export, however slowly it is read: its snapshot keeps dead rows of the hot tables from being reused.
Ten million orders at the least rate that we promise, 50,000 rows/s, take 200."""
EXPORTS_AT_ONCE: Final = 3
"""Exports under way in one process: each keeps a connection of its pool, and requests need the others."""
EXPORT_AHEAD_BYTES: Final = 512 * 1024
"""Bytes of an export that wait for a reader who is slower than Postgres; beyond, Postgres waits."""
REPORT_MOST_ROWS: Final = 200
"""Rows of each table of a show's report, the largest first: a show has tens of offers, a provider tens of reasons."""

# --- what is kept ---------------------------------------------------------------------------------------------------
DAY_MS: Final = 24 * 3_600_000
OUTBOX_KEPT_MS: Final = 30 * DAY_MS
"""News that was told: long enough to look into a complaint. Its key has to outlive every repeat of its cause, and an
order's state changes once."""
PAYMENT_BODY_KEPT_MS: Final = 90 * DAY_MS
"""What a provider wrote, as it wrote it: it holds data of buyers. Card schemes let a buyer dispute for as long."""
PAYMENT_EVENT_KEPT_MS: Final = 400 * DAY_MS
"""That an event was applied: longer than any provider repeats one, by itself or by hand, and than a yearly audit."""
HOUSEKEEPING_ROWS: Final = 1_000
"""Rows per statement: some milliseconds, so nobody waits for its locks, and replicas follow in small steps."""
HOUSEKEEPING_MOST_BATCHES: Final = 50
"""Statements per table and round: a backlog is worked off over some rounds, not in one long burst."""
OUTBOX_LOOK_ROWS: Final = 5_000
"""Oldest rows of the outbox that are looked at: where they are all young or untold, there is nothing to delete."""

# --- M-Pesa --------------------------------------------------------------------------------------------------------
MPESA_MOST_SHILLINGS: Final = 250_000
"""The most that M-Pesa moves at once."""
MPESA_TIMEOUT_S: Final = 8.0
"""One answer of Daraja to a question."""
MPESA_PUSH_TIMEOUT_S: Final = 25.0
"""One answer to a push or a reversal: waited for beyond the caller's patience, because its id comes only once."""
MPESA_TOKEN_MARGIN_S: Final = 60.0
"""An access token is renewed this long before its end."""
MPESA_CONNECTIONS: Final = 32
MPESA_ANSWER_MAX_BYTES: Final = 65_536
MPESA_CALLBACK_MAX_BYTES: Final = 16_384
"""A real callback is under 2 KB."""
MPESA_MAX_CALLBACKS: Final = 16
"""Callbacks of one order that are looked at, the newest; a real order has one or two."""
MPESA_NO_ANSWER_MS: Final = 300_000
"""A push whose answer was lost and that nobody called back about is over after this long; a prompt lives a minute."""
MPESA_CLOSE_MS: Final = 86_400_000
"""A push that stays undecided this long after its last callback is over; the next callback opens it again."""
MPESA_CHECK_AGAIN_MS: Final = 120_000
"""A question about a transaction that got no answer is asked again after this long."""
MPESA_RESULT_LATE_MS: Final = 600_000
"""After this long without its result, an accepted reversal is asked about."""

# --- the test bank -------------------------------------------------------------------------------------------------
BANK_MAX_BATCH: Final = 256
BANK_MAX_QUEUED: Final = 10_000
SLOW_PAYMENT_MS: Final = 2_000
"""How long ``pm_test_slow`` stays pending."""
WEBHOOKS_MAX_BATCH: Final = 50
WEBHOOK_LEASE_MS: Final = 5_000
WEBHOOK_TIMEOUT_S: Final = 3.0
WEBHOOK_BACKOFF_MOST_MS: Final = 60_000

# --- calls to payment providers -------------------------------------------------------------------------------------
STRIPE_CALLS_PER_S: Final = 25.0
"""What Stripe allows for one endpoint, unless it says otherwise."""
PACE_MOST_WAIT_S: Final = 4.0
"""A line as long as this at full pace takes nobody more: who waits longer has no time left for the call itself."""
RATE_LIMITED_TRIES: Final = 3
RATE_LIMITED_PAUSE_S: Final = 1.0
"""When the provider does not say how long."""
RETRY_AFTER_MOST_S: Final = 5.0
"""Who is told to wait longer gives up the call, not the order."""
STRIPE_CONNECT_TIMEOUT_S: Final = 3.0
STRIPE_ANSWER_TIMEOUT_S: Final = 8.0
STRIPE_MAX_CONNECTIONS: Final = 100
STRIPE_PAGE_INTENTS: Final = 100
STRIPE_LIST_MAX_PAGES: Final = 40
"""Pages read to find one payment, about what fits into one call; what is not found then stays unknown for now."""
STRIPE_SEARCH_LAG_S: Final = 3_600
"""What Stripe's search may be behind, as its documentation says: for this long the list is asked as well."""
STRIPE_CLOCK_SKEW_S: Final = 300
STRIPE_KNOWN_PAYMENTS: Final = 10_000
"""Payment ids remembered by idempotency key, so that polling a pending payment costs one call."""
STRIPE_REFUNDS_MOST: Final = 100
STRIPE_SIGNATURE_AGE_S: Final = 300
"""How far a webhook's time may be from ours, either way; Stripe's own libraries allow as much."""
STRIPE_SIGNATURE_MAX_CHARS: Final = 4_096
STRIPE_METHOD_MAX_CHARS: Final = 128
"""``card`` with its token; tokens have about 30."""
BILLING_FIELD_MAX_CHARS: Final = 255

assert PROVIDER_TIMEOUT_MS < LEASE_MS, "a call must end before its row can be taken again"
assert MPESA_PUSH_TIMEOUT_S * 1000 < LEASE_MS, "a push must be answered before its order can be taken again"
assert MPESA_PUSH_TIMEOUT_S * 1000 < MPESA_NO_ANSWER_MS < PAYMENT_DEADLINE_MS < MPESA_CLOSE_MS
assert WEBHOOK_TIMEOUT_S * 1000 < WEBHOOK_LEASE_MS, "a delivery must end before it can be repeated"
assert BACKOFF_FIRST_MS < BACKOFF_MOST_MS
assert STRIPE_ANSWER_TIMEOUT_S * 1000 < PROVIDER_TIMEOUT_MS, "the adapter's own limit tells more than being cut off"
assert PACE_MOST_WAIT_S * 1000 < PROVIDER_TIMEOUT_MS / 2, "half of a call's time is for the call"
assert PAYMENT_BODY_KEPT_MS < PAYMENT_EVENT_KEPT_MS, "a row loses its body before it goes"
assert HOUSEKEEPING_ROWS <= OUTBOX_LOOK_ROWS
assert PENDING_POLL_MS > SLOW_PAYMENT_MS, "the webhook has its chance before the poll"


def backoff_ms(attempts: int, *, first_ms: int = BACKOFF_FIRST_MS, most_ms: int = BACKOFF_MOST_MS) -> int:
    """Return how long to wait after ``attempts`` tries: doubling from ``first_ms``, at most ``most_ms``."""
    return int(min(most_ms, first_ms * 2 ** min(max(attempts - 1, 0), 30)))
