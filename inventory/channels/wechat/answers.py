"""What WeChat's answers say of us and of an item, and by how much its stock has to change; pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Final, TypeVar

import msgspec

from inventory.channels.channel import ChannelDownError, ChannelGoneError, Refused
from inventory.channels.limits import SAID_CHARS
from inventory.channels.unreadable import decoded

MINUTE_MS: Final = 60_000
"""The wait after the limit of calls per minute was hit."""

OK: Final = 0
NO_DIFFERENCE: Final = 10020218
NOT_ENOUGH: Final = 10020219
NOT_THERE: Final = 10020052
ACCESS_ENDED: Final = frozenset({40001, 40014, 42001})

_WHOSE: Final = "WeChat's answer"
_BUSY: Final = -1
_MINUTE_FULL: Final = 45011
_DAY_FULL: Final = 45009
_CHINA: Final = timezone(timedelta(hours=8))
_ADDRESS: Final = "the address of this server is not on the app's IP allowlist; add it there"
_SET_ANEW: Final = "the app secret is wrong; set it anew"

GONE: Final = {
    40164: _ADDRESS,
    45035: _ADDRESS,
    48001: "the app has no permission for this call; grant it",
    61004: _ADDRESS,
}
"""Codes of any call that only staff can end, with what they have to do."""

SECRET_GONE: Final = GONE | {
    40001: _SET_ANEW,
    40013: "the appid is wrong; set it anew",
    40125: _SET_ANEW,
    40243: "the app secret is frozen; thaw it or set a new one",
    41004: "the app secret is missing; set it anew",
    50004: "the app is forbidden to call; ask WeChat's support",
    50007: "the app's account is frozen; ask WeChat's support",
}
"""The same for the call that asks for an access token."""

_REFUSED: Final = {
    10020050: (False, "the app has no permission for this product"),
    10020051: (False, "the call's parameters were not accepted"),
    10020052: (False, "there is no such product, or it was never on sale"),
    10020054: (True, "the stock was not updated"),
    10020055: (False, "the call's parameters were not accepted"),
    10020091: (False, "stock of this type of product cannot be changed"),
    10020112: (True, "this SKU's stock was changed too often"),
    10020217: (False, "the product is being reviewed"),
    10020219: (True, "it sells faster than its stock can be lowered"),
    10020220: (False, "there are fewer voucher codes than that"),
    10020289: (False, "the product was never on sale"),
    40097: (False, "the call's parameters were not accepted"),
    47001: (False, "the call could not be read"),
}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer may hold; success may leave it away."""

    errcode: int = OK
    errmsg: str = ""


class TokenSaid(Said, frozen=True, kw_only=True):
    """An access token, good for ``expires_in`` seconds."""

    access_token: str = ""
    expires_in: int = 0

    def __repr__(self) -> str:
        """Without the token."""
        return f"TokenSaid({self.errcode})"


class Stock(msgspec.Struct, frozen=True, kw_only=True):
    """A SKU's units; the total is the general stock and what is set apart for regions and campaigns."""

    normal_stock_num: int
    total_stock_num: int


class StockSaid(Said, frozen=True, kw_only=True):
    """A SKU's stock; None where WeChat told an error."""

    data: Stock | None = None


Form = TypeVar("Form", bound=Said)


def read_answer(status: int, body: bytes, form: type[Form]) -> Form:
    """Read an answer; WeChat tells its errors with status 200 too.

    Raises:
        ChannelDownError: it is none.
    """
    if status != 200:
        raise ChannelDownError(f"WeChat answered {status}")
    said = decoded(body, Said, _WHOSE)
    # What stands beside an error is of no form.
    return decoded(body, form, _WHOSE) if said.errcode == OK else form(errcode=said.errcode, errmsg=said.errmsg)


def step_to(quantity: int, stock: Stock) -> int:
    """Return by how much the general stock has to change, so that the total is ``quantity`` or as near as can be."""
    return max(quantity - stock.total_stock_num, -stock.normal_stock_num)


def raise_for_us(said: Said, *, now: datetime, gone: Mapping[int, str]) -> None:
    """Raise what an answer says of us and not of an item; do nothing otherwise.

    Args:
        said: the answer.
        now: with a time zone.
        gone: ``GONE`` or ``SECRET_GONE``.

    Raises:
        ChannelDownError: come back later.
        ChannelGoneError: it is one of ``gone``.
    """
    if said.errcode in gone:
        raise ChannelGoneError(sentence(gone[said.errcode], said))
    if said.errcode == _BUSY:
        raise ChannelDownError(sentence("WeChat is busy", said))
    if said.errcode == _MINUTE_FULL:
        raise ChannelDownError(sentence("too many calls in this minute", said), retry_after_ms=MINUTE_MS)
    if said.errcode == _DAY_FULL:
        raise ChannelDownError(sentence("the day's calls are used up", said), retry_after_ms=until_midnight_ms(now))


def refusal(said: Said) -> Refused:
    """Return what an answer says of an item; a code that we do not know may pass."""
    temporary, reason = _REFUSED.get(said.errcode, (True, "WeChat did not take it"))
    return Refused(reason=sentence(reason, said), temporary=temporary)


def until_midnight_ms(now: datetime) -> int:
    """Return the time until WeChat's next day, when it counts the day's calls anew."""
    there = now.astimezone(_CHINA)
    midnight = (there + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return round((midnight - there).total_seconds() * 1000)


def sentence(what: str, said: Said) -> str:
    """Return one sentence with WeChat's own code, and its message cut short."""
    message = " ".join(said.errmsg.split())[:SAID_CHARS]
    return f"{what} (WeChat: {said.errcode} {message})"
