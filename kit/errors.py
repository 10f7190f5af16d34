"""Every error of Showdrop, as one tree.

::

    ShowdropError              code, message, temporary, details
    ├── SettingError           a setting or flag is wrong; the process says so in one line and exits with 2
    ├── StartupError           a server of ours could not start; one line with the remedy, exit 1
    ├── UnavailableError       a dependency does not answer; temporary, HTTP 503
    └── RequestError           the caller asked for something that cannot be; carries the HTTP status
        ├── InvalidError       422 a field is wrong; ``details["field"]`` names it
        ├── UnauthorisedError  401 no token, or one that does not hold
        ├── ForbiddenError     403 a token that may not do this
        ├── NotFoundError      404
        ├── ConflictError      409 the state does not allow it now
        ├── TooLargeError      413
        └── RateLimitedError   429, temporary

Expected refusals of a claim (sold out, limit reached) are results, not errors: see ``inventory.holds``.
Driver errors become one of these once, in the adapter, with ``from``.
"""

from collections.abc import Mapping
from typing import ClassVar


class ShowdropError(Exception):
    """Root of the tree.

    Attributes:
        code: a stable, machine-readable name such as ``stock_short``.
        message: one sentence for a person, naming the field and the remedy.
        temporary: whether the same call may succeed later.
        details: what a program needs to react, JSON-compatible.
    """

    default_code: ClassVar[str] = "internal"
    temporary: ClassVar[bool] = False

    def __init__(self, message: str, *, code: str | None = None, details: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.details: dict[str, object] = dict(details or {})


class SettingError(ShowdropError):
    """A setting or flag is wrong. The message names the variable and the remedy."""

    default_code = "invalid_setting"


class StartupError(ShowdropError):
    """A server of ours could not start. The message says why and what to do."""

    default_code = "startup_failed"


class UnavailableError(ShowdropError):
    """A dependency does not answer now."""

    default_code = "unavailable"
    temporary = True


class RequestError(ShowdropError):
    """The caller asked for something that cannot be done; ``status`` is the HTTP status that says so."""

    status: ClassVar[int] = 400
    default_code = "bad_request"


class InvalidError(RequestError):
    """A field is wrong; ``details["field"]`` names it where there is one."""

    status = 422
    default_code = "invalid"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        code: str | None = None,
        details: Mapping[str, object] | None = None,
    ) -> None:
        merged = dict(details or {})
        if field is not None:
            merged["field"] = field
        super().__init__(message, code=code, details=merged)


class UnauthorisedError(RequestError):
    """No token, or one that is expired, forged or malformed."""

    status = 401
    default_code = "unauthorised"


class ForbiddenError(RequestError):
    """A good token whose role or subject may not do this."""

    status = 403
    default_code = "forbidden"


class NotFoundError(RequestError):
    """There is no such thing, or not for this caller."""

    status = 404
    default_code = "not_found"


class ConflictError(RequestError):
    """The state does not allow it now; ``code`` names the reason."""

    status = 409
    default_code = "conflict"


class TooLargeError(RequestError):
    """The body or the message is over its limit."""

    status = 413
    default_code = "too_large"


class RateLimitedError(RequestError):
    """Too many requests; ``details["retry_after_ms"]`` says when to come back."""

    status = 429
    default_code = "rate_limited"
    temporary = True
