"""What a product's variants are called beside each other."""

import pytest

from inventory.channels.publishing import Variant, names_of
from kit.money import Money


def variants(**titles: str) -> list[Variant]:
    return [
        Variant(sku=sku, title=title, price=Money(1, "EUR"), level=1, item_id=None) for sku, title in titles.items()
    ]


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        ({"A": "red", "B": "blue"}, {"A": "red", "B": "blue"}),
        ({"A": "", "B": "blue"}, {"A": "A", "B": "blue"}),
        ({"A": "red", "B": "red", "C": "blue"}, {"A": "A", "B": "B", "C": "blue"}),
        ({"A": ""}, {"A": "A"}),
    ],
)
def test_a_variant_is_called_by_its_title_where_that_is_the_only_one(
    titles: dict[str, str], names: dict[str, str]
) -> None:
    assert names_of(variants(**titles)) == names


def test_titles_that_are_the_same_after_the_cut_tell_nothing_apart() -> None:
    assert names_of(variants(SKU_OF_A="red, large", B="red, small", C="blue"), most_chars=5) == {
        "SKU_OF_A": "SKU_O",
        "B": "B",
        "C": "blue",
    }


def test_a_title_that_another_has_already_is_not_given_twice() -> None:
    assert names_of(variants(A="red", B="blue"), taken={"red"}) == {"A": "A", "B": "blue"}
