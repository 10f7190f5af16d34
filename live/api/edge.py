"""What every HTTP answer carries, whatever it answers. Pure."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from kit.ids import is_id
from live.api.limits import HSTS_MAX_AGE_S, REQUEST_ID_MAX_CHARS

ROUTE_KEY: Final = "showdrop.route"
"""Where a request's path template stands in its ASGI scope, for the metrics."""

IDS_KEY: Final = "showdrop.ids"
"""Where the ids that its path names stand there, for the log."""

_LOGGED: Final = frozenset({"show", "offer", "hold", "order"})
_REQUEST_ID: Final = re.compile(rf"[A-Za-z0-9_.:-]{{1,{REQUEST_ID_MAX_CHARS}}}")


def security_headers(ws_url: str) -> dict[str, str]:
    """Return what every answer carries for the browser that reads it.

    Args:
        ws_url: where browsers reach the gateway. With ``wss://`` the deployment is on TLS, and a browser that came by
            https is told to come by nothing else (it ignores that over http).
    """
    parts = urlsplit(ws_url)
    # Pictures come from wherever the merchant's shop keeps them; all else is ours, and nothing stands inside a page.
    policy = (
        f"default-src 'self'; img-src * data:; connect-src 'self' {parts.scheme}://{parts.netloc}; object-src 'none'; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    )
    headers = {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    if parts.scheme == "wss":
        headers["strict-transport-security"] = f"max-age={HSTS_MAX_AGE_S}"
    return headers


def ids_in(path: Mapping[str, str]) -> dict[str, str]:
    """Return the ids among a path's values, each under the name that it has in the log."""
    found = {}
    for value in path.values():
        kind = value.partition("_")[0]
        if kind in _LOGGED and is_id(value, kind):
            found[f"{kind}_id"] = value
    return found


def usable_request_id(given: str | None) -> str | None:
    """Return a request id that a proxy in front gave us, or None when it is not fit for logs and headers."""
    return given if given is not None and _REQUEST_ID.fullmatch(given) else None
