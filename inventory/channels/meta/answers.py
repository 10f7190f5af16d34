"""What Meta's Graph API answers, read into ours, and the proof that a call is from us. Pure.

https://developers.facebook.com/documentation/ads-commerce/marketing-api/reference/product-catalog/items_batch
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypeVar

import msgspec

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Level
from inventory.channels.unreadable import UNREADABLE

MESSAGE_CHARS: Final = 160
"""Characters of Meta's own words in an error."""

RATE_WAIT_MS: Final = 60_000
"""How long to stay away from a limit when Meta does not say: it counts catalogue batches by the minute."""

REGAIN_MINUTES: Final = 24 * 60
"""Minutes until access comes back that are believed."""

IN_STOCK: Final = "in stock"
OUT_OF_STOCK: Final = "out of stock"

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


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch at first sight.

    Attributes:
        handle: to ask for the outcome with; None when nothing was taken in.
        refused: reasons by item id.
    """

    handle: str | None
    refused: dict[str, str]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch in the end.

    Attributes:
        refused: reasons by item id.
        unnamed: errors that name no item; any of them may be meant.
    """

    refused: dict[str, str]
    unnamed: int


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the catalogue has of an item; ``quantity`` is None when it has none, which sells without end."""

    in_stock: bool
    quantity: int | None


class _Failure(msgspec.Struct, frozen=True):
    message: str = ""
    code: int = 0
    error_subcode: int | None = None
    is_transient: bool = False


class _Failed(msgspec.Struct, frozen=True):
    error: _Failure


class _Said(msgspec.Struct, frozen=True):
    message: str = ""
    id: str | int | None = None


class _Validation(msgspec.Struct, frozen=True):
    retailer_id: str
    errors: list[_Said] = []


class _Batch(msgspec.Struct, frozen=True):
    handles: list[str]
    validation_status: list[_Validation] = []


class _Status(msgspec.Struct, frozen=True):
    status: str
    errors_total_count: int = 0
    errors: list[_Said] = []
    ids_of_invalid_requests: list[str] = []


class _Statuses(msgspec.Struct, frozen=True):
    data: list[_Status]


class _Product(msgspec.Struct, frozen=True):
    retailer_id: str
    availability: str
    quantity_to_sell_on_facebook: int | None = None


class _Products(msgspec.Struct, frozen=True):
    data: list[_Product]


class _Usage(msgspec.Struct, frozen=True):
    estimated_time_to_regain_access: float = 0


_Kind = TypeVar("_Kind", _Failed, _Batch, _Statuses, _Products)


def proof(app_secret: str, access_token: str) -> str:
    """Return ``appsecret_proof``: a stolen token is of no use without it."""
    return hmac.new(app_secret.encode(), access_token.encode(), hashlib.sha256).hexdigest()


def request_for(level: Level) -> dict[str, object]:
    """Return one entry of a batch; both fields in one, or buyers would see one without the other for a while."""
    return {
        "method": "UPDATE",
        "data": {
            "id": level.item_id,
            "availability": IN_STOCK if level.quantity else OUT_OF_STOCK,
            "quantity_to_sell_on_facebook": level.quantity,
        },
    }


def taken_in(body: bytes) -> Taken:
    """Read the answer to a batch.

    Raises:
        ChannelDownError: it cannot be read, or says neither that the batch was taken nor why not.
    """
    batch = _decoded(body, _Batch)
    refused = {one.retailer_id: _reason(one.errors) for one in batch.validation_status if one.errors}
    if len(batch.handles) > 1 or not (batch.handles or refused):
        raise ChannelDownError(f"Meta answered a batch with {len(batch.handles)} handles")
    return Taken(handle=batch.handles[0] if batch.handles else None, refused=refused)


def outcome_in(body: bytes) -> Outcome | None:
    """Read what became of a batch; None while Meta works on it.

    Raises:
        ChannelDownError: Meta gave it up or does not know it (any more), or the answer cannot be read.
    """
    statuses = _decoded(body, _Statuses).data
    if len(statuses) != 1:
        raise ChannelDownError("Meta does not know the batch any more")
    found = statuses[0]
    state = found.status.lower()
    if state in ("error", "canceled"):
        raise ChannelDownError(f"Meta ended the batch with {state!r}")
    if state != "finished":  # scheduled, dispatched or started
        return None
    # The errors are samples, and the ids are complete.
    refused = dict.fromkeys(found.ids_of_invalid_requests, "Meta refused it, and does not say why")
    for one in found.errors:
        if one.id is not None:
            refused[str(one.id)] = _reason([one])
    unnamed = 0 if refused else max(found.errors_total_count, len(found.errors))
    return Outcome(refused=refused, unnamed=unnamed)


def products_in(body: bytes) -> dict[str, Shown]:
    """Read the answer to a search for products; by item id, without those that the catalogue has not.

    Raises:
        ChannelDownError: it cannot be read.
    """
    return {
        one.retailer_id: Shown(in_stock=one.availability == IN_STOCK, quantity=one.quantity_to_sell_on_facebook)
        for one in _decoded(body, _Products).data
    }


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


def failure_in(
    status: int, headers: Mapping[str, str], body: bytes, secrets: Sequence[str]
) -> ChannelDownError | ChannelGoneError:
    """Return the error that an answer other than 200 stands for. Meta's own words are kept, but not with a secret."""
    try:
        error = _decoded(body, _Failed).error
    except ChannelDownError:
        return ChannelDownError(f"Meta answered {status}")
    said = error.message
    for secret in secrets:
        said = said.replace(secret, "…")
    told = f"Meta: {error.code}: {said[:MESSAGE_CHARS]}"
    kind = kind_of(error.code, error.error_subcode, error.message)
    if kind == "gone":
        # Without Meta's words: of a malformed token it quotes a part.
        return ChannelGoneError(f"Meta: {error.code}: {_remedy(error)}")
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


def _remedy(error: _Failure) -> str:
    if error.code in (102, 190):
        return "the access token is not valid (any more): make a new one and set the channel up with it"
    if _PROOF in error.message:
        return "app_secret is not that of the token's app: set the channel up with the right one"
    if error.code == 100:
        return "there is no such catalogue, or the token may not see it: check catalog_id"
    return "the token may not do this: grant catalog_management on the catalogue, then resume the channel"


def _reason(errors: Sequence[_Said]) -> str:
    return f"Meta: {errors[0].message[:MESSAGE_CHARS] or 'refused without a reason'}"


def _decoded(body: bytes, kind: type[_Kind]) -> _Kind:
    try:
        return msgspec.json.decode(body, type=kind)
    except UNREADABLE as error:
        raise ChannelDownError("Meta's answer cannot be read") from error
