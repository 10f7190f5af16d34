"""How calls to Douyin's shops (抖店) are written and signed. Pure.

The rules stand in the guide at https://op.jinritemai.com/docs/guide-docs. What is signed is the body byte for byte, so
there is one way to write it: names in order at every depth, no blanks, nothing escaped that need not be.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final

VERSION: Final = "2"
METHOD: Final = "hmac-sha256"


def param_json(params: Mapping[str, object]) -> bytes:
    """Return the body of a call. Numbers have to be integers: fractions are written differently by each language."""
    return json.dumps(params, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def sign(app_secret: str, *, app_key: str, method: str, timestamp: str, body: bytes) -> str:
    """Return the parameter ``sign`` of a call.

    Args:
        app_secret: the app's, which is both the key and the two ends of what is signed.
        app_key: the app's.
        method: the path with dots, ``order.searchList``.
        timestamp: as in the query.
        body: as `param_json` wrote it.
    """
    before = f"{app_secret}app_key{app_key}method{method}param_json".encode()
    after = f"timestamp{timestamp}v{VERSION}{app_secret}".encode()
    return hmac.new(app_secret.encode(), before + body + after, hashlib.sha256).hexdigest()
