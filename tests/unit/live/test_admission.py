import pytest
from hypothesis import given
from hypothesis import strategies as st

import live.admission as module
from live.admission import Admission
from live.limits import (
    ADDRESS_BURST_S,
    BUYER_CLAIMS_BURST,
    BUYER_CLAIMS_PER_S,
    JOINS_BURST_S,
    RETRY_AFTER_MAX_S,
    RETRY_AFTER_MIN_S,
)


def an_admission(
    *, most: int = 1_000_000, joins_per_s: float = 100, messages_per_s: float = 10, of_one_address: int = 0
) -> Admission:
    return Admission(
        connections_most=most,
        joins_per_s=joins_per_s,
        address_messages_per_s=messages_per_s,
        address_viewers_most=of_one_address,
        now=1_000.0,
    )


def let_in(admission: Admission, asked: int, now: float) -> int:
    return sum(admission.turned_away("192.0.2.1", 1, now, 0.5) is None for _ in range(asked))


def messages_allowed(admission: Admission, network: str, now: float) -> int:
    return next(count for count in range(10_000) if not admission.message_rates.allows(network, now))


def claims_allowed(admission: Admission, buyer_id: str, now: float) -> int:
    return next(count for count in range(10_000) if not admission.claim_rates.allows(buyer_id, now))


def test_a_burst_comes_in_at_once_and_then_the_rate() -> None:
    admission = an_admission(joins_per_s=100)
    assert let_in(admission, 1_000, 1_000.0) == 100 * JOINS_BURST_S
    assert let_in(admission, 1_000, 1_000.0) == 0
    assert let_in(admission, 1_000, 1_001.0) == 100
    assert let_in(admission, 1_000, 2_000.0) == 100 * JOINS_BURST_S


def test_the_slowest_entrance_lets_one_in() -> None:
    assert let_in(an_admission(joins_per_s=0.1), 5, 1_000.0) == 1


def test_the_last_place_is_given_and_no_other() -> None:
    admission = an_admission(most=3)
    assert [admission.turned_away("192.0.2.1", count, 1_000.0, 0.0) is None for count in (1, 2, 3, 4)] == [
        True,
        True,
        True,
        False,
    ]


def test_a_full_house_takes_no_token_from_who_comes_next() -> None:
    admission = an_admission(most=3, joins_per_s=1)
    for _ in range(1_000):
        assert admission.turned_away("192.0.2.1", 4, 1_000.0, 0.0) is not None
    assert let_in(admission, 1_000, 1_000.0) == int(JOINS_BURST_S)


def test_an_address_has_so_many_viewers_and_no_more() -> None:
    admission = an_admission(of_one_address=3)

    def comes(address: str) -> str | None:
        return None if admission.turned_away(address, 1, 1_000.0, 0.5) is not None else admission.entered(address)

    inside = [comes("192.0.2.1") for _ in range(10)]
    assert inside == ["192.0.2.1"] * 3 + [None] * 7
    assert comes("192.0.2.2") is not None, "another address is not held to it"
    admission.left("192.0.2.1")
    assert [comes("192.0.2.1") is not None for _ in range(3)] == [True, False, False]


def test_a_household_with_many_ipv6_addresses_is_one() -> None:
    admission = an_admission(of_one_address=2)
    for n in range(2):
        assert admission.turned_away(f"2001:db8::{n}", 1, 1_000.0, 0.5) is None
        admission.entered(f"2001:db8::{n}")
    assert admission.turned_away("2001:db8::9", 1, 1_000.0, 0.5) is not None
    assert admission.turned_away("2001:db8:0:1::9", 1, 1_000.0, 0.5) is None


def test_an_address_that_is_full_takes_no_token_from_who_comes_next() -> None:
    admission = an_admission(of_one_address=1, joins_per_s=1)
    admission.entered("192.0.2.9")
    for _ in range(1_000):
        assert admission.turned_away("192.0.2.9", 1, 1_000.0, 0.5) is not None
    assert let_in(admission, 1_000, 1_000.0) == int(JOINS_BURST_S)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=200), st.integers(0, 5))
def test_the_count_of_an_address_is_who_came_less_who_left(moves: list[tuple[int, bool]], most: int) -> None:
    admission, inside = an_admission(of_one_address=most, joins_per_s=1_000_000), [0] * 4
    for host, comes in moves:
        address = f"192.0.2.{host}"
        if not comes:
            if inside[host]:
                admission.left(address)
                inside[host] -= 1
            continue
        is_let_in = admission.turned_away(address, 1, 1_000.0, 0.5) is None
        assert is_let_in == (most == 0 or inside[host] < most)
        if is_let_in:
            assert admission.entered(address) == address
            inside[host] += 1
    assert len(admission._viewers) == sum(count > 0 for count in inside), "who has none takes no memory"


@given(st.floats(0, 1, exclude_max=True))
def test_who_is_turned_away_is_told_when_to_come_back(random01: float) -> None:
    told = an_admission(most=0).turned_away("192.0.2.1", 1, 1_000.0, random01)
    assert told is not None
    assert RETRY_AFTER_MIN_S <= told <= RETRY_AFTER_MAX_S


def test_a_crowd_is_spread_evenly_over_the_seconds() -> None:
    admission = an_admission(most=0)
    told = [admission.turned_away("192.0.2.1", 1, 1_000.0, n / 1_000) for n in range(1_000)]
    seconds = range(RETRY_AFTER_MIN_S, RETRY_AFTER_MAX_S + 1)
    assert {one: told.count(one) for one in seconds} == dict.fromkeys(seconds, 1_000 // len(seconds))


def test_viewers_of_one_address_share_and_others_do_not() -> None:
    admission = an_admission(messages_per_s=10)
    one, other = admission.entered("192.0.2.1"), admission.entered("192.0.2.2")
    assert admission.entered("192.0.2.1") == one
    assert messages_allowed(admission, one, 1_000.0) == 10 * ADDRESS_BURST_S
    assert messages_allowed(admission, one, 1_000.0) == 0
    assert messages_allowed(admission, one, 1_001.0) == 10
    assert messages_allowed(admission, other, 1_001.0) == 10 * ADDRESS_BURST_S


def test_so_many_addresses_are_known_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADDRESSES_MOST", 10)
    admission = an_admission(messages_per_s=10)
    for n in range(100):
        assert messages_allowed(admission, str(n), 1_000.0) == 10 * ADDRESS_BURST_S
    assert len(admission.message_rates) == 10


def test_connections_of_one_buyer_share_and_other_buyers_do_not() -> None:
    admission = an_admission()
    assert claims_allowed(admission, "ana", 1_000.0) == BUYER_CLAIMS_BURST
    assert claims_allowed(admission, "ana", 1_000.0) == 0
    assert claims_allowed(admission, "ana", 1_001.0) == BUYER_CLAIMS_PER_S
    assert claims_allowed(admission, "bob", 1_001.0) == BUYER_CLAIMS_BURST
    # A buyer who is called like an address does not share with it.
    admission.message_rates.allows("192.0.2.1", 1_001.0)
    assert claims_allowed(admission, "192.0.2.1", 1_001.0) == BUYER_CLAIMS_BURST


def test_so_many_buyers_are_known_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUYERS_MOST", 3)
    admission = an_admission()
    for name in ("ana", "bob", "ana", "cai", "dan"):
        claims_allowed(admission, name, 1_000.0)
    assert claims_allowed(admission, "ana", 1_000.0) == 0
    assert claims_allowed(admission, "bob", 1_000.0) == BUYER_CLAIMS_BURST
    assert len(admission.claim_rates) == 3
