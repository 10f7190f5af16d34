"""Every limit of the inventory package, with its unit and its reason."""

from typing import Final

# --- Catalogue import -------------------------------------------------------------------------------------------------

MAX_IMPORT_BYTES: Final = 256 * 1024 * 1024
"""Bytes of one catalogue file: room for ``MAX_IMPORT_VARIANTS`` rows of about 1 KB."""

MAX_HEADER_BYTES: Final = 64 * 1024
"""Bytes at the start of a file that are searched for its header row."""

MAX_HEADER_RECORD: Final = 5
"""The header stands within this many records: templates put ``sep=;`` or ``# Required`` lines before it."""

MAX_RECORD_CHARS: Final = 128 * 1024
"""Characters of one CSV record. An unclosed quote swallows at most this much. It equals the standard library's own
limit for a field, so that process-wide setting never needs to be touched."""

MAX_RESCAN_CHARS: Final = 32 * 1024 * 1024
"""Characters of a file that may be read a second time to recover rows behind unclosed quotes; past it, a broken
record is skipped as a whole, so a hostile file costs linear time."""

MAX_IMPORT_VARIANTS: Final = 250_000
"""Variants of one file; it bounds the set of SKUs that is kept to find duplicates."""

MAX_IMPORT_REJECTIONS: Final = 10_000
"""Rejected records of one file, after which the rest is not read: the file is of another kind than its header says."""

MAX_PRODUCT_ROWS: Final = 4_000
"""Rows of one product that are held together; Shopify allows 2,048 variants, and images have rows of their own."""

MAX_REMEMBERED_PRODUCTS: Final = 5_000
"""Products whose details are kept for rows that come back later in the file without them."""

MAX_HANDLE_CHARS: Final = 255
"""Characters of a handle, an item group id or another product key; Shopify's own limit."""

MAX_SKU_CHARS: Final = 100
"""Characters of a SKU; Meta's limit for an item id, the shortest among the channels that cannot cut one."""

DERIVED_SKU_CHARS: Final = 64
"""Characters of a SKU that is made from handle and options."""

MAX_TITLE_CHARS: Final = 255
"""Characters of a product title; Shopify's own limit."""

MAX_VENDOR_CHARS: Final = 255
"""Characters of a vendor's name."""

MAX_OPTION_CHARS: Final = 255
"""Characters of an option's name or value; Shopify's own limit."""

MAX_DESCRIPTION_CHARS: Final = 5_000
"""Characters of a description as plain text; longer ones are cut. Google's limit."""

MAX_HTML_CHARS: Final = 32 * 1024
"""Characters of a description as HTML; what is behind is not looked at."""

MAX_IMAGE_URL_CHARS: Final = 2_048
"""Characters of an image address."""

MAX_QUANTITY: Final = 1_000_000_000
"""Units of one variant in a file; it fits a 32-bit counter with room for sums."""

MAX_QUOTED_CHARS: Final = 60
"""Characters of a wrong value that a rejection repeats."""

# --- Hold book --------------------------------------------------------------------------------------------------------

SWEEP_MOST_CALLS: Final = 200
"""Calls of the sweeper in one round, of about 512 holds and five milliseconds of the server's time each: 100,000 holds
that end in the same moment are over within a second or two."""

NEWS_MOST: Final = 1_000
"""Pieces of news that one call of the sweeper hands out, about 100 KB; with so many it stops and lets them be told."""

TELL_MOST_TIMES: Final = 20
"""Times that one round of the keeper looks for more news: thousands of buyers told, and other pools not forgotten."""

WAITING_MOST: Final = 100_000
"""Buyers on the waiting list of one pool: about ten megabytes. After a draw, those behind the winners."""

LINE_UP_MOST_PER_CALL: Final = 2_000
"""Buyers whom one script call lines up after a draw: a few milliseconds of the server's time."""

HOLD_EXTENSIONS_MOST: Final = 2
"""Extensions of one hold: time for an address and a second card, not for keeping units from others."""

HOLD_LIFE_MOST_TTLS: Final = 3
"""Hold times that a hold lives at most, extensions and all."""
assert HOLD_EXTENSIONS_MOST < HOLD_LIFE_MOST_TTLS, "every extension can add a whole hold time"

CLAIM_MOST_PER_CALL: Final = 256
"""Claims decided by one script call: about 2 ms, so that other pools of the same server are not kept waiting."""

HOLDS_OF_MOST_BUYERS: Final = 500
"""Buyers whose holds one script call looks up: one to two milliseconds of the server's time."""

HOLDS_OF_MOST_CALLS: Final = 32
"""Such calls in one round trip: about half a megabyte of buyer ids."""

BOOK_KEPT_S: Final = 24 * 3600
"""Seconds that the book of a closed pool stays, for late repeats of claims and for people who look into things."""

STALE_MOST_PER_CALL: Final = 500
"""Submissions that one call looks for: about a millisecond of the server's time."""

BUYER_HOLDS_MOST: Final = 500
"""Live holds of one buyer in one pool, whatever the limit of units: each claim of theirs reads the list."""

SUBMISSION_STALE_MS: Final = 30_000
"""A submitted hold without an order for this long was never written down: the process died in between."""
