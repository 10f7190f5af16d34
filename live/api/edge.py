"""What every HTTP answer carries, whatever it answers. Pure."""

import re
from typing import Final

from live.api.limits import REQUEST_ID_MAX_CHARS

ROUTE_KEY: Final = "showdrop.route"
"""Where a request's path template stands in its ASGI scope, for the metrics."""

_REQUEST_ID: Final = re.compile(rf"[A-Za-z0-9_.:-]{{1,{REQUEST_ID_MAX_CHARS}}}")

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'self'; img-src * data:; connect-src 'self' ws: wss:; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'self'"
)

SECURITY_HEADERS: Final[dict[str, str]] = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


def usable_request_id(given: str | None) -> str | None:
    """Return a request id that a proxy in front gave us, or None when it is not fit for logs and headers."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else None
