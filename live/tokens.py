"""Bearer tokens: JSON Web Tokens, HS256 only, so that a merchant's own back end can mint them with the shared secret.

Claims: ``sub`` (who), ``role``, ``exp`` (required), ``iat``, and ``show_id`` when the token is good for one show only.
"""

import re
import time
from typing import Literal

import jwt
import msgspec

from kit.errors import InvalidError, UnauthorisedError
from kit.ids import is_id

Role = Literal["host", "viewer", "admin"]

ALGORITHM = "HS256"
# A token of ours is about 250 characters; the room above is for claims that a merchant's back end adds.
TOKEN_MAX_CHARACTERS = 4096
SUBJECT_MAX_CHARACTERS = 128
TTL_MIN_S = 1
TTL_MAX_S = 30 * 24 * 3600
TTL_DEFAULT_S = 12 * 3600
assert TTL_MIN_S <= TTL_DEFAULT_S <= TTL_MAX_S

SUBJECT_PATTERN = rf"^[!-~]{{1,{SUBJECT_MAX_CHARACTERS}}}$"
_SUBJECT = re.compile(SUBJECT_PATTERN.removeprefix("^").removesuffix("$"))


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling, as their token says.

    Attributes:
        subject: the buyer's or staff member's id at the merchant; 1 to 128 visible ASCII characters.
        show_id: the only show that the token is good for; None for every show.
    """

    subject: str
    role: Role
    show_id: str | None = None

    def may_enter(self, show_id: str) -> bool:
        """Tell whether the token is good for this show."""
        return self.show_id is None or self.show_id == show_id


class _Claims(msgspec.Struct, frozen=True):
    sub: str
    role: Role
    exp: int | float
    show_id: str | None = None


class Tokens:
    """Mints and verifies tokens with the deployment's secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def mint(self, role: Role, subject: str, show_id: str | None = None, ttl_s: int = TTL_DEFAULT_S) -> tuple[str, int]:
        """Return a signed token and its ``expires_at_ms``.

        Raises:
            InvalidError: the subject, the show id or the time to live is out of bounds.
        """
        if _SUBJECT.fullmatch(subject) is None:
            raise InvalidError(
                f"subject must be 1 to {SUBJECT_MAX_CHARACTERS} visible ASCII characters without blanks",
                field="subject",
            )
        if show_id is not None and not is_id(show_id, "show"):
            raise InvalidError("show_id must be the id of a show, such as show_01J…", field="show_id")
        if not TTL_MIN_S <= ttl_s <= TTL_MAX_S:
            raise InvalidError(f"ttl_s must be {TTL_MIN_S} to {TTL_MAX_S}", field="ttl_s")
        issued_at_s = int(time.time())
        expires_at_s = issued_at_s + ttl_s
        claims: dict[str, object] = {"sub": subject, "role": role, "iat": issued_at_s, "exp": expires_at_s}
        if show_id is not None:
            claims["show_id"] = show_id
        return jwt.encode(claims, self._secret, algorithm=ALGORITHM), expires_at_s * 1000

    def verify(self, token: str) -> Identity:
        """Return who the bearer is.

        Raises:
            UnauthorisedError: the token is malformed, forged, expired or incomplete. The message is the same for all
                of them, so that it says nothing to a forger, and never repeats the token.
        """
        if len(token) > TOKEN_MAX_CHARACTERS:
            raise _refused()
        try:
            payload = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                # A merchant's clock may run ahead of ours: `iat` decides nothing.
                options={"require": ["exp", "sub", "role"], "verify_iat": False},
            )
            claims = msgspec.convert(payload, _Claims)
        except (jwt.PyJWTError, msgspec.ValidationError, ValueError, OverflowError, RecursionError) as error:
            raise _refused() from error
        if _SUBJECT.fullmatch(claims.sub) is None:
            raise _refused()
        if claims.show_id is not None and not is_id(claims.show_id, "show"):
            raise _refused()
        return Identity(subject=claims.sub, role=claims.role, show_id=claims.show_id)


def _refused() -> UnauthorisedError:
    return UnauthorisedError("the token is not valid, has expired, or was made with another secret; ask for a new one")
