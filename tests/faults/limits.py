"""Every limit of the fault matrix, with its unit and its reason."""

from typing import Final

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
