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

SWEEP_MOST_HOLDS: Final = 1_000
"""Holds that one sweep of one pool expires: about two milliseconds of the server's time."""

CLAIM_MOST_PER_CALL: Final = 256
"""Claims decided by one script call: about 2 ms, so that other pools of the same server are not kept waiting."""

HOLDS_OF_MOST_BUYERS: Final = 500
"""Buyers whose holds one script call looks up: one to two milliseconds of the server's time."""

HOLDS_OF_MOST_CALLS: Final = 32
"""Such calls in one round trip: about half a megabyte of buyer ids."""

BOOK_KEPT_S: Final = 24 * 3600
"""Seconds that the book of a closed pool stays, for late repeats of claims and for people who look into things."""

SUBMISSION_STALE_MS: Final = 30_000
"""A submitted hold without an order for this long was never written down: the process died in between."""
