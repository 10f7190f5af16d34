"""Tokens in the URLs that Safaricom posts to. It signs nothing, so the URL itself has to be unguessable.

A token is ``{purpose}.{order_id}.{reference}.{signature}``: it proves without a database that we made it, tells the
order, and one made for a payment opens nothing else. Whoever learns one can post rumours about this order, no more:
what counts is asked for, see ``mpesa_http``.
"""

import base64
import hashlib
import hmac
import re
from typing import Final, Literal, cast, get_args

import msgspec

from kit.errors import UnauthorisedError
from kit.ids import is_id

SECRET_LABEL: Final = b"showdrop mpesa callbacks"
TOKEN_MOST_CHARS: Final = 128

Purpose = Literal["pay", "check", "reverse", "late"]
"""A push's callback; the answer to a question about a transaction; the result of a reversal; word that one of these
two did not come in time, which settles nothing."""

_REFERENCE = re.compile(r"[A-Za-z0-9_-]{0,32}")


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What a good token says.

    Attributes:
        reference: of the question or the reversal; empty for a push.
    """

    purpose: Purpose
    order_id: str
    reference: str = ""


class TokenSigner:
    """Makes and checks tokens.

    Args:
        secret: the deployment's secret; never used as it is.
    """

    def __init__(self, secret: str) -> None:
        self._key = hmac.new(secret.encode(), SECRET_LABEL, hashlib.sha256).digest()

    def make(self, token: Token) -> str:
        """Return the token as text, safe in a URL."""
        claim = f"{token.purpose}.{token.order_id}.{token.reference}"
        return f"{claim}.{self._sign(claim)}"

    def read(self, text: str) -> Token:
        """Return what a token says.

        Raises:
            UnauthorisedError: ``bad_token`` - it is missing, malformed, or not ours.
        """
        claim, _, signature = text.rpartition(".")
        # Bytes: compare_digest refuses text beyond ASCII, and what came may be anything.
        is_ours = hmac.compare_digest(self._sign(claim).encode(), signature.encode(errors="replace"))
        parts = claim.split(".")
        if not is_ours or len(text) > TOKEN_MOST_CHARS or len(parts) != 3:
            raise UnauthorisedError("the callback's token does not hold", code="bad_token")
        purpose, order_id, reference = parts
        if purpose not in get_args(Purpose) or not is_id(order_id, "order") or not _REFERENCE.fullmatch(reference):
            raise UnauthorisedError("the callback's token does not hold", code="bad_token")
        return Token(purpose=cast(Purpose, purpose), order_id=order_id, reference=reference)

    def _sign(self, claim: str) -> str:
        digest = hmac.new(self._key, claim.encode(errors="replace"), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
