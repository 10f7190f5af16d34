"""What M-Pesa takes, and how Daraja is told."""

import base64

import pytest

from checkout.payments.mpesa_terms import check_price, password, phone_number, shillings_of, timestamp
from kit.errors import InvalidError
from kit.money import Money


@pytest.mark.parametrize("text", ["254712345678", "+254712345678", "0712345678"])
def test_a_number_is_written_with_its_country(text: str) -> None:
    assert phone_number(text) == "254712345678"


def test_the_newer_numbers_are_taken_too() -> None:
    assert phone_number("0110123456") == "254110123456"


@pytest.mark.parametrize(
    "text", ["", "2547123456789", "25471234567", "254212345678", "712345678", "254712345678\n", "٢٥٤٧١٢٣٤٥٦٧٨", "phone"]
)
def test_what_is_no_kenyan_mobile_number_is_refused_by_field(text: str) -> None:
    with pytest.raises(InvalidError) as caught:
        phone_number(text)
    assert caught.value.details["field"] == "payment_method"


@pytest.mark.parametrize(
    ("amount", "currency", "shillings"),
    [
        (100, "KES", 1),
        (25_000_000, "KES", 250_000),
        (25_000_100, "KES", None),
        (150, "KES", None),
        (0, "KES", None),
        (-100, "KES", None),
        (100, "EUR", None),
        (100, "JPY", None),
    ],
)
def test_only_whole_shillings_up_to_the_limit_are_taken(amount: int, currency: str, shillings: int | None) -> None:
    assert shillings_of(Money(amount, currency)) == shillings


@pytest.mark.parametrize("price", [Money(1_999, "EUR"), Money(150, "KES"), Money(25_000_100, "KES")])
def test_a_price_that_is_not_taken_names_the_field_and_another_way(price: Money) -> None:
    with pytest.raises(InvalidError, match="pay with another method") as refused:
        check_price(price)
    assert (refused.value.code, refused.value.details["field"]) == ("currency_not_supported", "payment_method")


def test_a_price_in_whole_shillings_is_taken() -> None:
    check_price(Money(25_000_000, "KES"))


def test_the_timestamp_is_east_african_and_crosses_midnight_three_hours_early() -> None:
    assert timestamp(1_793_482_200_000) == "20261101003000"  # 31 October, 21:30 UTC


def test_the_password_is_what_daraja_computes() -> None:
    assert base64.b64decode(password("174379", "key", "20261101003000")) == b"174379key20261101003000"
