"""Which offer a claim id got its units of."""

from hypothesis import given
from hypothesis import strategies as st

from live.recent_claims import RecentClaims


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0, 40)), max_size=100))
def test_a_claim_is_known_for_as_long_as_promised_and_not_for_twice_as_long(steps: list[tuple[int, float]]) -> None:
    claims, model, now = RecentClaims(keep_s=60.0, most=1_000), dict[str, float](), 0.0
    for number, pause in steps:
        now += pause
        claims.add(f"claim_{number}", f"offer_{number}", now)
        model[f"claim_{number}"] = now
        for claim_id, added_at in model.items():
            if now - added_at < 60:
                assert claims.offer_of(claim_id) == claim_id.replace("claim", "offer")
            elif now - added_at > 200:  # a generation ends with the first claim after its time, here within 40 s
                assert claims.offer_of(claim_id) is None
    assert claims.offer_of("claim_never") is None


def test_so_many_are_known_and_no_more() -> None:
    claims = RecentClaims(keep_s=1e9, most=100)
    for number in range(1_000):
        claims.add(str(number), "offer", 0.0)
        assert len(claims) <= 100
    assert all(claims.offer_of(str(number)) == "offer" for number in range(950, 1_000))
    assert claims.offer_of("800") is None


def test_what_old_shows_leave_behind_goes_with_new_claims() -> None:
    claims, most = RecentClaims(keep_s=600.0, most=50_000), 0
    for show in range(200):
        for number in range(200):
            claims.add(f"{show}:{number}", "offer", show * 60.0)
        most = max(most, len(claims))
    assert most <= 2 * 200 * (600 / 60)
