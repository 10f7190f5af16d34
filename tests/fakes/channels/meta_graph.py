"""What Meta's Graph API has for every object: errors, tokens with a proof, fields that are asked for, and pages."""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

VERSION = "v25.0"
MOST_ADDRESS = 8_192

Run = Callable[[Request], Awaitable[dict[str, Any]]]
"""What answers a call, or raises ``GraphError``."""

Endpoint = Callable[[Request], Awaitable[Response]]

Fields = dict[str, tuple[int, "Fields | None"]]
"""What was asked for: by name the most of a list, and what of each of its entries."""

_FIELD = re.compile(r"(\w+)(?:\.limit\(([0-9]+)\))?")


class GraphError(Exception):
    """An answer with ``error``."""

    def __init__(self, code: int, message: str, *, status: int = 400, subcode: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        error: dict[str, object] = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1b2"}
        self.body = {"error": error | ({} if subcode is None else {"error_subcode": subcode})}


def check_token(request: Request, token: str, app_secret: str, *, dead: bool = False) -> None:
    """Check whose call it is, and that it comes from the token's app."""
    given = request.headers.get("authorization", "")
    if dead or not hmac.compare_digest(given, f"Bearer {token}"):
        raise GraphError(190, f"Malformed access token {given.removeprefix('Bearer ')}", status=401, subcode=463)
    proved = hmac.digest(app_secret.encode(), token.encode(), hashlib.sha256).hex()
    if not hmac.compare_digest(request.query_params.get("appsecret_proof", ""), proved):
        raise GraphError(100, "Invalid appsecret_proof provided in the API argument")


def check_params(request: Request, wanted: set[str], allowed: set[str]) -> None:
    """Check which parameters a call has: all that are wanted, and none but those allowed beside them."""
    if len(str(request.url)) > MOST_ADDRESS:
        raise GraphError(1, "the address is too long", status=414)
    given = set(request.query_params) - {"appsecret_proof"}
    if not wanted <= given or given - wanted - allowed:
        raise GraphError(100, f"(#100) expected the parameters {sorted(wanted)}, and got {sorted(given)}")


def fields_of(text: str) -> Fields:
    """Read ``id,items.limit(3){retailer_id}``."""
    fields, rest = _fields(text)
    if rest:
        raise GraphError(2500, f"Syntax error at {rest!r}")
    return fields


def _fields(text: str) -> tuple[Fields, str]:
    fields: Fields = {}
    while True:
        found = _FIELD.match(text)
        if found is None:
            raise GraphError(2500, f"Syntax error, expected a field at {text!r}")
        text, inner = text[found.end() :], None
        if text.startswith("{"):
            inner, text = _fields(text[1:])
            if not text.startswith("}"):
                raise GraphError(2500, "Syntax error, expected a closing brace")
            text = text[1:]
        fields[found[1]] = (int(found[2] or 25), inner)
        if not text.startswith(","):
            return fields, text
        text = text[1:]


def picked(node: Mapping[str, Any], fields: Fields, *, most: int) -> dict[str, Any]:
    """Return the fields of an object that were asked for; lists in pages, and no list at all where it is empty."""
    shown: dict[str, Any] = {}
    for name, (limit, inner) in fields.items():
        if name not in node:
            raise GraphError(100, f"(#100) Tried accessing nonexisting field ({name})")
        value = node[name]
        if not isinstance(value, list):
            shown[name] = value
        elif value:
            shown[name] = page(value, inner or {"id": (25, None)}, limit=min(limit, most), most=most)
    return shown


def page(
    nodes: Sequence[Mapping[str, Any]], fields: Fields, *, limit: int, most: int, after: str = ""
) -> dict[str, Any]:
    """Return some of a list, in the form of an edge."""
    begin = int(after.removeprefix("after-") or 0)
    some = nodes[begin : begin + limit]
    paging: dict[str, Any] = {"cursors": {"before": f"after-{begin}", "after": f"after-{begin + len(some)}"}}
    if begin + len(some) < len(nodes):
        paging["next"] = "https://graph.facebook.com/with-the-access-token-in-it"
    return {"data": [picked(node, fields, most=most) for node in some], "paging": paging}
