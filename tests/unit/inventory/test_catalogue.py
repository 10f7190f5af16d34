import random
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.catalogue import Product, RecentProducts, completed, derive_sku, product_id_of, variant_title
from inventory.limits import DERIVED_SKU_CHARS, MAX_REMEMBERED_PRODUCTS
from kit.ids import is_id


@pytest.mark.parametrize(
    ("handle", "values", "sku"),
    [
        ("oak-stool", ["", "", ""], "oak-stool"),
        ("classic-varsity-top", ["Medium", "", ""], "classic-varsity-top.medium"),
        ("harbour-jumper", ["Small", "Navy Blue"], "harbour-jumper.small.navy-blue"),
    ],
)
def test_plain_names_give_plain_skus(handle: str, values: list[str], sku: str) -> None:
    assert derive_sku(handle, values) == sku


@pytest.mark.parametrize(
    ("handle", "values", "slug"),
    [
        ("tee", ["Grün"], "tee.grun"),
        ("tee", ["赤"], "tee"),
        ("茶", ["赤"], "item"),
        ("tee", ["2.5"], "tee.2-5"),
        ("tee", ["T-Shirt"], "tee.t-shirt"),
        ("Tee", ["Red"], "tee.red"),
        ("tee", ["", "Red"], "tee.red"),
        ("a-" * 40, ["Red"], ("a-" * 26) + "a"),
    ],
)
def test_what_the_slug_cannot_tell_is_told_by_a_hash(handle: str, values: list[str], slug: str) -> None:
    sku = derive_sku(handle, values)
    assert re.fullmatch(re.escape(slug) + "_[a-z2-7]{10}", sku), sku


def test_a_derived_sku_never_changes_between_versions() -> None:
    # Merchants' orders and channels refer to these: a change here is a migration.
    assert derive_sku("tee", ["Grün"]) == "tee.grun_sl7dzarsn3"


def test_case_of_option_values_does_not_count_but_case_of_handles_does() -> None:
    assert derive_sku("tee", ["XL"]) == derive_sku("tee", ["xl"])
    assert derive_sku("Tee", ["XL"]) != derive_sku("tee", ["XL"])


VALUE = st.one_of(
    st.sampled_from(["Red", "red", "light blue", "light-blue", "light.blue", "Größe", "赤", "10", "1 0", "", "a_b"]),
    st.text(alphabet="ab-. _éß", max_size=70).map(lambda text: " ".join(text.split())),
)
HANDLE = VALUE.filter(bool)


def identity(handle: str, values: list[str]) -> tuple[str, ...]:
    folded = [unicodedata.normalize("NFC", value.casefold()) for value in values]
    while folded and not folded[-1]:
        folded.pop()
    return (handle, *folded)


@given(st.lists(st.tuples(HANDLE, st.lists(VALUE, min_size=3, max_size=3)), max_size=40), st.randoms())
def test_derived_skus_are_distinct_short_and_free_of_order(
    variants: list[tuple[str, list[str]]], order: random.Random
) -> None:
    skus = {identity(handle, values): derive_sku(handle, values) for handle, values in variants}
    assert len(set(skus.values())) == len(skus)
    assert all(0 < len(sku) <= DERIVED_SKU_CHARS and sku.isascii() for sku in skus.values())
    order.shuffle(variants)
    assert {identity(handle, values): derive_sku(handle, values) for handle, values in variants} == skus


def test_variant_titles_join_the_values_that_are_there() -> None:
    assert variant_title(["Medium", "", "Red"]) == "Medium / Red"
    assert variant_title(["", "", ""]) == ""


def test_product_ids_follow_from_the_key() -> None:
    assert product_id_of("oak-stool") == product_id_of("oak-stool")
    assert product_id_of("oak-stool") != product_id_of("oak-stools")
    assert all(is_id(product_id_of(f"key {number}"), "prod") for number in range(200))


def test_earlier_rows_win_and_later_rows_fill_gaps() -> None:
    first = completed(Product(product_key="a", handle="a"), title="Mug", option_names=("", "", ""))
    later = completed(first, title="Other", image="https://e.com/1.jpg", vendor="V", option_names=("Size", "", ""))
    assert (later.title, later.image, later.vendor) == ("Mug", "https://e.com/1.jpg", "V")
    assert later.option_names == ("Size", "", "")
    assert completed(later) is later


def test_the_product_used_longest_ago_is_forgotten_first() -> None:
    products = RecentProducts()
    for number in range(MAX_REMEMBERED_PRODUCTS):
        products.put(Product(product_key=str(number), handle=str(number), title="T"))
    products.put(products.get("0"))
    products.put(Product(product_key="new", handle="new", title="T"))
    assert products.get("0").title == "T"
    assert products.get("1") == Product(product_key="1", handle="1")
