"""What the answers of Douyin's shops (抖店) mean. Pure.

The codes: https://op.jinritemai.com/docs/guide-docs/212/1427. A code says what kind of failure it is, ``sub_code``
which one. Numbers come as numbers or as text.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from inventory.channels.channel import Answer, ChannelDownError, ChannelGoneError, Level, Refused, Told
from inventory.channels.limits import SAID_CHARS

OK: Final = 10000
PARTLY: Final = 10001
_PASSING: Final = frozenset({20000, 20001, 60000, 90000})
_GONE: Final = {
    30001: "the app has no permission for this; grant it",
    30002: "the address of this server is not on the app's IP allowlist; add it there",
    70000: "the call does not exist any more",
    80000: "the platform's security stopped the app; ask its support",
}
_OF_THE_CALL: Final = frozenset({40001, 40002, 40003, 40004})
_BUSINESS: Final = 50002
_ACCESS_ENDED: Final = frozenset({"isv.access-token-expired", "isv.access-token-no-existed"})
_CALLER_WRONG: Final = {
    "isv.signature-invalid": "the app secret is wrong; set it anew",
    "isv.access-token-invalid": "the access is another app's; authorise the app again",
    "isv.app-id-invalid": "the app key is wrong; set it anew",
    "isv.app-id-expired": "the app has ended; renew it",
}
_CLOCK_WRONG: Final = "isv.timestamp-invalid"
_ALREADY_USED: Final = frozenset({"isv.idempotent-id-existed", "isv.business-failed:-20002"})
_NO_TOKEN: Final = "dop.token-generate-failed"  # noqa: S105 - the name of an error

_ABSOLUTE_S: Final = 1_000_000_000
"""A token's end from here on is a point in time; below, it is a duration. Both are documented."""

_NO_RESULT: Final = Refused(reason="Douyin told no result for this SKU", temporary=True)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer holds."""

    code: int
    msg: str | None = None
    sub_code: str | None = None
    sub_msg: str | None = None

    @property
    def sub(self) -> str:
        """``sub_code``, or nothing."""
        return self.sub_code or ""


class _Result(msgspec.Struct, frozen=True, kw_only=True):
    sku_id: int
    status_code: int
    status_message: str | None = None


class _Results(msgspec.Struct, frozen=True, kw_only=True):
    results: list[_Result] | None = None


class Updated(Said, frozen=True, kw_only=True):
    """The answer to an update of several SKUs."""

    data: _Results | None = None


class _Stock(msgspec.Struct, frozen=True, kw_only=True):
    sku_id: int
    stock_num: int | None = None


class Found(Said, frozen=True, kw_only=True):
    """The answer to a question about one SKU's stock."""

    data: _Stock | None = None


class NewTokens(msgspec.Struct, frozen=True, kw_only=True):
    """Renewed access."""

    access_token: str
    expires_in: int
    refresh_token: str
    shop_id: int | None = None

    def __repr__(self) -> str:
        """Without the tokens."""
        return f"NewTokens(expires_in={self.expires_in})"

    def expires_at_s(self, now_s: int) -> int:
        """Return its end in seconds since the epoch."""
        return self.expires_in if self.expires_in >= _ABSOLUTE_S else now_s + self.expires_in


class Renewed(Said, frozen=True, kw_only=True):
    """The answer to a renewal."""

    data: NewTokens | None = None


def idempotent_id(levels: Sequence[tuple[int, Level]], salt: str = "") -> str:
    """Return the name of a call, made of what it says.

    The versions are part of it: a quantity that comes back after another one was told is a new call, and has to be
    applied.

    Args:
        levels: with Douyin's id of their SKU.
        salt: makes another name for the same.
    """
    content = sorted((sku_id, level.quantity, level.version) for sku_id, level in levels)
    return hashlib.sha256(f"{content}{salt}".encode()).hexdigest()[:32]


def is_access_ended(said: Said) -> bool:
    """Tell whether a call was turned away for its access token."""
    return said.sub in _ACCESS_ENDED


def is_already_used(said: Said) -> bool:
    """Tell whether a call of the same name was accepted within the last day."""
    return said.sub in _ALREADY_USED


def raise_for_call(said: Said) -> None:
    """Raise what an answer says of the whole call; do nothing for success and for what it says of the call's items.

    Raises:
        ChannelDownError: come back later. All codes that are not known are taken for this.
        ChannelGoneError: somebody has to do something first.
    """
    if said.sub in _CALLER_WRONG:
        raise ChannelGoneError(sentence(f"Douyin: {_CALLER_WRONG[said.sub]}", said))
    if said.code in _GONE:
        raise ChannelGoneError(sentence(f"Douyin: {_GONE[said.code]}", said))
    if said.code in {OK, PARTLY} or (said.code in _OF_THE_CALL and said.sub != _CLOCK_WRONG):
        return
    if said.code == _BUSINESS and not said.sub.startswith("isp."):
        return
    raise ChannelDownError(sentence("Douyin did not take the call", said))


def raise_for_renewal(said: Said) -> None:
    """Raise what the answer to a renewal says; do nothing for success.

    Raises:
        ChannelDownError: come back later.
        ChannelGoneError: there will be no new access for this refresh token.
    """
    if said.sub.startswith(_NO_TOKEN):
        raise ChannelGoneError(
            sentence("Douyin renews the access no more; authorise the app again and set the channel up anew", said)
        )
    raise_for_call(said)
    if said.code != OK:
        raise ChannelGoneError(sentence("Douyin refuses to renew the access; authorise the app again", said))


def refused_call(said: Said, *, what: str = "level") -> Refused:
    """Return why a call was refused as a whole."""
    return Refused(reason=sentence(f"Douyin refused the {what}", said), temporary=False)


def answers(levels: Sequence[tuple[int, Level]], said: Updated) -> list[Answer]:
    """Return what an update brought for each level, in order.

    Args:
        levels: with Douyin's id of their SKU.
        said: success, in part at least.

    Raises:
        ChannelDownError: it tells no results at all.
    """
    results = (said.data and said.data.results) or []
    if not results:
        raise ChannelDownError("Douyin took the call and told no results")
    by_sku: dict[int, Answer] = {}
    for result in results:
        # A SKU may have one result for each of its warehouses: what was refused of it counts.
        if result.status_code != 0 or result.sku_id not in by_sku:
            by_sku[result.sku_id] = _answer(result)
    return [by_sku.get(sku_id, _NO_RESULT) for sku_id, _ in levels]


def _answer(result: _Result) -> Answer:
    if result.status_code == 0:
        return Told()
    failure = Said(code=result.status_code, msg=result.status_message)
    return Refused(reason=sentence("Douyin refused the level", failure), temporary=result.status_code in _PASSING)


def sentence(what: str, said: Said) -> str:
    """Return our words with Douyin's code and message, cut short."""
    code = f"{said.code} {said.sub}".strip()
    return f"{what} (code {code[:SAID_CHARS]}: {(said.sub_msg or said.msg or '')[:SAID_CHARS]})"
