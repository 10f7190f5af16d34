"""What the load tests need, and what they must reach."""

from typing import Final

EXIT_CANNOT: Final = 2
"""Exit code when a load test cannot run here."""

OTHER_FILES: Final = 500
"""Open files of a process besides its viewers' sockets."""

READY_TIMEOUT_S: Final = 60.0
"""From the start of the server until both ports say that they are ready; the first start makes a database."""

STOP_TIMEOUT_S: Final = 40.0
"""For the server to end by itself; then it is killed. No role takes longer than 35 s (*Upgrades* in
docs/operations.md)."""

HTTP_TIMEOUT_S: Final = 10.0
"""For one call."""

STORE_TIMEOUT_S: Final = 30
"""For one answer of Redis, or a connection to Postgres, when a soak looks at what they keep."""

PLAY_SPARE_S: Final = 180.0
"""For a scene to be played, besides its own length: joining, stopping, writing."""

QUIET_TIMEOUT_S: Final = 30.0
"""From the end of the show until no order is under way and no hold is live."""

RECONCILE_TIMEOUT_S: Final = 120.0
"""For ``showdrop reconcile``."""

# --- What a run must reach -------------------------------------------------------------------------------------------

CLAIM_MOST_P99_MS: Final = 500
"""From a tap to its answer."""

EVENT_MOST_P99_MS: Final = 1_000
"""From the moment in which the server makes an event to the viewer."""

CONFIRM_MOST_MS: Final = 5_000
"""From a checkout to the news that the order is confirmed, of everyone: far above what is measured, so that only news
that was lost, and told again to who came back, takes longer."""

LATE_MOST_P99_MS: Final = 100
"""From the moment in which a claim was due to the moment in which it was written: a load client that is later than
this was the limit itself, and the run proves nothing."""

FRAMES_LEAST_PER_S: Final = 9.0
"""Stock counts a second that each viewer sees in the soak: one is made in every tick, ten times a second."""

FRAMES_LOW_PER_S: Final = 7.0
"""The same, of the worst seconds: a machine that others use, too, may stall for three ticks, and what they would have
told is not told later."""

FRAMES_LOW_SHARE: Final = 0.05
"""Of the seconds of the soaks: so many may be worse than that. Of fewer than twenty seconds none may."""

FRAMES_START_S: Final = 1.0
"""Of each soak, not counted where one viewer's stock counts are compared with its length: buyers begin half a second
after the offer does, and the rest is for the way that the news of its start and its end takes to a viewer."""

BUYERS_LEAST: Final = 0.99
"""Of those who are to tap in a drop, those who did: whoever is on the way back just then may miss a short one."""

FIRST_SECOND_LEAST: Final = 0.85
"""Of the claims that are to be sent in the first second of a drop: a load client that is as late as it may be sends a
sixteenth of them later. Besides, one buyer more or less does not count: in tier XS that is a third of them."""

WARM_UP_S: Final = 600.0
"""Of a soak: then caches are full and every code path has run."""

WINDOW_S: Final = 600.0
"""Memory at the beginning and at the end of a soak is the median over so long."""

GROWTH_MOST: Final = 0.05
"""By what share a role's memory may grow from the first window to the last."""

assert LATE_MOST_P99_MS < CLAIM_MOST_P99_MS
assert FRAMES_LOW_PER_S < FRAMES_LEAST_PER_S
