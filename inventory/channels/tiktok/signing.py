"""How a call to TikTok Shop is signed. Pure.

The guide is "Sign your API request" at https://partner.tiktokshop.com/docv2.
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

_UNSIGNED: Final = frozenset({"sign", "access_token"})


def sign(app_secret: str, path: str, params: Mapping[str, str], body: bytes = b"") -> str:
    """Return the parameter ``sign`` of a call.

    Args:
        app_secret: the app's, which is both the key and the two ends of what is signed.
        path: with a slash in front, without parameters.
        params: all others of the query, not yet escaped.
        body: byte for byte as it is sent.
    """
    pairs = "".join(f"{name}{params[name]}" for name in sorted(params) if name not in _UNSIGNED)
    secret = app_secret.encode()
    return hmac.new(secret, secret + path.encode() + pairs.encode() + body + secret, hashlib.sha256).hexdigest()
