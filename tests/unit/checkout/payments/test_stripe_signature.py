"""Stripe's webhook signature: the published scheme, several secrets, both ends of the time window."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.payments.stripe_signature import verify
from kit.errors import UnauthorisedError
from tests.fakes.stripe.webhooks import digest

NOW = 1_700_000_000
BODY = '{"id":1,"a":"é"}'.encode()
SECRET = "whsec_test"
GOOD = "501eff320bceba2a4653346a4529bd7d48c30b7644ee8f74fb7596a88b36ae56"


def test_a_signature_computed_elsewhere_holds() -> None:
    verify(f"t={NOW},v1={GOOD}", BODY, [SECRET], now_s=NOW)


def a_header(secret: str, at_s: int) -> str:
    return f"t={at_s},v1={digest(secret, BODY, at_s)}"


def test_while_a_secret_is_replaced_either_holds() -> None:
    header = a_header("whsec_new", NOW)
    verify(header, BODY, [SECRET, "whsec_new"], now_s=NOW)
    verify(f"t={NOW},v0={'0' * 64},v1={'1' * 64},v1={GOOD}", BODY, [SECRET], now_s=NOW)
    with pytest.raises(UnauthorisedError):
        verify(header, BODY, [SECRET], now_s=NOW)


@pytest.mark.parametrize("off_s", [-300, 0, 300])
def test_within_five_minutes_either_way_it_counts(off_s: int) -> None:
    verify(a_header(SECRET, NOW + off_s), BODY, [SECRET], now_s=NOW)


@pytest.mark.parametrize("off_s", [-301, 301])
def test_beyond_it_does_not(off_s: int) -> None:
    with pytest.raises(UnauthorisedError):
        verify(a_header(SECRET, NOW + off_s), BODY, [SECRET], now_s=NOW)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        f"v1={GOOD}",
        f"t={NOW}",
        f"t={NOW},v0={GOOD}",
        f"t={NOW},v1=",
        f"t={NOW},v1={GOOD.upper()}",
        f"t={NOW},v1={GOOD[:-1]}",
        f"t={NOW},v1={'é' * 64}",
        f"t={NOW},t={NOW},v1={GOOD}",
        f"t=²,v1={GOOD}",
        f"t=-{NOW},v1={GOOD}",
        f"t={'9' * 4_000},v1={GOOD}",
        f"t={NOW},v1={GOOD}," + "v1=x," * 4_000,
        f"t={NOW + 1},v1={GOOD}",
    ],
)
def test_a_missing_malformed_or_wrong_header_is_unauthorised(header: str | None) -> None:
    with pytest.raises(UnauthorisedError) as refused:
        verify(header, BODY, [SECRET], now_s=NOW)
    assert refused.value.code == "bad_signature"
    assert SECRET not in str(refused.value)


@given(st.text(max_size=200))
def test_no_header_does_worse_than_being_refused(header: str) -> None:
    with pytest.raises(UnauthorisedError):
        verify(header, BODY, [SECRET], now_s=NOW)


@given(st.integers(0, len(BODY) - 1))
def test_a_changed_byte_breaks_it(at: int) -> None:
    changed = bytearray(BODY)
    changed[at] ^= 1
    with pytest.raises(UnauthorisedError):
        verify(f"t={NOW},v1={GOOD}", bytes(changed), [SECRET], now_s=NOW)
