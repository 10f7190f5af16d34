"""Every limit of webhooks out, with its unit and its reason."""

from typing import Final

_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS

# --- endpoints -----------------------------------------------------------------------------------------------------
ENDPOINTS_MOST: Final = 100
"""Endpoints of a shop; every event is compared with all of them, and no-code tools make one per flow."""
URL_CHARS: Final = 2_000
"""Characters of an address."""
DESCRIPTION_CHARS: Final = 200
LOOKUP_TIMEOUT_S: Final = 5.0
"""For the look-up of a new endpoint's host, while its merchant waits for the answer."""
SECRET_BYTES: Final = 32
"""Bytes of a signing secret; Standard Webhooks ask for 24 to 64."""
SALT_BYTES: Final = 16
SECRET_OVERLAP_S: Final = 86_400
"""How long an old secret signs beside the new one: a day to roll the new one out."""
SECRETS_MOST: Final = 5
"""Secrets that sign at once: each adds 47 bytes to a header."""

# --- from the outbox to the queues ---------------------------------------------------------------------------------
FAN_OUT_EVENTS: Final = 500
"""Events per transaction."""
BUYER_FIRST_MS: Final = 2_000
"""An event that the buyer has not been told yet is left to the buyer's relay for this long, so that the two do not
lock each other's rows: the buyer waits at the screen."""
BODY_MOST_BYTES: Final = 20_000
"""Bytes of a body; Standard Webhooks ask for less than 20 kB."""

# --- sending -------------------------------------------------------------------------------------------------------
IN_FLIGHT: Final = 256
"""Calls under way of one worker."""
ENDPOINT_IN_FLIGHT: Final = 8
"""Calls under way to one endpoint, of one worker."""
FAILING_IN_FLIGHT: Final = 2
"""The same while the endpoint fails: dead ones must not fill all the slots."""
TIMEOUT_S: Final = 15.0
"""For one call, from the look-up of its name to the head of its answer."""
RESPONSE_TIMEOUT_S: Final = 2.0
"""For the beginning of the answer's body, which goes into the log only; the status has decided by then."""
RESPONSE_BYTES: Final = 1_000
"""Bytes of an answer that are read and kept."""
BACKLOG_EVERY_S: Final = 15.0
"""How often what waits is looked at, for the metrics: as often as they are usually collected."""
BACKLOG_COUNTED: Final = 10_000
"""Deliveries that are due are counted up to here, so that the look stays short when there are millions."""
LEASE_MS: Final = 30_000
"""A delivery that was taken is nobody else's for this long: a worker that died gives it back by doing nothing."""
CLIENTS_MOST: Final = 128
"""Hosts whose connections are kept open; beyond, those of the host called longest ago are closed."""
RECORD_MOST_ATTEMPTS: Final = 200
"""Outcomes written in one transaction."""

RETRY_WAITS_MS: Final = (
    0,
    5_000,
    30_000,
    2 * _MINUTE_MS,
    10 * _MINUTE_MS,
    30 * _MINUTE_MS,
    2 * _HOUR_MS,
    5 * _HOUR_MS,
    10 * _HOUR_MS,
    14 * _HOUR_MS,
    20 * _HOUR_MS,
    24 * _HOUR_MS,
)
"""The wait before each try, in milliseconds. Seconds first, because most failures are a restart; three days in all."""
JITTER: Final = 0.2
"""The part of a wait that chance may add, so that what failed together does not come back together."""
RETRY_AFTER_MOST_MS: Final = _DAY_MS
"""An endpoint may ask us to stay away for at most this long."""
FAILING_MOST_MS: Final = 5 * _DAY_MS
"""An endpoint that took nothing for this long is disabled."""

# --- looking back --------------------------------------------------------------------------------------------------
REPLAY_MOST: Final = 10_000
"""Deliveries that one call sends again: one statement, far below its timeout."""
ATTEMPTS_SHOWN: Final = 50
"""Attempts of a delivery that are shown, the newest."""
SAMPLES: Final = 3
"""Recent events that a no-code tool gets to learn their shape."""
KEPT_MS: Final = 30 * _DAY_MS
"""Events, their deliveries and attempts are kept for this long."""
HOUSEKEEPING_EVERY_S: Final = 60.0
PURGE_ROWS: Final = 200
"""Rows per statement of housekeeping; an event takes its deliveries and attempts with it."""
PURGE_ROUNDS: Final = 50
"""Statements per round of housekeeping, so that it ends; what is left waits for the next one."""

assert TIMEOUT_S + RESPONSE_TIMEOUT_S < LEASE_MS / 1000, "a call must end before its delivery can be taken again"
assert FAILING_IN_FLIGHT * ENDPOINTS_MOST < IN_FLIGHT, "were all others dead, there is room for one that is not"
assert SECRETS_MOST > 1
assert RETRY_WAITS_MS[0] == 0
assert sum(RETRY_WAITS_MS) * (1 + JITTER) < FAILING_MOST_MS, "one event's tries end before its endpoint is given up"
assert FAILING_MOST_MS < KEPT_MS
