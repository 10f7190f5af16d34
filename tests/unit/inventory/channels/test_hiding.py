"""Secrets in what a channel says."""

import pytest

from inventory.channels.hiding import SHORTEST_HIDDEN, hidden


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("no key k-12345 here, k-12345", ["k-12345"], "no key … here, …"),
        ("k-1 and k-12345", ["k-12345", "other"], "k-1 and …"),
        ("nothing", [], "nothing"),
        ("a blank one, and 0", ["", "0"], "a blank one, and 0"),
    ],
)
def test_every_secret_is_hidden_wherever_it_stands(text: str, secrets: list[str], shown: str) -> None:
    assert hidden(text, secrets) == shown


@pytest.mark.parametrize("secrets", [["token", "token-of-the-shop"], ["token-of-the-shop", "token"]])
def test_nothing_is_left_of_a_secret_that_begins_with_another(secrets: list[str]) -> None:
    assert hidden("it is token-of-the-shop", secrets) == "it is …"


def test_the_shortest_secret_is_hidden_and_a_shorter_one_is_not() -> None:
    secret = "x" * SHORTEST_HIDDEN
    assert hidden(f"-{secret}-", [secret]) == "-…-"
    assert hidden(f"-{secret[1:]}-", [secret[1:]]) == f"-{secret[1:]}-"
