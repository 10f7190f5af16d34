"""Types of request fields: the limits stand in the type, so decoding checks them and the API document shows them."""

from typing import Annotated, Final

import msgspec

from kit.ids import ULID_PATTERN
from live.api.endpoint import Request
from live.api.limits import (
    CURSOR_MAX_CHARS,
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

Reason = Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX_CHARS, pattern=NOT_BLANK)]
Sku = Annotated[str, msgspec.Meta(min_length=1, max_length=SKU_MAX_CHARS, pattern=NOT_BLANK)]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}(?![\s\S])", description="ISO 4217 code, upper case")]
TimeMs = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER_MAX, description="milliseconds since the epoch")]
Amount = Annotated[int, msgspec.Meta(ge=0, le=SAFE_INTEGER_MAX, description="minor units, such as cents")]
PositiveAmount = Annotated[int, msgspec.Meta(ge=1, le=SAFE_INTEGER_MAX, description="minor units, such as cents")]
Limit = Annotated[int, msgspec.Meta(ge=1, le=PAGE_MOST_ITEMS)]
Cursor = Annotated[
    str, msgspec.Meta(min_length=1, max_length=CURSOR_MAX_CHARS, pattern=PRINTABLE, description="`next` of a page")
]
SearchText = Annotated[str, msgspec.Meta(max_length=QUERY_MAX_CHARS, pattern=PRINTABLE)]
ShowId = Annotated[str, msgspec.Meta(pattern=rf"^show_{ULID_PATTERN}(?![\s\S])")]
ProductId = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[!-~]+(?![\s\S])")]


class Price(Request, frozen=True):
    """Money in a request: minor units and an ISO 4217 code."""

    amount: Amount
    currency: Currency


class PositivePrice(Request, frozen=True):
    """Money in a request, more than nothing."""

    amount: PositiveAmount
    currency: Currency
