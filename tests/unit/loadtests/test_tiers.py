"""The scenes: sizes as the assumptions say, and everything that happens in them in its order."""

import pytest

from loadtests.tiers import HOLD_TTL_MS, PREHEAT_MS, SHAPES, TIERS, scene


@pytest.mark.parametrize(("name", "claims"), [("S", 90), ("M", 450), ("L", 3_000)])
def test_the_first_second_of_a_drop_has_as_many_claims_as_the_assumptions_say(name: str, claims: int) -> None:
    assert TIERS[name].first_second_claims == claims


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_whatever_a_scene_opens_it_closes_before_its_end(tier: str, shape: str) -> None:
    one = scene(tier, shape)
    moments = [cue.at_s for cue in one.cues]
    assert moments == sorted(moments)
    assert max(moments) < one.length_s
    opened = sum(cue.do in {"drop", "trickle"} for cue in one.cues)
    assert opened == sum(cue.do == "close" for cue in one.cues)
    assert sum(cue.do == "pause" for cue in one.cues) == sum(cue.do == "resume" for cue in one.cues)


def test_an_expiry_wave_is_over_before_its_drop_is_closed() -> None:
    one = scene("S", "hold-expiry")
    drop = next(cue.at_s for cue in one.cues if cue.do == "drop")
    close = next(cue.at_s for cue in one.cues if cue.do == "close")
    last_expiry = drop + (PREHEAT_MS + HOLD_TTL_MS) / 1000 + one.tier.tap_s
    assert close > last_expiry


def test_a_storm_comes_when_no_offer_is_open_and_the_show_goes_on_meanwhile() -> None:
    one = scene("S", "show")
    [storm] = one.storms_s
    assert storm > max(cue.at_s for cue in one.cues if cue.do == "close") + 1.0
    assert any(storm < cue.at_s < storm + 1.0 for cue in one.cues)


def test_a_soak_is_about_as_long_as_somebody_asks() -> None:
    two_hours = scene("S", "soak", 7_200.0)
    assert (two_hours.soak_s, scene("S", "soak").soak_s) == (7_200.0, TIERS["S"].soak_s)
    assert two_hours.length_s == pytest.approx(7_200, rel=0.02)
    assert sum(cue.do == "drop" for cue in two_hours.cues) > 100
