"""The scenes of the load tests: how many come, when they tap, and what the host does when; pure.

Locust's shapes and the swarm both play these. The assumptions: a quarter of those present tap in the first five seconds
of a big drop, three in five of them in the first second, everyone twice; a viewer taps a reaction every five seconds.
"""

from typing import Final, Literal

import msgspec

TAPPING_SHARE: Final = 0.25
"""Of those present: they tap in a drop."""

FIRST_SECOND_SHARE: Final = 0.6
"""Of those who tap: in the first second."""

TAPS_EACH: Final = 2
"""Times that a claim is sent: the second one is the impatient tap, with the same claim id."""

SECOND_TAP_MS: Final = 200.0
"""Between the two."""

REACT_EVERY_MS: Final = 5_000.0
"""Between two taps of a viewer's reaction; they let the gateway know that the viewer lives, too."""

DROP_SKU: Final = "LOAD-001"
"""What the drops sell."""

DROP_EACH_MOST: Final = 1
"""Units of a drop that one buyer may have."""

TRICKLE_SKU: Final = "LOAD-002"
"""What is claimed and given back all the time in the soak, so that the stock changes in every tick."""

TRICKLE_UNITS: Final = 1_000
"""Units of such an offer: more than are ever held."""

TRICKLE_PER_S: Final = 40
"""Claims of it a second, at most, while the stock falls; then as many are given back, and so on. So no tick finds the
stock as the one before did, except perhaps where it turns."""

TRICKLE_HOLD_MS: Final = 2_000.0
"""How long such a hold is kept, and so the stock falls, and rises: it turns in every second second only."""

TRICKLE_EACH_MOST: Final = 8
"""Units of it that one buyer has at once, where there are too few buyers for one each."""

PRICE_CENTS: Final = 900
"""Of one unit of any offer."""

PREHEAT_MS: Final = 1_500
"""From the announcement of a drop to its start."""

HOLD_TTL_MS: Final = 5_000
"""The shortest hold that an offer may give: the expiry wave comes sooner."""

RETURN_OVER_MS: Final = 1_000.0
"""Within this long after a cut everyone is on the way back."""

Deed = Literal["spotlight", "drop", "trickle", "close", "pause", "resume"]


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """A size.

    Attributes:
        viewers: of the show, buyers among them.
        units: of a drop.
        join_s: within which everyone comes.
        tap_s: within which everyone who taps does so.
        settle_s: from the last tap, or the last expired hold, until everything is paid.
        soak_s: of steady state frames, unless somebody asks for more.
        storm_s: from the storm of reconnects until everyone is back. A gateway that lets in only so many a second tells
            the others to come back after up to five seconds, and they wait for up to as much again.
        tool: what plays it on one machine.
    """

    viewers: int
    units: int
    join_s: float = 10.0
    tap_s: float = 5.0
    settle_s: float = 3.0
    soak_s: float = 10.0
    storm_s: float = 13.0
    tool: Literal["locust", "swarm"] = "locust"

    @property
    def buyers(self) -> int:
        """How many tap."""
        return round(self.viewers * TAPPING_SHARE)

    @property
    def first_second_claims(self) -> int:
        """Claims, repeated ones among them, of the first second of a drop."""
        return round(self.buyers * FIRST_SECOND_SHARE) * TAPS_EACH


TIERS: Final[dict[str, Tier]] = {
    "XS": Tier(viewers=20, units=2, join_s=1.0, tap_s=1.0, settle_s=1.0, soak_s=6.0, storm_s=2.0),
    "S": Tier(viewers=300, units=20),
    "M": Tier(viewers=1_500, units=100),
    "L": Tier(viewers=10_000, units=500, tool="swarm"),
}
"""A look at whether everything works, a boutique, a strong brand, a record show."""


class Cue(msgspec.Struct, frozen=True, kw_only=True):
    """What the host does, and when: seconds after the show began."""

    at_s: float
    do: Deed


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """A tier and what happens in it.

    Attributes:
        cues: of the host, in order.
        storms_s: when everyone is cut and comes back, in seconds after the show began.
        letting_go: share of those with a hold who do not pay, so that it expires.
        soak_s: how long the soak is, in the shapes that have one.
        length_s: from the start of the show to its end.
    """

    tier_name: str
    shape: str
    tier: Tier
    cues: tuple[Cue, ...]
    storms_s: tuple[float, ...]
    letting_go: float
    soak_s: float
    length_s: float


class _Phase(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a scene, in seconds after its own beginning."""

    length_s: float
    cues: tuple[tuple[float, Deed], ...] = ()
    storm_s: float | None = None


OPENING: Final = _Phase(length_s=1.0, cues=((0.5, "spotlight"),))
"""The host's first product, while everyone looks."""

STORM_EVENTS: Final[tuple[tuple[float, Deed], ...]] = (
    (0.1, "spotlight"),
    (0.3, "pause"),
    (0.5, "resume"),
    (0.7, "spotlight"),
    (1.5, "spotlight"),
)
"""What the host does while everyone is cut and comes back, in seconds after the cut."""

STORM_AFTER_S: Final = 1.0
"""From the end of the phase before to the cut."""

SOAK_CYCLE_S: Final = 30.0
"""Of steady state frames between two drops of the shape ``soak``."""

SHAPES: Final[dict[str, float]] = {
    "show": 0.2,
    "short": 0.0,
    "join-storm": 0.0,
    "drop": 0.0,
    "hold-expiry": 0.6,
    "reconnect-storm": 0.0,
    "soak": 0.2,
}
"""By name, how many of those with a hold let it expire."""


def scene(tier_name: str, shape: str, soak_s: float | None = None) -> Scene:
    """Return what a tier of a shape is.

    Args:
        tier_name: of ``TIERS``.
        shape: of ``SHAPES``; all of them begin with the join storm. ``show`` has everything one after another,
            ``short`` a drop and a storm.
        soak_s: how long the soak is; None: as the tier says.
    """
    tier = TIERS[tier_name]
    length_s = tier.soak_s if soak_s is None else soak_s
    sold_out, expiring = _drop(tier, expires=False), _drop(tier, expires=True)
    phases = {
        "show": [expiring, _soak(length_s), _storm(tier)],
        "short": [sold_out, _storm(tier)],
        "join-storm": [],
        "drop": [sold_out],
        "hold-expiry": [expiring],
        "reconnect-storm": [_storm(tier)],
        "soak": _cycles(expiring, length_s),
    }[shape]
    cues: list[Cue] = []
    storms: list[float] = []
    at_s = 0.0
    for phase in (OPENING, *phases):
        cues += [Cue(at_s=at_s + after_s, do=deed) for after_s, deed in phase.cues]
        storms += [] if phase.storm_s is None else [at_s + phase.storm_s]
        at_s += phase.length_s
    return Scene(
        tier_name=tier_name,
        shape=shape,
        tier=tier,
        cues=tuple(cues),
        storms_s=tuple(storms),
        letting_go=SHAPES[shape],
        soak_s=length_s,
        length_s=at_s + 1.0,
    )


def _drop(tier: Tier, *, expires: bool) -> _Phase:
    """An offer, and its end when everything is sold: after the taps, or after the wave of expired holds."""
    taps_end_s = PREHEAT_MS / 1000 + tier.tap_s + SECOND_TAP_MS / 1000
    closes_s = taps_end_s + tier.settle_s + (HOLD_TTL_MS / 1000 if expires else 0.0)
    return _Phase(length_s=closes_s + 1.0, cues=((0.0, "drop"), (closes_s, "close")))


def _storm(tier: Tier) -> _Phase:
    """Everyone is cut at once; the host goes on meanwhile."""
    cues = tuple((STORM_AFTER_S + after_s, deed) for after_s, deed in STORM_EVENTS)
    return _Phase(length_s=STORM_AFTER_S + tier.storm_s, cues=cues, storm_s=STORM_AFTER_S)


def _soak(length_s: float) -> _Phase:
    """Steady state frames, and an event every two seconds."""
    deeds: tuple[Deed, ...] = ("spotlight", "pause", "resume")
    events = tuple((2.0 * count, deeds[count % 3]) for count in range(1, 3 * int(length_s / 6) + 1))
    return _Phase(length_s=length_s + 1.0, cues=((0.0, "trickle"), *events, (length_s + 0.5, "close")))


def _cycles(drop: _Phase, length_s: float) -> list[_Phase]:
    """Drops with steady state frames between them, for about so long; one at least."""
    soak = _soak(min(SOAK_CYCLE_S, length_s))
    count = max(1, round(length_s / (drop.length_s + soak.length_s)))
    return [drop, soak] * count
