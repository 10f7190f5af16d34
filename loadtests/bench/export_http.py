"""Reading a CSV export as fast as it comes."""

import time

import httpx
import msgspec

from loadtests.bench.paid_limits import EXPORT_TIMEOUT_S
from loadtests.errors import LoadError


class Export(msgspec.Struct, frozen=True, kw_only=True):
    """What came.

    Attributes:
        rows: without the header.
        size: in bytes.
        first_s: until the first bytes.
        took_s: until the last ones.
    """

    rows: int
    size: int
    first_s: float
    took_s: float


def read_export(url: str, token: str) -> Export:
    """Read all orders as CSV and keep none.

    Raises:
        LoadError: the API refuses, cuts the answer off, or sends something else.
    """
    headers = {"authorization": f"Bearer {token}", "accept": "text/csv"}
    began = time.monotonic()
    lines = size = 0
    first_s = 0.0
    try:
        with httpx.stream(
            "GET", f"{url}/v1/orders", headers=headers, timeout=EXPORT_TIMEOUT_S, trust_env=False
        ) as answer:
            if answer.status_code != 200 or not answer.headers["content-type"].startswith("text/csv"):
                raise LoadError(f"GET /v1/orders as CSV was answered {answer.status_code}")
            for chunk in answer.iter_raw():
                first_s = first_s or time.monotonic() - began
                lines += chunk.count(b"\n")
                size += len(chunk)
    except httpx.HTTPError as error:
        raise LoadError(f"the export broke off after {lines:,} lines: {error}") from error
    return Export(rows=lines - 1, size=size, first_s=first_s, took_s=time.monotonic() - began)
