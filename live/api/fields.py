"""Types of request fields: the limits stand in the type, so decoding checks them and the API document shows them."""

from typing import Annotated, Final

import msgspec

from kit.ids import ULID_PATTERN
from live.api.endpoint import Request
from live.api.limits import (
    PAGE_MOST_ITEMS,
    QUERY_MAX_CHARS,
    REASON_MAX_CHARS,
    SKU_MAX_CHARS,
)

SAFE_INTEGER_MAX: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exact."""

# No control characters: they break logs, CSV and terminals, and Postgres refuses a zero byte.
# `$` would let a newline through at the end.
PRINTABLE: Final = r"^[^\x00-\x1f\x7f]*(?![\s\S])"
NOT_BLANK: Final = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*(?![\s\S])"

# A refusal says "expected …" and the description instead of the pattern.
NOT_BLANK_SAID: Final = "a text without control characters that is not blank"
PRINTABLE_SAID: Final = "a text without control characters"
NO_BLANKS: Final = r"^[!-~]+(?![\s\S])"
NEXT_SAID: Final = "`next` of the page before, as it was"

Reason = Annotated[
    str, msgspec.Meta(min_length=1, max_length=REASON_MAX_CHARS, pattern=NOT_BLANK, description=NOT_BLANK_SAID)
]
Sku = Annotated[
    str, msgspec.Meta(min_length=1, max_length=SKU_MAX_CHARS, pattern=NOT_BLANK, description=NOT_BLANK_SAID)
]
Currency = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Z]{3}(?![\s\S])", description="an ISO 4217 code: three capital letters, such as EUR"),
]
TimeMs = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER_MAX, description="milliseconds since the epoch")]
Amount = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER_MAX, description="minor units, such as cents")]
PositiveAmount = Annotated[int, msgspec.Meta(ge=1, le=SAFE_INTEGER_MAX, description="minor units, such as cents")]
Limit = Annotated[int, msgspec.Meta(ge=1, le=PAGE_MOST_ITEMS)]
SearchText = Annotated[str, msgspec.Meta(max_length=QUERY_MAX_CHARS, pattern=PRINTABLE, description=PRINTABLE_SAID)]
ShowId = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^show_{ULID_PATTERN}(?![\s\S])",
        description="the id of a show: show_ and 26 digits and capital letters",
    ),
]
ProductId = Annotated[
    str,
    msgspec.Meta(min_length=1, max_length=64, pattern=NO_BLANKS, description="the id of a product, without blanks"),
]

# One per list: a place of another list, or half of one, would begin at the first page or end at once, both with a 200.
AfterShow = Annotated[str, msgspec.Meta(pattern=rf"^show_{ULID_PATTERN}(?![\s\S])", description=NEXT_SAID)]
AfterOrder = Annotated[str, msgspec.Meta(pattern=rf"^order_{ULID_PATTERN}(?![\s\S])", description=NEXT_SAID)]
AfterProduct = Annotated[str, msgspec.Meta(pattern=rf"^prod_{ULID_PATTERN}(?![\s\S])", description=NEXT_SAID)]
AfterDelivery = Annotated[str, msgspec.Meta(pattern=rf"^whd_{ULID_PATTERN}(?![\s\S])", description=NEXT_SAID)]
AfterSku = Annotated[
    str, msgspec.Meta(min_length=1, max_length=SKU_MAX_CHARS, pattern=NOT_BLANK, description=NEXT_SAID)
]


class Price(Request, frozen=True):
    """Money in a request: minor units and an ISO 4217 code."""

    amount: Amount
    currency: Currency


class PositivePrice(Request, frozen=True):
    """Money in a request, more than nothing."""

    amount: PositiveAmount
    currency: Currency
