"""What KakaoTalk Store answers: a product with its stock, the option object to write back, and what an error means.

The option object is kept as bytes per field, so that what we have no name for goes back as it came.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final, TypeVar

import msgspec

from inventory.channels.channel import Answer, ChannelDownError, ChannelGoneError, Level, Refused, Told
from inventory.channels.hiding import hidden
from inventory.channels.limits import SAID_CHARS
from inventory.channels.unreadable import decoded

MOST_QUANTITY: Final = 9_999
"""Kakao's own limit of a stock quantity."""

QUOTA_WAIT_MS: Final = 30 * 60_000
"""How long to stay away when an app's quota is used up. Quotas are by the day or the month, so sooner is pointless."""

SHOP_ERROR: Final = -800
"""The error is the shop's own: its code is in ``extras``. Any other code is the platform's, for every Kakao API."""

PASSING: Final = frozenset({-1, -7, -603, -9798, -10000})
"""Inside error, maintenance, time-out, maintenance, and the shop's "temporary fault"."""

USED_UP: Final = frozenset({-10, -11})
"""The app's quota of calls, or of paid calls."""

NO_ACCESS: Final = frozenset({-3, -4, -5, -8, -9, -12, -401, -903})
"""The API is not switched on, the account is blocked, no permission, a wrong header, the API has ended, the app is
blocked, a wrong key, a key of somebody unknown."""

Fields = dict[str, msgspec.Raw]
"""A JSON object; each field with the bytes that it came with."""

_Form = TypeVar("_Form")


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """What is used of a product.

    Attributes:
        option: its option object.
        combinations: those of its option object; empty for a product without.
        quantity: of the product itself; only for a product without combinations.
        unlimited: the product itself is always on sale, whatever its quantity.
    """

    option: Fields
    combinations: list[Fields]
    quantity: int | None
    unlimited: bool

    def by_id(self) -> dict[str, Fields]:
        """Return the combinations by their ids."""
        return {str(_field(one, "id", int)): one for one in self.combinations}


def product_from(body: bytes, product_id: str) -> Product:
    """Read the answer that has a product.

    Raises:
        ChannelDownError: it is not this product's, or a field that is needed is not of its type. What was not
            understood in full must not be written back: it would delete the product's options.
    """
    answer = read_answer(body, _Answer)
    option = answer.option or {}
    stock = answer.stock or _Stock()
    combinations = _field(option, "combinations", list[Fields]) or []
    by_its_type = "COMBINATION" in (_field(option, "type", str) or "")
    if str(answer.product_id) != product_id or by_its_type != bool(combinations):
        raise ChannelDownError("Kakao's answer has another product, or options that do not fit their type")
    own = _field(option, "stockQuantity", int)
    return Product(
        option=option,
        combinations=combinations,
        quantity=next((one for one in (own, stock.stock_quantity, answer.stock_quantity) if one is not None), None),
        unlimited=bool(stock.unlimited_stock_quantity),
    )


def shown(product: Product, combination_ids: Sequence[str]) -> list[int | None]:
    """Return the quantity that each combination shows; an empty id asks for the product without combinations.

    None for what there is not; an unlimited stock is the highest quantity.

    Raises:
        ChannelDownError: a field that is needed is not of its type.
    """
    by_id = product.by_id()
    return [_shown(product, by_id, one) for one in combination_ids]


def changed(product: Product, levels: Sequence[Level]) -> tuple[list[Answer], bytes | None]:
    """Put levels into a product's option object.

    Returns:
        One answer per level, ``Told`` for those that are in the object; and the object, JSON, or None when there is
        nothing to write. Beside the stock quantities every field has the bytes that it came with, and the order.

    Raises:
        ChannelDownError: a field that is needed is not of its type.
    """
    by_id = product.by_id()
    quantities: dict[str, int] = {}
    answers: list[Answer] = []
    for level in levels:
        combination_id = level.item_id.partition("/")[2]
        reason = _why_not(product, by_id, level.item_id)
        answers.append(Told() if reason is None else Refused(reason=reason, temporary=False))
        if reason is None and _shown(product, by_id, combination_id) != level.quantity:
            quantities[combination_id] = level.quantity
    return answers, _option_with(product, quantities) if quantities else None


def refusal(status: int, body: bytes, *, hide: Sequence[str] = ()) -> Refused:
    """Return what a failed call means for its levels: a refusal for good.

    Args:
        status: of HTTP, other than 200.
        body: of the answer.
        hide: texts that must not be repeated.

    Raises:
        ChannelDownError: it passes by itself.
        ChannelGoneError: the keys, or what they allow, have to be put right.
    """
    try:
        error = read_answer(body, _Error)
    except ChannelDownError:
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise ChannelGoneError(f"Kakao gives no access ({status}): check both keys, then resume") from None
        raise
    code, said = error.code, error.msg
    if code == SHOP_ERROR and error.extras is not None:
        code, said = error.extras.error_code, error.extras.text()
    if code in PASSING:
        raise ChannelDownError(f"Kakao failed for now ({code})")
    if code in USED_UP:
        raise ChannelDownError(f"the quota of the Kakao app is used up ({code})", retry_after_ms=QUOTA_WAIT_MS)
    if code in NO_ACCESS or status == HTTPStatus.UNAUTHORIZED:
        # Not Kakao's message: it repeats the key that it does not know.
        raise ChannelGoneError(
            f"Kakao gives no access ({code}): check both keys, channel_ids, and what the app is allowed, then resume"
        )
    return Refused(reason=f"Kakao refused it ({code}): {hidden(said, hide)[:SAID_CHARS]}", temporary=False)


class _Stock(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    stock_quantity: int | None = None
    unlimited_stock_quantity: bool | None = None


class _Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    product_id: int
    option: Fields | None = None
    stock: _Stock | None = None
    # The request that registers a product has the quantity here, and the answer is said to be like it.
    stock_quantity: int | None = None


class _Extras(msgspec.Struct, frozen=True, kw_only=True):
    error_code: int
    error_message: str = ""
    validation: dict[str, list[str]] | None = None

    def text(self) -> str:
        """The message, and each field with what is wrong with it."""
        wrong = [f"{name}: {', '.join(what)}" for name, what in (self.validation or {}).items()]
        return "; ".join([self.error_message, *wrong])


class _Error(msgspec.Struct, frozen=True, kw_only=True):
    code: int
    msg: str = ""
    extras: _Extras | None = None


def _shown(product: Product, by_id: Mapping[str, Fields], combination_id: str) -> int | None:
    if combination_id:
        one = by_id.get(combination_id)
        if one is None:
            return None
        return MOST_QUANTITY if _unlimited(one) else _field(one, "stockQuantity", int)
    if by_id:
        return None
    return MOST_QUANTITY if product.unlimited else product.quantity


def _why_not(product: Product, by_id: Mapping[str, Fields], item_id: str) -> str | None:
    """Why this item cannot be told; None if it can."""
    product_id, _, combination_id = item_id.partition("/")
    if combination_id and combination_id not in by_id:
        return f"product {product_id} has no combination {combination_id}: correct the link"
    if not combination_id and by_id:
        return f"product {product_id} has combinations: link each of them as product_id/combination_id"
    unlimited = _unlimited(by_id[combination_id]) if combination_id else product.unlimited
    return f"{item_id} has unlimited stock at Kakao: give it a quantity there" if unlimited else None


def _option_with(product: Product, quantities: Mapping[str, int]) -> bytes:
    option = dict(product.option)
    if not product.combinations:
        # A product that never had an option object may have none in the answer; its type is asked for all the same.
        option.setdefault("type", msgspec.Raw(b'"NONE"'))
        option["stockQuantity"] = _raw(quantities[""])
        return msgspec.json.encode(option)
    if "stockQuantity" in option:
        # A product with combinations is refused unless its own quantity is empty.
        option["stockQuantity"] = msgspec.Raw(b"null")
    combinations = [
        {**one, "stockQuantity": _raw(quantities[one_id])}
        if (one_id := str(_field(one, "id", int))) in quantities
        else one
        for one in product.combinations
    ]
    option["combinations"] = msgspec.Raw(msgspec.json.encode(combinations))
    return msgspec.json.encode(option)


def _unlimited(combination: Mapping[str, msgspec.Raw]) -> bool:
    return bool(_field(combination, "unlimitedStockQuantity", bool))


def _raw(number: int) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(number))


def _field(fields: Mapping[str, msgspec.Raw], name: str, form: type[_Form]) -> _Form | None:
    raw = fields.get(name)
    return None if raw is None or bytes(raw) == b"null" else read_answer(raw, form)


def read_answer(content: bytes | msgspec.Raw, form: type[_Form]) -> _Form:
    """Read an answer, or a part of one; see ``decoded``."""
    # Not strict: Kakao's own examples write numbers and booleans as texts.
    return decoded(content, form, "Kakao's answer", strict=False)
