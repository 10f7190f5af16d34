"""What the row about the cost of growth must reach, and its load."""

from typing import Final

from loadtests.bench.limits import FULL, QUICK, VIEWER_CLAIMS_AT_ONCE, Sizes

GROWTH_MOST_RATIO: Final = 1.2
"""CPU per viewer, or per claim, in a crowd, against any smaller one."""

FRAMES_PER_S: Final = 10
"""State frames of each viewer in the steady state: one for every tick of the gateway."""

FRAMES_LEAST_PER_S: Final = 9.5
"""A viewer who gets fewer does not get what was to be measured."""

CHANGES_PER_S: Final = 12
"""Claims a second that make the steady state: no tick is without one, and hardly any has two."""

FLOOR_EVENTS: Final = 15
"""Sends of the floor to each reader in each turn."""

PAUSE_S: Final = 0.3
"""In which no viewer reads anything: what was under way has arrived, and a tick has told the last change."""

GROWTH_IN_FLIGHT: Final = 500
"""Most claims that wait for an answer at the same time, of all viewers, whatever the size of the crowd."""

ACK_WAITS_S: Final = 0.04
"""Seconds that the kernel waits for something to send along with an acknowledgement (``TCP_DELACK_MIN``). Claims that
are judged come at a pace at which nobody claims twice in that time. As fast as they are answered, a small crowd's would
be another load: they carry the acknowledgements of the answers before, and the server has fewer segments to read."""

PACE_LEAST_SHARE: Final = 0.95
"""Of that pace; with less, the machine is too slow for it."""


def _most_at_once(sizes: Sizes) -> float:
    """Return what a viewer of the smallest crowd sends at the most before it has rested."""
    changes = sizes.growth_s * CHANGES_PER_S
    return (3 * sizes.growth_claims + changes) / sizes.growth_viewers[0] + 1


assert CHANGES_PER_S > FRAMES_PER_S
assert all(sizes.growth_viewers[0] / sizes.growth_claims_per_s > 2 * ACK_WAITS_S for sizes in (FULL, QUICK))
assert _most_at_once(FULL) < VIEWER_CLAIMS_AT_ONCE, "however fast a machine is"
assert _most_at_once(QUICK) < VIEWER_CLAIMS_AT_ONCE
assert all(sizes.growth_turns * sizes.growth_s * CHANGES_PER_S <= sizes.growth_claims for sizes in (FULL, QUICK))
assert all(list(sizes.growth_viewers) == sorted(set(sizes.growth_viewers)) for sizes in (FULL, QUICK))
