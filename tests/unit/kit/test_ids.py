import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from kit.ids import POOL_NO_BITS, is_id, is_ulid, new_hold_id, new_hold_ids, new_id, new_ulid, pool_no_of


@given(st.integers(0, 2**POOL_NO_BITS - 1))
def test_a_hold_id_names_its_pool(pool_no: int) -> None:
    hold_id = new_hold_id(pool_no)
    assert is_id(hold_id, "hold")
    assert pool_no_of(hold_id) == pool_no


@pytest.mark.parametrize("pool_no", [-1, 2**POOL_NO_BITS])
def test_a_pool_number_that_does_not_fit_is_an_error(pool_no: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        new_hold_id(pool_no)


@given(st.text())
def test_no_text_at_all_breaks_the_reading_of_hold_ids(text: str) -> None:
    pool_no = pool_no_of(text)
    assert pool_no is None or is_id(text, "hold")


@pytest.mark.parametrize(
    "text", ["", "hold_", "order_" + "0" * 26, "hold_" + "0" * 25, "hold_" + "0" * 26 + "\n", "hold_8" + "0" * 25]
)
def test_what_is_no_hold_id_names_no_pool(text: str) -> None:
    assert pool_no_of(text) is None


def test_ids_are_prefixed_sortable_and_their_own() -> None:
    ids = {new_id("show") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_id(one, "show") and not is_id(one, "sho") for one in ids)
    assert is_ulid(new_ulid())
    for text in (new_ulid().lower(), new_ulid()[:-1], "I" * 26, "U" * 26):
        assert not is_ulid(text)


def test_hold_ids_of_one_pool_differ() -> None:
    assert len({new_hold_id(7) for _ in range(1000)}) == 1000


@given(st.integers(0, 2**POOL_NO_BITS - 1), st.integers(0, 300))
def test_a_batch_of_hold_ids_is_as_many_of_its_pool_each_its_own(pool_no: int, count: int) -> None:
    hold_ids = new_hold_ids(pool_no, count)
    assert len(set(hold_ids)) == len(hold_ids) == count
    assert {pool_no_of(one) for one in hold_ids} <= {pool_no}


def test_every_digit_comes_up_in_every_random_place_of_a_hold_id() -> None:
    tails = [one[-8:] for one in new_hold_ids(7, 10_000)]
    assert [len(set(place)) for place in zip(*tails, strict=True)] == [32] * 8


def test_a_hold_id_carries_the_time_it_was_made_at() -> None:
    before_ms = time.time_ns() // 1_000_000
    made_at_ms = ULID.from_str(new_hold_id(2**POOL_NO_BITS - 1).removeprefix("hold_")).milliseconds
    assert before_ms <= made_at_ms <= time.time_ns() // 1_000_000
