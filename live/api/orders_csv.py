"""Orders as CSV, for spreadsheets. Pure."""

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from checkout.order import OrderView

COLUMNS: Final = (
    "order_id",
    "hold_id",
    "offer_id",
    "show_id",
    "buyer_id",
    "sku",
    "quantity",
    "amount",
    "currency",
    "refunded",
    "state",
    "reason",
    "payment_method",
    "created_at_ms",
    "created_at",
    "confirmed_at_ms",
)

# A cell that starts with one of these may be taken for a formula; OWASP's list for CSV injection.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_header() -> bytes:
    """Return the header line."""
    return _lines([COLUMNS])


def csv_lines(orders: Iterable[OrderView]) -> bytes:
    """Return one line per order; amounts are minor units of ``currency``."""
    return _lines(
        (
            order.order_id,
            order.hold_id,
            order.offer_id,
            order.show_id,
            safe_cell(order.buyer_id),
            safe_cell(order.sku),
            order.quantity,
            order.amount.amount,
            order.amount.currency,
            order.refunded.amount,
            order.state,
            safe_cell(order.reason or ""),
            safe_cell(order.payment_method),
            order.created_at_ms,
            datetime.fromtimestamp(order.created_at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
            "" if order.confirmed_at_ms is None else order.confirmed_at_ms,
        )
        for order in orders
    )


def safe_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula: an apostrophe goes before what could start one."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _lines(rows: Iterable[Iterable[object]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
