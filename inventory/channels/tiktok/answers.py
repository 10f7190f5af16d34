"""What TikTok Shop's answers mean. Pure.

The codes: https://partner.tiktokshop.com/docv2/page/678e3a45786253031531b942 and the page of each call. HTTP 200 and
code 0 are not yet success: what was refused of an update stands in its data.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from inventory.channels.channel import Answer, ChannelDownError, ChannelGoneError, Level, Refused, Told
from inventory.channels.limits import SAID_CHARS

OK: Final = 0
ACCESS_ENDED: Final = 105002
PASSING: Final = frozenset({36009002, 36009003, 36009007})
"""Said of a call or a SKU that may be taken soon."""

NO_SCOPE: Final = 105005
_GONE: Final = {
    106001: "the app secret or the app key is wrong; set it anew",
    106013: "the shop cipher is missing; set it anew",
    36009004: "the app key, the access or the clock of this server is wrong; check them",
    36009033: "the address of this server is not on the app's IP allowlist; add it there",
}
_ACCESS_CODES: Final = (101_000, 107_000)
"""From, below: all codes in between are about who calls."""

_OF_THE_PRODUCT: Final = frozenset(
    {12052031, 12052032, 12052048, 12052094, 12052115, 12052141, 12052260, 12052308, 12052371}
    | {12052700, 12052704, 12052901, 12052921}
)
"""A call refused with one of these has no SKU that would be taken; with any other it may be one SKU's fault."""

_QUANTITY: Final = frozenset({12019024, 12052055})
_CHECK_FAILED: Final = 12052990
"""Says nothing by itself: the reason is in the errors below it."""


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is about.

    Attributes:
        codes: from, below: all in between are about what was asked for, not about the call.
        scope: what the app has to be allowed for it.
        needed: whether the channel is of no use without it.
    """

    codes: tuple[int, int]
    scope: str
    needed: bool = False


LEVELS: Final = About(codes=(12_000_000, 13_000_000), scope="change products", needed=True)
PRODUCTS: Final = About(codes=LEVELS.codes, scope="change products")
ORDERS: Final = About(codes=(21_000_000, 22_000_000), scope="read orders")
CANCELLATIONS: Final = About(codes=(25_000_000, 26_000_000), scope="cancel orders")


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """A code with TikTok's message."""

    code: int
    message: str = ""


class _Detail(msgspec.Struct, frozen=True, kw_only=True):
    sku_id: str = ""
    extra_errors: list[Trouble] | None = None


class SkuError(Trouble, frozen=True, kw_only=True):
    """What was refused of an update."""

    detail: _Detail | None = None

    def all(self) -> list[Trouble]:
        """The error and those below it."""
        return [self, *((self.detail and self.detail.extra_errors) or [])]


class _Updated(msgspec.Struct, frozen=True, kw_only=True):
    errors: list[SkuError] | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer holds."""

    code: int
    message: str = ""


class Updated(Said, frozen=True, kw_only=True):
    """The answer to an update."""

    data: _Updated | None = None


class _SkuStock(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    total_available_quantity: int


class _ProductStock(msgspec.Struct, frozen=True, kw_only=True):
    product_id: str
    skus: list[_SkuStock] | None = None


class _Stock(msgspec.Struct, frozen=True, kw_only=True):
    inventory: list[_ProductStock] | None = None


class Found(Said, frozen=True, kw_only=True):
    """The answer to a search of stock."""

    data: _Stock | None = None

    def quantities(self) -> dict[tuple[str, str], int]:
        """Return the units for sale in all warehouses, by product and SKU."""
        products = (self.data and self.data.inventory) or []
        return {
            (product.product_id, sku.id): sku.total_available_quantity
            for product in products
            for sku in product.skus or []
        }


class NewTokens(msgspec.Struct, frozen=True, kw_only=True):
    """Renewed access; the end is seconds since the epoch."""

    access_token: str
    access_token_expire_in: int
    refresh_token: str

    def __repr__(self) -> str:
        """Without the tokens."""
        return f"NewTokens(access_token_expire_in={self.access_token_expire_in})"


class Renewed(Said, frozen=True, kw_only=True):
    """The answer to a renewal."""

    data: NewTokens | None = None


def raise_for_call(said: Trouble | Said, about: About = LEVELS) -> None:
    """Raise what a code says of the whole call; do nothing for success and for what it says of what was asked for.

    Raises:
        ChannelDownError: come back later. All codes that are not known are taken for this; so is a missing scope that
            the levels do not need: they go on.
        ChannelGoneError: somebody has to do something first.
    """
    code = said.code
    if code == OK or (code not in PASSING and about.codes[0] <= code < about.codes[1]):
        return
    if code == NO_SCOPE:
        what = f"TikTok Shop: the app may not {about.scope}; grant it, and authorise it again"
        raise (ChannelGoneError if about.needed else ChannelDownError)(sentence(what, said))
    if code in _GONE:
        raise ChannelGoneError(sentence(f"TikTok Shop: {_GONE[code]}", said))
    if code != ACCESS_ENDED and _ACCESS_CODES[0] <= code < _ACCESS_CODES[1]:
        raise ChannelGoneError(sentence("TikTok Shop takes no calls with this access; authorise the app again", said))
    raise ChannelDownError(sentence("TikTok Shop did not take the call", said))


def raise_for_renewal(said: Said) -> None:
    """Raise what the answer to a renewal says; do nothing for success.

    Raises:
        ChannelDownError: come back later.
        ChannelGoneError: there will be no new access for this refresh token.
    """
    if said.code in PASSING:
        raise ChannelDownError(sentence("TikTok Shop did not renew the access", said))
    if said.code != OK:
        raise ChannelGoneError(
            sentence("TikTok Shop renews the access no more; authorise the app again and set the channel up anew", said)
        )


def refused_call(levels: Sequence[Level], said: Said) -> list[Answer] | Refused:
    """Return what a call that was refused as a whole says of its levels: each one's answer, or one for a call of one.

    Args:
        levels: those of the call.
        said: with a code about products.
    """
    if said.code in _OF_THE_PRODUCT:
        return [refusal([said], quantity=level.quantity) for level in levels]
    return refusal([said], quantity=levels[0].quantity if len(levels) == 1 else None)


def answers(levels: Mapping[str, Level], errors: Sequence[SkuError]) -> list[Answer]:
    """Return what an update brought for each level.

    Args:
        levels: by TikTok's id of the SKU, in the order of the answers.
        errors: those in the answer. One that names none of our SKUs is taken for all of them.
    """
    by_sku: dict[str, list[Trouble]] = {}
    for error in errors:
        named = error.detail.sku_id if error.detail is not None else ""
        for sku_id in [named] if named in levels else levels:
            by_sku.setdefault(sku_id, []).extend(error.all())
    return [
        refusal(by_sku[sku_id], quantity=level.quantity) if sku_id in by_sku else Told()
        for sku_id, level in levels.items()
    ]


def refusal(troubles: Sequence[Trouble | Said], *, quantity: int | None) -> Refused:
    """Return why a level was refused.

    Args:
        troubles: one or more; the last that says something is shown.
        quantity: that was refused; None where the refusal was about several levels.
    """
    codes = {trouble.code for trouble in troubles}
    shown = next((trouble for trouble in reversed(troubles) if trouble.code != _CHECK_FAILED), troubles[-1])
    if codes & PASSING:
        return Refused(reason=sentence("TikTok Shop was busy", shown), temporary=True)
    if codes & _QUANTITY and quantity is not None:
        reason = (
            "TikTok Shop does not take 0 for this SKU; deactivate it there by hand"
            if quantity == 0
            else f"TikTok Shop does not take {quantity} units for this SKU"
        )
        shown = next(trouble for trouble in troubles if trouble.code in _QUANTITY)
        return Refused(reason=sentence(reason, shown), temporary=False)
    return Refused(reason=sentence("TikTok Shop refused the level", shown), temporary=False)


def sentence(what: str, said: Trouble | Said) -> str:
    """Return our words with TikTok's code and message, cut short."""
    return f"{what} (code {said.code}: {said.message[:SAID_CHARS]})"
