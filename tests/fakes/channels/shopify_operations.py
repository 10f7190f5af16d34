"""What a fake Shopify understands: operations that are known by the words in them."""

import re
from collections.abc import Callable
from typing import Any

import msgspec

_WORDS = re.compile(r"[A-Za-z_]+")


class ShopError(Exception):
    """What goes into ``errors``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = {"message": message, "extensions": {"code": code}}


class ShopItem(msgspec.Struct, kw_only=True):
    """An inventory item at the shop's one location."""

    available: int = 0
    tracked: bool = True
    stocked: bool = True


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A query or a mutation.

    Attributes:
        name: for tests.
        words: that its text has, and no others but its own name.
        variables: that it has.
        needs: the scope.
        run: what it does; takes the variables.
        price: points that have to be there, by the ids that it has among its variables.
        costs: points that it takes in the end, where it brings little of what it asked for; None: all of them.
    """

    name: str
    words: frozenset[str]
    variables: set[str]
    needs: str
    run: Callable[..., object]
    price: Callable[[list[str]], int]
    costs: int | None = None

    def fits(self, query: str) -> bool:
        text = re.sub(r"Showdrop\w+", "", query)
        text = re.sub(r'"[^"]*\s[^"]*"', "", text)  # a sentence for people
        return text.count("{") == text.count("}") and frozenset(_WORDS.findall(text)) == self.words


def operation(
    name: str,
    words: str,
    variables: set[str],
    needs: str,
    run: Callable[..., Any],
    *,
    price: Callable[[list[str]], int] = lambda _: 10,
    costs: int | None = 10,
) -> Operation:
    return Operation(
        name=name,
        words=frozenset(words.split()),
        variables=variables,
        needs=needs,
        run=run,
        price=price,
        costs=costs,
    )


def number_in(pattern: re.Pattern[str], gid: str) -> str:
    found = pattern.fullmatch(gid)
    if found is None:
        raise ShopError("INVALID_VARIABLE", f"Invalid global id '{gid}'")
    return found[1]
