"""Every limit of the reconciler, with its unit and its reason."""

from typing import Final

IN_FLIGHT_S: Final = 10.0
"""What is on its way gets this long to arrive before it is called drift."""

LOOK_EVERY_S: Final = 0.5
"""Between two looks; a look reads whole tables, so not more often."""

WATCH_EVERY_S: Final = 30.0
"""Least pause of the worker between two comparisons: sooner than anybody reads a dashboard again."""

WATCH_LOOK_EVERY_S: Final = 5.0
"""Between two looks of the worker, when the first one shows something: a look reads whole tables."""

WATCH_SHARE_MOST: Final = 0.02
"""Of its time, that the worker spends on looking: with 100,000 orders and 1,000,000 movements a look takes Postgres
0.5 s of a core, so it is half a minute until the next. The larger the tables, the longer."""

WATCH_PAUSE_MOST_S: Final = 1_800.0
"""Longest pause of the worker, however long a look takes."""

WATCH_HOLDS_MOST: Final = 10_000
"""Holds that one comparison of the worker reads, at some 20 µs each here and about as much in Redis, which stands still
meanwhile. Other books are counted until it is their turn; one with more holds than this is read whole by
``showdrop reconcile`` only."""

WATCH_STANDBY_S: Final = 5.0
"""How often another worker tries to take over the watch."""

NEWS_OVERDUE_MS: Final = 10_000
"""News that a buyer has not been told for this long is stuck: a relay takes milliseconds, its lease a few seconds."""

POSTGRES_CONNECTIONS: Final = 3
"""One reads; a repair uses a few at a time."""

READ_TIMEOUT_MS: Final = 120_000
"""For one of the statements that read a whole table: a quarter of a million SKUs at ten channels."""

SUSPECTS_MOST: Final = 10_000
"""Rows of one kind that look off and are read: more than anybody repairs one by one."""

REPAIR_ROUNDS_MOST: Final = 1_000
"""Batches of one stage that a repair works off at most, so that it ends although a running show adds more."""

SHOWN_AT_MOST: Final = 5
"""Drifts of one check that are printed, or logged, at a time."""

assert LOOK_EVERY_S < IN_FLIGHT_S
assert WATCH_LOOK_EVERY_S < IN_FLIGHT_S
assert WATCH_EVERY_S <= WATCH_PAUSE_MOST_S
