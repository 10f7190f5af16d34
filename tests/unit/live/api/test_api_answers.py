from typing import Literal

import msgspec
import pytest

from kit.errors import (
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RateLimitedError,
    SettingError,
    ShowdropError,
    TooLargeError,
    UnauthorisedError,
    UnavailableError,
)
from live.api.answers import MalformedError, answer_of, headers_of, invalid_of, status_of
from live.api.endpoint import Request
from live.api.fields import Price, ShowId


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MalformedError("x"), 400),
        (UnauthorisedError("x"), 401),
        (ForbiddenError("x"), 403),
        (NotFoundError("x"), 404),
        (ConflictError("x"), 409),
        (TooLargeError("x"), 413),
        (InvalidError("x"), 422),
        (RateLimitedError("x"), 429),
        (UnavailableError("x"), 503),
        (SettingError("x"), 500),
    ],
)
def test_every_error_has_its_status(error: ShowdropError, status: int) -> None:
    assert status_of(error) == status


def test_an_error_is_told_in_one_shape() -> None:
    error = ConflictError("too few", code="stock_short", details={"available": 3})
    assert msgspec.to_builtins(answer_of(error)) == {
        "error": {"code": "stock_short", "message": "too few", "temporary": False, "details": {"available": 3}}
    }


def test_what_is_temporary_says_when_to_come_back() -> None:
    assert headers_of(UnavailableError("x")) == {"retry-after": "1"}
    assert headers_of(RateLimitedError("x", details={"retry_after_ms": 2_100})) == {"retry-after": "3"}
    assert headers_of(RateLimitedError("x")) == {"retry-after": "1"}
    assert headers_of(ConflictError("x")) == {}
    assert headers_of(UnauthorisedError("x")) == {"www-authenticate": "Bearer"}


CODE = "expected an ISO 4217 code: three capital letters, such as EUR"
SHOW = "expected the id of a show: show_ and 26 digits and capital letters"


class Body(Request, frozen=True):
    sku: str
    price: Price
    quantities: list[int] = msgspec.field(default_factory=list)
    show_id: ShowId | None = None
    kinds: list[Literal["paid", "lost"]] = msgspec.field(default_factory=list)
    prices: dict[str, Price] = msgspec.field(default_factory=dict)
    address: str | None = msgspec.field(default=None, name="hookUrl")


@pytest.mark.parametrize(
    ("raw", "field", "said"),
    [
        (b"{}", "sku", "sku is missing"),
        (b'{"sku":1}', "sku", "sku: expected `str`, got `int`"),
        (b'{"sku":"a","price":{"currency":"EUR"}}', "price.amount", "price.amount is missing"),
        (b'{"sku":"a","price":{"amount":-1}}', "price.amount", "price.amount: expected `int` >= 0"),
        (b'{"sku":"a","price":{"amount":1,"currency":"EUR","x":1}}', "price.x", "price.x is not known here"),
        (b'{"sku":"a","y":1}', "y", "y is not known here"),
        (b'{"sku":"a","quantities":[1,"2"]}', "quantities[1]", "quantities[1]: expected `int`, got `str`"),
        (b'{"sku":"a","kinds":["paid","x"]}', "kinds[1]", "kinds[1]: expected one of lost, paid"),
        (b'{"sku":"a","price":{"amount":1,"currency":"eur"}}', "price.currency", f"price.currency: {CODE}"),
        (
            b'{"sku":"a","prices":{"x":{"amount":1,"currency":"e"}}}',
            "prices[...].currency",
            f"prices[...].currency: {CODE}",
        ),
        (b'{"sku":"a","show_id":"zzz"}', "show_id", f"show_id: {SHOW}"),
        (b'{"sku":"a","hookUrl":1}', "hookUrl", "hookUrl: expected `str | null`, got `int`"),
    ],
)
def test_what_is_wrong_is_named_by_its_path(raw: bytes, field: str, said: str) -> None:
    with pytest.raises(msgspec.ValidationError) as found:
        msgspec.json.decode(raw, type=Body)
    error = invalid_of(found.value, Body)
    assert (error.details["field"], error.message) == (field, said)


def test_a_body_that_is_no_object_is_refused_without_a_field() -> None:
    with pytest.raises(msgspec.ValidationError) as found:
        msgspec.json.decode(b"[]", type=Body)
    assert "field" not in invalid_of(found.value, Body).details


def test_the_name_of_an_unknown_field_is_not_repeated_at_length() -> None:
    with pytest.raises(msgspec.ValidationError) as found:
        msgspec.json.decode(b'{"' + b"x" * 5_000 + b'":1}', type=Body)
    assert len(invalid_of(found.value, Body).message) < 200
