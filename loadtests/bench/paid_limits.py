"""What the rows about paid orders must reach, and how long anything of them may take."""

from typing import Final

from loadtests.bench.limits import FULL, QUICK, VIEWER_CLAIMS_PER_S

PAID_LEAST_PER_S: Final = 1_500
"""Orders a second from the claim to the news that they are confirmed, on two cores."""

PAID_PACED_PER_S: Final = 750
"""Claims a second of the row ``paid-p99``: half of that rate."""

PAID_MOST_P99_MS: Final = 1_000.0
"""From such a claim to the news that its order is confirmed."""

PAID_GROWN_LEAST_SHARE: Final = 0.8
"""Of the rate with an empty table, that is left when it has grown."""

EXPORT_LEAST_PER_S: Final = 50_000
"""Orders a second of a CSV export."""

EXPORT_MOST_GROWTH_BYTES: Final = 32 * 1024 * 1024
"""Of the API's process while it exports: it must not hold what it sends."""

WARM_UP_PURCHASES: Final = 500
"""Before any is measured: statements are prepared, and the planner knows the tables."""

PAID_OFFERS: Final = 4
"""Of one round, one after another: none of its buyers has more holds of one than a drop would see."""

PAID_BEHIND_MOST_S: Final = 5.0
"""From the last confirmation until everything is captured and every hold is told: orders that came faster than they
were finished would make a rate that nobody can keep up."""

FILL_TASKS: Final = 2
"""Connections that fill a table at the same time."""

FILL_SLICE_ORDERS: Final = 250_000
"""Orders of one transaction of filling."""

EXPORT_ROUNDS: Final = 3
"""Exports that are measured; the median counts."""

RSS_EVERY_S: Final = 0.02
"""Between two looks at a process's memory."""

FINISH_TIMEOUT_S: Final = 60.0
"""From the last confirmation until every order is captured and every hold is told."""

EXPORT_TIMEOUT_S: Final = 120.0
"""For one export."""

assert FULL.paid_viewers * VIEWER_CLAIMS_PER_S > 4 * PAID_LEAST_PER_S, "a purchase is two messages"
assert FULL.paid_orders % PAID_OFFERS == QUICK.paid_orders % PAID_OFFERS == 0
assert FULL.paid_in_flight < FULL.paid_viewers
assert PAID_PACED_PER_S * 2 == PAID_LEAST_PER_S
