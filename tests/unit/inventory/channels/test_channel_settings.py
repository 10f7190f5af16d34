"""Settings that several kinds have, and how a table of them is held against what was given."""

import pytest

from inventory.channels.settings import NUMBER, PAIR, Setting, checked, secret
from kit.errors import InvalidError

FORMS = {"shop_id": Setting(pattern=NUMBER, form="a number"), "token": secret(4, 8), "other": secret(0, 8, default="")}


@pytest.mark.parametrize("text", ["abcd", "!~AZ09xy"])
def test_a_secret_is_kept_apart_from_the_settings(text: str) -> None:
    prepared = checked({"shop_id": "7", "token": text}, FORMS, whose="a shop")
    assert prepared.settings == {"shop_id": "7"}
    assert prepared.secrets == {"token": text, "other": ""}


@pytest.mark.parametrize("text", ["abc", "abcdefghi", "ab cd", "abcd\n", "äbcd", ""])
def test_a_secret_of_another_form_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        checked({"shop_id": "7", "token": text}, FORMS, whose="a shop")
    assert refused.value.message == "token has to be 4 to 8 letters, digits and signs without blanks"
    assert refused.value.details["field"] == "token"


def test_a_secret_that_may_be_blank_says_how_long_it_may_be() -> None:
    with pytest.raises(InvalidError, match="up to 8 letters"):
        checked({"shop_id": "7", "token": "abcd", "other": "abcdefghi"}, FORMS, whose="a shop")


@pytest.mark.parametrize(
    ("text", "number", "pair"),
    [
        ("1", True, False),
        ("9" * 20, True, False),
        ("9" * 21, False, False),
        ("01", False, False),
        ("0", False, False),
        ("1/2", False, True),
        ("1/02", False, False),
        ("1/2/3", False, False),
        ("1\u0661", False, False),
    ],
)
def test_numbers_are_written_in_one_way(text: str, number: bool, pair: bool) -> None:
    assert (NUMBER.fullmatch(text) is not None, PAIR.fullmatch(text) is not None) == (number, pair)
