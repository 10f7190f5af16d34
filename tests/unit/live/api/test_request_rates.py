"""How many requests one address and one bearer may make."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import live.api.request_rates as module
from kit.errors import RateLimitedError
from live.api.answers import headers_of
from live.api.limits import REQUESTS_BURST_S
from live.api.request_rates import RequestRates

NOW = 1_000.0


def answered(rates: RequestRates, network: str, asked: int, now: float = NOW) -> int:
    count = 0
    for _ in range(asked):
        try:
            rates.take_of_address(network, now)
        except RateLimitedError:
            continue
        count += 1
    return count


@pytest.mark.parametrize("per_s", [1, 5, 1_000])
def test_a_burst_is_answered_at_once_and_then_the_rate(per_s: int) -> None:
    rates = RequestRates(address_per_s=per_s, token_per_s=0)
    assert answered(rates, "192.0.2.1", 10_000) == per_s * REQUESTS_BURST_S
    assert answered(rates, "192.0.2.1", 10_000) == 0
    assert answered(rates, "192.0.2.1", 10_000, NOW + 1) == per_s
    assert answered(rates, "192.0.2.2", 10_000) == per_s * REQUESTS_BURST_S


def test_bearers_are_told_apart_by_role_and_subject() -> None:
    rates = RequestRates(address_per_s=0, token_per_s=1)
    for _ in range(int(REQUESTS_BURST_S)):
        rates.take_of_bearer("viewer", "ana", NOW)
    with pytest.raises(RateLimitedError, match="tokens of this subject"):
        rates.take_of_bearer("viewer", "ana", NOW)
    rates.take_of_bearer("host", "ana", NOW)
    rates.take_of_bearer("viewer", "bob", NOW)


def test_nought_is_no_limit() -> None:
    rates = RequestRates(address_per_s=0, token_per_s=0)
    assert not rates.counts_addresses
    assert answered(rates, "192.0.2.1", 100_000) == 100_000
    for _ in range(100_000):
        rates.take_of_bearer("host", "me", NOW)


@given(per_s=st.integers(1, 1_000), pauses=st.lists(st.floats(0, 2), max_size=30))
def test_who_waits_as_long_as_told_is_answered(per_s: int, pauses: list[float]) -> None:
    rates, now = RequestRates(address_per_s=per_s, token_per_s=0), NOW
    answered(rates, "a", int(per_s * REQUESTS_BURST_S), now)
    for pause in [0, *pauses]:
        now += pause
        refused = refusal(rates, now)
        if refused is not None:
            wait_ms = refused.details["retry_after_ms"]
            assert isinstance(wait_ms, int)
            assert 1 <= wait_ms <= 1_000
            assert headers_of(refused) == {"retry-after": "1"}
            now += wait_ms / 1_000
            assert refusal(rates, now) is None


def refusal(rates: RequestRates, now: float) -> RateLimitedError | None:
    try:
        rates.take_of_address("a", now)
    except RateLimitedError as error:
        return error
    return None


def test_the_address_unused_for_longest_makes_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUEST_ADDRESSES_MOST", 2)
    rates = RequestRates(address_per_s=1, token_per_s=0)
    answered(rates, "a", 100)
    answered(rates, "b", 100)
    assert answered(rates, "a", 100) == 0
    answered(rates, "c", 100)
    assert answered(rates, "a", 100) == 0, "it was used after b"
    assert answered(rates, "b", 100) == REQUESTS_BURST_S
