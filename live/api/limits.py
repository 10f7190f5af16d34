"""Every limit of the HTTP layer, with its unit and its reason."""

from typing import Final

from inventory.limits import MAX_IMPORT_BYTES, MAX_SKU_CHARS

JSON_BODY_MAX_BYTES: Final = 256 * 1024
"""Bytes of a JSON body; the largest of ours is below 8 KiB."""

RAW_BODY_MAX_BYTES: Final = 1024 * 1024
"""Bytes of a webhook; providers stay below 256 KiB."""

FILE_BODY_MAX_BYTES: Final = MAX_IMPORT_BYTES
"""Bytes of an uploaded catalogue: what the import itself takes."""

FILE_IN_MEMORY_BYTES: Final = 8 * 1024 * 1024
"""Bytes of an upload that are kept in memory; the rest goes to a temporary file."""

BODY_TIMEOUT_S: Final = 600
"""Seconds until a body must have arrived as a whole: 256 MiB at 4 Mbit/s."""

IDEMPOTENCY_KEY_MAX_CHARS: Final = 255
"""Characters of an Idempotency-Key; a UUID has 36."""

IDEMPOTENCY_LOCK_MS: Final = 10_000
"""Milliseconds after which a request whose process died may be taken over by a repeat."""

IDEMPOTENCY_RENEW_S: Final = 3
"""Seconds between two signs of life of a request that takes long, such as an import."""
assert IDEMPOTENCY_RENEW_S * 1000 * 2 < IDEMPOTENCY_LOCK_MS

IDEMPOTENCY_KEPT_MS: Final = 24 * 3_600_000
"""Milliseconds that an answer is remembered: a day."""

IDEMPOTENCY_PURGE_ROWS: Final = 10_000
"""Rows that one purge statement deletes, so that it stays far below the statement timeout."""

PAGE_MOST_ITEMS: Final = 1_000
"""Items of one page of a list."""

PAGE_DEFAULT_ITEMS: Final = 100
"""Items of a page when nothing is said."""

MILLISECONDS_LEAST: Final = 1_000_000_000_000
"""The milliseconds since the epoch in September 2001: as a time of ours, anything less was meant in seconds."""

QUERY_MAX_CHARS: Final = 200
"""Characters of a search text."""

CHECK_TIMEOUT_S: Final = 2.0
"""Seconds that one readiness check may take: below the probe's own timeout of usual orchestrators."""

RETRY_AFTER_S: Final = 1
"""Seconds that a 503 asks to wait; clients add their own jitter."""

REQUESTS_BURST_S: Final = 4.0
"""Seconds' worth of requests at once, of one address and of one bearer: a page and all that it loads, for a whole
office. See ``SHOWDROP_ADDRESS_REQUESTS_PER_S`` and ``SHOWDROP_TOKEN_REQUESTS_PER_S``."""

REQUEST_ADDRESSES_MOST: Final = 20_000
"""Addresses whose buckets are not full; of more the one unused for longest is forgotten: about 5 MB."""

REQUEST_BEARERS_MOST: Final = 20_000
"""Bearers whose requests are counted, likewise."""

HSTS_MAX_AGE_S: Final = 365 * 24 * 3600
"""Seconds for which a browser that came by https is told to come by nothing else: a year, as is usual."""

REQUEST_ID_MAX_CHARS: Final = 64
"""Characters of a request id that a proxy in front may give us."""

STOCK_DELTA_MOST_UNITS: Final = 1_000_000_000
"""Units of one stock correction, either way."""

REASON_MAX_CHARS: Final = 500
"""Characters of a reason that staff write."""

SKU_MAX_CHARS: Final = MAX_SKU_CHARS
"""Characters of a SKU in a request; longer ones cannot exist."""

PAYMENT_METHOD_MAX_CHARS: Final = 255
"""Characters of a payment method's id; Stripe's are below 64."""

CSV_CHUNK_ENTRIES: Final = 500
"""Buyers per chunk of a draw's CSV stream: about 50 KB."""

REFUND_MOST_LINES: Final = 1
"""Lines of one refund: an order has one."""

LINKS_BODY_MAX_BYTES: Final = 50 * 1024 * 1024
"""A file of links, as many lines as one may have."""

ANNOUNCEMENT_TEXT_CHARS: Final = 500
"""Characters of a message to a channel's followers, besides title and price."""

LINK_CHARS: Final = 1_000
"""Characters of the address in it: what LINE takes behind a button."""
