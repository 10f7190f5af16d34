"""The signature of Stripe's webhooks, pure.

``Stripe-Signature: t=1700000000,v1=<hex>,v1=<hex>``: each ``v1`` is the HMAC-SHA256 of ``{t}.{body}`` under one of the
endpoint's secrets, as they are written, with ``whsec_``. While a secret is being replaced there are two of each.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence

from checkout.limits import STRIPE_SIGNATURE_AGE_S, STRIPE_SIGNATURE_MAX_CHARS
from kit.errors import UnauthorisedError

HEADER = "stripe-signature"

_TIME = re.compile(r"[0-9]{1,12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def verify(header: str | None, body: bytes, secrets: Sequence[str], *, now_s: int) -> None:
    """Check a body's signature against every secret that counts now.

    Raises:
        UnauthorisedError: the header is missing or malformed, its time is too far off, or no signature fits.
    """
    if header is None or len(header) > STRIPE_SIGNATURE_MAX_CHARS:
        raise _bad("the webhook is not signed")
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t" and _TIME.fullmatch(value)]
    given = [value for name, _, value in parts if name == "v1" and _DIGEST.fullmatch(value)]
    if len(times) != 1 or not given:
        raise _bad("the webhook's signature is malformed")
    at_s = int(times[0])
    if abs(now_s - at_s) > STRIPE_SIGNATURE_AGE_S:
        raise _bad("the webhook's signature is too old, or a clock is wrong")
    expected = [_digest(secret, body, at_s) for secret in secrets]
    # All pairs are compared, whatever the first ones say.
    fits = [hmac.compare_digest(one, other) for one in expected for other in given]
    if not any(fits):
        raise _bad("the webhook's signature does not hold")


def _digest(secret: str, body: bytes, at_s: int) -> str:
    return hmac.new(secret.encode(), str(at_s).encode() + b"." + body, hashlib.sha256).hexdigest()


def _bad(message: str) -> UnauthorisedError:
    return UnauthorisedError(message, code="bad_signature")
