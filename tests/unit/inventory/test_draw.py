"""A draw: who may enter, and the order that anybody can repeat."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.draw import Entered, Entry, EntryAnswer, Window, decide, digest_of, drawn_order, seed_hash
from inventory.holds import ClaimRequest, Refusal, Refused

OPEN = Window(mode="draw", open=True, begun=True, drawn_at_ms=5_000)
IN = Entered(drawn_at_ms=5_000)
BUYERS = [f"buyer-{n}" for n in range(50)]


def wish(buyer_id: str, claim_id: str, *, quantity: int = 1, pool_id: str = "a") -> ClaimRequest:
    return ClaimRequest(pool_id=pool_id, claim_id=claim_id, buyer_id=buyer_id, quantity=quantity)


def refused(reason: Refusal) -> EntryAnswer:
    return Refused(reason=reason, temporary=reason == "not_open")


def test_another_seed_makes_another_order_and_the_same_seed_the_same_one() -> None:
    order = drawn_order("one", BUYERS)
    assert sorted(order) == sorted(BUYERS)
    assert drawn_order("one", reversed(BUYERS)) == order
    assert drawn_order("two", BUYERS) != order


def test_order_and_hash_are_what_the_decision_record_says() -> None:
    assert seed_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_of("seed", "ána") == sha256("seed:ána".encode()).hexdigest()
    assert drawn_order("seed", BUYERS) == sorted(BUYERS, key=lambda one: sha256(f"seed:{one}".encode()).digest())


def test_nobody_is_favoured_by_their_name() -> None:
    first = [drawn_order(f"{seed}", BUYERS)[0] for seed in range(2_000)]
    counts = [first.count(buyer) for buyer in BUYERS]
    assert min(counts) > 10  # 40 each on average; a fair draw stays above 10 but once in a million
    assert max(counts) < 80


def test_a_wish_again_gets_the_same_answer_and_another_one_is_one_too_many() -> None:
    answers, fresh = decide(
        [wish("ana", "1"), wish("ana", "1"), wish("ana", "2"), wish("bob", "1"), wish("bob", "3")], {"a": OPEN}, []
    )
    assert answers == [IN, IN, refused("buyer_limit"), refused("invalid"), IN]
    assert [(one.buyer_id, one.claim_id) for one in fresh] == [("ana", "1"), ("bob", "3")]


@pytest.mark.parametrize(
    ("window", "reason"),
    [
        (Window(mode="draw", open=False, begun=False, drawn_at_ms=5_000), "not_open"),
        (Window(mode="draw", open=False, begun=True, drawn_at_ms=5_000), "ended"),
        (Window(mode="first_come", open=True, begun=True, drawn_at_ms=5_000), "invalid"),
    ],
)
def test_outside_the_window_nobody_enters(window: Window, reason: Refusal) -> None:
    assert decide([wish("ana", "1")], {"a": window}, []) == ([refused(reason)], [])


def test_who_is_in_hears_so_after_the_window_too() -> None:
    closed = Window(mode="draw", open=False, begun=True, drawn_at_ms=5_000)
    there = [Entry(pool_id="a", buyer_id="ana", claim_id="1")]
    wishes = [wish("ana", "1"), wish("ana", "1", quantity=2), wish("eve", "1"), wish("ana", "2")]
    assert decide(wishes, {"a": closed}, there) == (
        [IN, refused("invalid"), refused("invalid"), refused("ended")],
        [],
    )


def test_one_unit_each_and_pools_do_not_know_each_other() -> None:
    wishes = [
        wish("ana", "1", quantity=2),
        wish("ana", "1", pool_id="b"),
        wish("ana", "1"),
        wish("ana", "9", pool_id="c"),
    ]
    answers, fresh = decide(wishes, {"a": OPEN, "b": OPEN}, [])
    assert answers == [refused("invalid"), IN, IN, refused("unknown_offer")]
    assert [one.pool_id for one in fresh] == ["b", "a"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("1234")), max_size=12), st.integers(0, 12))
def test_cutting_a_stream_of_wishes_into_batches_changes_no_answer(wishes: list[tuple[str, str]], cut: int) -> None:
    asked = [wish(buyer, claim) for buyer, claim in wishes]
    whole, all_fresh = decide(asked, {"a": OPEN}, [])
    first, fresh = decide(asked[:cut], {"a": OPEN}, [])
    second, more = decide(asked[cut:], {"a": OPEN}, fresh)
    assert first + second == whole
    assert fresh + more == all_fresh
    assert len({one.buyer_id for one in all_fresh}) == len(all_fresh) == len({one.claim_id for one in all_fresh})
