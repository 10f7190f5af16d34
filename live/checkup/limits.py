"""From where on a figure of a deployment is worth a warning, or has to be fixed; each with its unit and its reason."""

from typing import Final

from live.limits import CLAIM_ANSWER_MOST_S, HOLD_TTL_MIN_MS

REDIS_OLDEST: Final = (6, 2)
"""The scripts need it; some distributions still ship 6.0."""

POSTGRES_OLDEST: Final = 14
"""Oldest Postgres that its makers may still mend; the SQL is written for it."""

POSTGRES_TESTED: Final = 18
"""The Postgres that every test runs on."""

PINGS: Final = 9
"""Round trips that a latency is the median of, and that the clock is read in the shortest of."""

LATENCY_WARN_MS: Final = 5.0
"""Milliseconds to a server of the same building, with a lot of room: a claim waits for one such round trip."""

LATENCY_FAIL_MS: Final = CLAIM_ANSWER_MOST_S * 1000 / 10
"""Milliseconds at which a handful of round trips is all the patience that a claim has."""

CLOCK_WARN_MS: Final = 1_000
"""Milliseconds between two clocks; machines that ask a time server are within 50."""

CLOCK_FAIL_MS: Final = 2 * HOLD_TTL_MIN_MS
"""Milliseconds at which an offer of Postgres and its holds in Redis do not fit together any more."""

MEMORY_WARN_SHARE: Final = 0.7
"""Of Redis's ``maxmemory``: a show of 10,000 viewers adds some per cent of a gigabyte."""

MEMORY_FAIL_SHARE: Final = 0.9
"""Of Redis's ``maxmemory``: above it claims are soon refused, since nothing may be evicted."""

DISK_WARN_BYTES: Final = 5 * 1024**3
"""Free bytes beside embedded servers: a day of shows."""

DISK_FAIL_BYTES: Final = 1024**3
"""Free bytes beside embedded servers: Postgres stops when its log cannot be written."""

FLEET_MOST: Final = 10_000
"""Processes of one role, on all machines together: each of them has connections to one Postgres, which takes 262,143 at
most, so a larger number is a slip of the finger."""

TOOL_CONNECTIONS: Final = 5
"""Connections to Postgres that are kept for commands: the check, the reconciler, a migration, a person; and for the
moment in which a process that starts looks at the schema."""

CHANNEL_LAG_WARN_MS: Final = 60_000
"""Milliseconds for which a channel may show an older level: it is told within seconds while it answers."""

NAMES_SHOWN: Final = 5
"""Channels and offers that a line names; of more it gives the number."""

DOOR_TIMEOUT_S: Final = 5.0
"""Seconds that whoever listens on our port has for its answers: ``/readyz`` takes two at most, or two and a half of a
gateway of several processes."""

COLLECTOR_TIMEOUT_S: Final = 5.0
"""Seconds in which the collector of traces has to take a connection."""

PROBE_TIMEOUT_S: Final = 20.0
"""Seconds that one server may take for all of its questions."""

FOUND_MAX_CHARS: Final = 400
"""Characters of what a line found: a wrong value is repeated, and may be as long as the environment."""

SECRET_LEAST_DISTINCT: Final = 10
"""Different characters of a secret that was not typed by a cat: random ones have more than twenty in 32."""

assert LATENCY_WARN_MS < LATENCY_FAIL_MS
assert CLOCK_WARN_MS < CLOCK_FAIL_MS
assert MEMORY_WARN_SHARE < MEMORY_FAIL_SHARE
assert DISK_FAIL_BYTES < DISK_WARN_BYTES
