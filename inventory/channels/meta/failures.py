"""What the errors of Meta's Graph API mean. Pure.

Codes: https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from inventory.channels.channel import ChannelDownError, ChannelGoneError
from inventory.channels.hiding import hidden
from inventory.channels.limits import SAID_CHARS
from inventory.channels.unreadable import UNREADABLE

RATE_WAIT_MS: Final = 60_000
"""How long to stay away from a limit when Meta does not say: it counts catalogue batches by the minute."""

REGAIN_MINUTES: Final = 24 * 60
"""Minutes until access comes back that are believed."""

_USAGE: Final = "x-business-use-case-usage"
_RATE_CODES: Final = frozenset({4, 17, 32, 341, 613, *range(80_000, 80_015)})
_PASSING_CODES: Final = frozenset({1, 2, 368})
_TOO_MUCH: Final = "reduce the amount of data"
_NO_SUCH_OBJECT: Final = (100, 33)
_PROOF: Final = "appsecret_proof"
_REFUSED_CODES: Final = frozenset({100, 506})


class TooMuchDataError(ChannelDownError):
    """The same in two calls may do."""


class CallRefusedError(ChannelDownError):
    """Meta does not take this call, however often it is made."""


class Remedies(msgspec.Struct, frozen=True, kw_only=True):
    """What staff can do when a call may not be made: what the token lacks, and what else may be wrong."""

    permission: str
    absent: str


CATALOGUE: Final = Remedies(
    permission="the token may not do this: grant catalog_management on the catalogue, then resume the channel",
    absent="there is no such catalogue, or the token may not see it: check catalog_id",
)
SHOP: Final = Remedies(
    permission="the token may not read the shop's orders: set page_access_token to that of the shop's page",
    absent="there is no such shop, or the token may not see it: check commerce_account_id and page_access_token",
)


class _Failure(msgspec.Struct, frozen=True):
    message: str = ""
    code: int = 0
    error_subcode: int | None = None
    is_transient: bool = False


class _Failed(msgspec.Struct, frozen=True):
    error: _Failure


class _Usage(msgspec.Struct, frozen=True):
    estimated_time_to_regain_access: float = 0


def kind_of(
    code: int, subcode: int | None, message: str
) -> Literal["gone", "refused", "too much", "rate", "passing", "unknown"]:
    """Return what an error means for the whole call."""
    if code in (10, 102, 190) or 200 <= code <= 299 or (code, subcode) == _NO_SUCH_OBJECT:
        return "gone"
    if code == 100 and _PROOF in message:
        return "gone"
    if code == 1 and _TOO_MUCH in message.lower():
        return "too much"
    if code in _REFUSED_CODES:
        return "refused"
    if code in _RATE_CODES:
        return "rate"
    return "passing" if code in _PASSING_CODES else "unknown"


def is_absent(body: bytes) -> bool:
    """Tell whether an answer other than 200 says that there is no such object."""
    error = _error_in(body)
    return error is not None and (error.code, error.error_subcode) == _NO_SUCH_OBJECT


def failure_in(
    status: int, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], remedies: Remedies = CATALOGUE
) -> ChannelDownError | ChannelGoneError:
    """Return the error that an answer other than 200 stands for. Meta's own words are kept, but not with a secret."""
    error = _error_in(body)
    if error is None:
        return ChannelDownError(f"Meta answered {status}")
    told = f"Meta: {error.code}: {hidden(error.message, secrets)[:SAID_CHARS]}"
    kind = kind_of(error.code, error.error_subcode, error.message)
    if kind == "gone":
        # Without Meta's words: of a malformed token it quotes a part.
        return ChannelGoneError(f"Meta: {error.code}: {_remedy(error, remedies)}")
    if kind == "too much":
        return TooMuchDataError(told)
    if kind == "refused" and not error.is_transient:
        return CallRefusedError(told)
    return ChannelDownError(told, retry_after_ms=wait_ms(headers) if kind == "rate" else None)


def wait_ms(headers: Mapping[str, str]) -> int:
    """Return how long to stay away from a limit; Meta tells minutes, per use, in a header."""
    try:
        usage = msgspec.json.decode(headers.get(_USAGE, ""), type=dict[str, list[_Usage]])
    except UNREADABLE:
        return RATE_WAIT_MS
    minutes = max((one.estimated_time_to_regain_access for uses in usage.values() for one in uses), default=0)
    return round(min(minutes, REGAIN_MINUTES) * 60_000) if minutes > 0 else RATE_WAIT_MS


def _error_in(body: bytes) -> _Failure | None:
    try:
        return msgspec.json.decode(body, type=_Failed).error
    except UNREADABLE:
        return None


def _remedy(error: _Failure, remedies: Remedies) -> str:
    if error.code in (102, 190):
        return "the access token is not valid (any more): make a new one and set the channel up with it"
    if _PROOF in error.message:
        return "app_secret is not that of the token's app: set the channel up with the right one"
    return remedies.absent if error.code == 100 else remedies.permission
