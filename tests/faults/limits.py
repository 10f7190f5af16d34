"""Every limit of the fault matrix, with its unit and its reason."""

from typing import Final

from tests.faults.cutting_proxy import End

# --- a trial ----------------------------------------------------------------------------------------------------------

LEAD_S: Final = 0.9
"""Seconds of load before the fault begins: holds of every kind are under way by then."""

ARRIVALS_S: Final = 4.0
"""Seconds over which buyers arrive; a fault that lasts longer has more."""

LEAVE_BE_S: Final = 0.8
"""Only who claims within these first seconds lets a hold run out: its end then bounds the length of a trial."""

SHOPPING_MOST_S: Final = 50.0
"""Seconds after which a buyer gives up: longer than the lease of a row that a dead worker had taken (30 s)."""

QUIET_MOST_S: Final = 45.0
"""Seconds that orders get to end after the last buyer has left; the same lease."""

QUIET_POLL_S: Final = 0.05
EPOCH_POLL_S: Final = 0.02
"""Between two looks at the pool's epoch, which tells what was accepted between a server's return and its rebuild."""

EVIDENCE_MOST_S: Final = 60.0
"""Seconds in which Postgres has to answer a question about a trial: it may be dead, full or overrun."""

REBUILD_MOST_S: Final = 8.0
"""Seconds after a server's return in which its book should have been rebuilt; then the roll is called anyway."""

STOCK_MOST_S: Final = 30.0
"""Seconds after the last sale in which a viewer should have heard of it. One who was sent back comes within ten,
and may be sent back again."""

ROLL_CALL_MOST_S: Final = 5.0
"""Seconds that one buyer's second connection may take to say what they hold."""

ROLL_CALL_SLACK_MS: Final = 500
"""Holds this near to their deadline are not asked for: they may end on the way."""

# --- what a fault may cost --------------------------------------------------------------------------------------------

RECOVERY_MOST_S: Final = 6.0
"""Seconds after a fault within which the last claim may still be answered `recovering`."""

DEADLINE_SLACK_MS: Final = 250
"""A hold's deadline is its acceptance plus its time to live; this much is the way to the buyer and back."""

CLOCK_OFF_MOST_MS: Final = 5_000
"""The server's time in a welcome may be this far off: it is on its way for as long as the machine is busy."""

UNANSWERED_FROM_S: Final = 1.0
"""Seconds after a fault, and after the rebuild, from which on every request about a hold is answered."""

# --- what breaks ------------------------------------------------------------------------------------------------------

STALE_S: Final = 1.2
"""How old the memory is that comes back: longer than the second that appendfsync everysec may cost."""

AWAY_S: Final = 0.4
"""Between a kill and the start of what takes its place: about what a supervisor takes."""

EARLY_S: Final = 0.4
AT_ONCE_S: Final = 1.8
"""An old memory is taken so early, and buyers arrive so fast, that it says of held units that they are free."""

SLOW_S: Final = 5.0
ANSWER_MOST_MS: Final = 2_500
"""A claim that meets a Redis that does not answer is told so within about two seconds."""

BETWEEN_KILLS_S: Final = 1.5
"""Seconds between two deaths of Postgres: loops that wait come back within one."""

CUT_FOR_S: Final = 6.0
CUT_SHARES: Final[dict[End, float]] = {"commit": 0.15, "lone": 0.03}
"""Of the ends of transactions: lone statements are many, most of them only look whether there is something to do."""

NO_SLOT_FOR_S: Final = 4.0
IDLE_MOST: Final = 200
"""Idle clients, more than Postgres has connections."""

DEADLOCKS_FOR_S: Final = 6.0
DEADLOCK_MS: Final = 150
"""Postgres looks once, so long after a wait began: the one who closes the circle has to be there by then."""
LOCKERS: Final = 4
LOCKED_MOST: Final = 6
"""Orders that one of them locks, the newest first: those that are being paid."""
LOCK_HELD_S: Final = 0.06

FULL_BEFORE_LOG_S: Final = 2.5
"""Seconds in which only data finds no room: the log has its present piece."""
FULL_FOR_S: Final = 4.0
POSTGRES_ENDS_S: Final = 2.0
"""A Postgres that could not write its log tries to recover once, and ends when it cannot."""

OFTEN_FOR_S: Final = 9.0
OFTEN_S: Final = (0.05, 0.6)
"""Seconds that a worker lives after it was ready."""

STRIPE_FOR_S: Final = 8.0
STRIPE_TICK_S: Final = 0.05
STRIPE_PER_S: Final = 500
"""Calls a second that the fake allows to each endpoint: what is paced has tests of its own."""
STRIPE_CALLS_BETWEEN: Final = (2, 5)
"""Calls of an endpoint between two that go wrong."""
STRIPE_LIES_MINOR: Final = 100
STRIPE_COPIES: Final = 2
STRIPE_LOSS: Final = 0.2
"""Every webhook is sent twice, and one in five never."""

# --- the shop ---------------------------------------------------------------------------------------------------------

HOLD_TTL_MS: Final = 5_000
"""The shortest that an offer may have."""

OFFER_MS: Final = 600_000
"""Longer than any trial: it is closed by hand."""

PER_BUYER_LIMIT: Final = 2

DEMAND_LEAST: Final = 1.3
"""Units wanted for each unit there is, at least: only then is a unit that is left over a fault."""

# --- buyers -----------------------------------------------------------------------------------------------------------

THINK_S: Final = (0.02, 0.5)
"""Seconds between a hold and what its buyer does with it."""

AGAIN_S: Final = (0.08, 0.25)
"""Seconds between a refusal and the next try; below the gateway's rate for one viewer by far."""

REPLY_MOST_S: Final = 6.0
"""Seconds after which a buyer asks again about a hold; a call to Redis may take five."""

NEWS_MOST_S: Final = 3.0
"""Seconds without news of an order after which a buyer asks again."""

EXPIRY_NEWS_MOST_S: Final = 3.0
"""Seconds after a deadline in which the buyer should have heard of it."""

LIMIT_TRIES: Final = 40
"""Tries of a buyer who is told of a limit that they have not reached: an older book may still count a hold."""

# --- processes --------------------------------------------------------------------------------------------------------

READY_S: Final = 30.0
STOP_S: Final = 10.0
RECONCILE_MOST_S: Final = 60.0
HTTP_TIMEOUT_S: Final = 30.0
