import pytest
from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from inventory.hold_ids import (
    KEY_ATTEMPTS,
    born_ms_of,
    claim_id_of,
    claim_note,
    hold_id,
    key_of,
    key_of_claim,
    new_hold_id,
    pool_no_of,
)
from kit.ids import is_id, is_ulid, new_ulid

POOL_NOS = st.integers(0, 2**40 - 1)
TIMES_MS = st.integers(0, 2**48 - 1)
CLAIM_IDS = st.integers(0, 2**128 - 1).map(lambda number: str(ULID.from_int(number)))


@given(POOL_NOS, TIMES_MS, CLAIM_IDS)
def test_a_hold_id_names_its_pool_its_birth_and_its_key(pool_no: int, born_ms: int, claim_id: str) -> None:
    key = key_of_claim(claim_id, 0)
    called = hold_id(pool_no, born_ms, key)
    assert is_id(called, "hold")
    assert (pool_no_of(called), born_ms_of(called), key_of(called)) == (pool_no, born_ms, key)
    assert ULID.from_str(called.removeprefix("hold_")).milliseconds == born_ms


@pytest.mark.parametrize("pool_no", [-1, 2**40])
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


@given(CLAIM_IDS, st.integers(0, KEY_ATTEMPTS - 1), POOL_NOS, TIMES_MS)
def test_a_claim_is_known_again_by_its_note_and_key(claim_id: str, attempt: int, pool_no: int, born_ms: int) -> None:
    called = hold_id(pool_no, born_ms, key_of_claim(claim_id, attempt))
    assert is_id(called, "hold")
    assert claim_id_of(claim_note(claim_id, attempt), called) == claim_id


def test_a_hold_without_a_claim_has_its_own_ulid_as_claim() -> None:
    called = new_hold_id(7)
    assert is_ulid(claim_id_of("", called))
    assert f"hold_{claim_id_of('', called)}" == called


@given(CLAIM_IDS)
def test_the_keys_of_one_claim_differ_and_stay_the_same(claim_id: str) -> None:
    keys = [key_of_claim(claim_id, attempt) for attempt in range(KEY_ATTEMPTS)]
    assert len(set(keys)) == KEY_ATTEMPTS
    assert keys == [key_of_claim(claim_id, attempt) for attempt in range(KEY_ATTEMPTS)]


def test_claims_that_end_alike_part_at_the_next_attempt() -> None:
    tail = new_ulid()[-8:]
    claims = [f"{new_ulid()[:10]}{number:08d}{tail}" for number in range(1000)]
    assert {key_of_claim(one, 0) for one in claims} == {tail}
    assert len({key_of_claim(one, 1) for one in claims}) == 1000


def test_every_digit_comes_up_in_every_place_of_a_second_key() -> None:
    keys = [key_of_claim(new_ulid(), 1) for _ in range(10_000)]
    assert [len(set(place)) for place in zip(*keys, strict=True)] == [32] * 8
