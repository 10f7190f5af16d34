"""What a buyer may write about where an order's units go."""

import msgspec
import pytest

from checkout.limits import SHIPPING_MAX_BYTES, SHIPPING_MAX_DEPTH
from checkout.shipping import check_shipping
from kit.errors import InvalidError


def nested(deep: int, *, lists: bool = True) -> dict[str, object]:
    """Return an object with objects or lists inside each other, ``deep`` of them in all."""
    value: object = "home"
    for _ in range(deep - 1):
        value = [value] if lists else {"in": value}
    return {"address": value}


@pytest.mark.parametrize("lists", [True, False])
def test_an_address_may_have_parts_within_parts_up_to_a_depth(lists: bool) -> None:
    check_shipping(nested(SHIPPING_MAX_DEPTH, lists=lists))
    with pytest.raises(InvalidError) as refused:
        check_shipping(nested(SHIPPING_MAX_DEPTH + 1, lists=lists))
    assert refused.value.details["field"] == "shipping"


def test_what_no_stack_could_hold_is_refused_like_anything_too_deep() -> None:
    with pytest.raises(InvalidError):
        check_shipping(nested(100_000))


def test_an_address_may_fill_the_limit_and_no_more() -> None:
    rest = SHIPPING_MAX_BYTES - len(msgspec.json.encode({"name": ""}))
    check_shipping({"name": "x" * rest})
    with pytest.raises(InvalidError):
        check_shipping({"name": "x" * (rest + 1)})


@pytest.mark.parametrize("shipping", [{"name": "\0"}, {"\0": 1}, {"lines": ["a", {"b": "c\0"}]}])
def test_a_zero_byte_is_refused_wherever_it_stands(shipping: dict[str, object]) -> None:
    with pytest.raises(InvalidError):
        check_shipping(shipping)
