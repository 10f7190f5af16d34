"""The sizes of the fan-out benchmarks, what each row must reach, and how long anything may take."""

from typing import Final

import msgspec

SETTLE_S: Final = 2.0
"""Of rest between connecting and measuring: the presence count of the joins has gone out."""


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How big a run is.

    Attributes:
        viewers: of every row but ``many``.
        many_viewers: of the row ``many``.
        rounds: how often floor and ours take turns; medians are reported.
        events: published one at a time (or batches, in the row ``together``) in each round.
        paced_s: seconds of events at ``EVENTS_PER_S`` in each round.
        many_s: the same for the row ``many``.
        settle_s: seconds of rest between connecting and measuring.
        idle_s: seconds over which the background work of an idle gateway is measured.
        flood_bytes: sent to each viewer after the paced part of the row ``stalled``: more than a viewer may have
            waiting, here and in the kernel.
        claim_viewers: of the rows ``claims-accepted`` and ``expiry``: so many that their share of the claims is below
            what one viewer may send for long, and no more, for all of them are told how the stock changes.
        refused_viewers: of the row ``claims-refused``; the same.
        claims_in_flight: claims that wait for an answer at the same time, of all viewers.
        claim_rounds: how often they are measured; medians are reported.
        claim_offers: of one round of accepted claims, one after another: so few that a round is no more than what every
            viewer may send at once.
        refused_claims: of one round.
        drop_claims: of one drop, in the row ``drop``; its viewers are ``many_viewers``.
        drop_units: of one drop.
        expiring_holds: of the row ``expiry``.
        expiring_over_s: seconds over which their deadlines are spread; less than ``HOLD_SHORT_MS``.
        paid_viewers: of the rows about purchases: so many that none writes more than one viewer may.
        paid_in_flight: purchases under way at the same time in such a round, of all viewers.
        paid_rounds: how often they are measured; medians are reported.
        paid_orders: of one round, where a confirmed order makes the next claim.
        paid_paced_s: seconds of a round at a fixed rate.
        grown_orders: in the table before the row ``paid-grown`` is measured.
        exported_orders: of the row ``export``.
        channel_skus: of the row ``channels-lag``.
        channel_s: seconds that it sells.
        growth_viewers: of the row ``growth``, one crowd of each size, rising.
        growth_turns: of each size, from the smallest to the largest and back, again and again; medians are reported.
        growth_s: seconds that its steady state is measured in each turn.
        growth_claims: of each kind in each of its turns: with the smallest crowd, what every viewer may send at once.
        growth_claims_per_s: of all viewers, where claims are judged: so few that nobody claims twice within
            ``ACK_WAITS_S``.
    """

    viewers: int
    many_viewers: int
    rounds: int
    events: int
    paced_s: float
    many_s: float
    settle_s: float
    idle_s: float
    flood_bytes: int
    claim_viewers: int
    refused_viewers: int
    claims_in_flight: int
    claim_rounds: int
    claim_offers: int
    refused_claims: int
    drop_claims: int
    drop_units: int
    expiring_holds: int
    expiring_over_s: float
    paid_viewers: int
    paid_in_flight: int
    paid_rounds: int
    paid_orders: int
    paid_paced_s: float
    grown_orders: int
    exported_orders: int
    channel_skus: int
    channel_s: float
    growth_viewers: tuple[int, ...]
    growth_turns: int
    growth_s: float
    growth_claims: int
    growth_claims_per_s: int


FULL: Final = Sizes(
    viewers=4_000,
    many_viewers=10_000,
    rounds=5,
    events=100,
    paced_s=10.0,
    many_s=60.0,
    settle_s=SETTLE_S,
    idle_s=5.0,
    flood_bytes=1024 * 1024,
    claim_viewers=1_200,
    refused_viewers=1_600,
    claims_in_flight=500,
    claim_rounds=3,
    claim_offers=10,
    refused_claims=100_000,
    drop_claims=3_000,
    drop_units=500,
    expiring_holds=1_000,
    expiring_over_s=4.0,
    paid_viewers=800,
    paid_in_flight=300,
    paid_rounds=3,
    paid_orders=16_000,
    paid_paced_s=10.0,
    grown_orders=10_000_000,
    exported_orders=1_000_000,
    channel_skus=1_000,
    channel_s=60.0,
    growth_viewers=(1_000, 3_000, 10_000),
    growth_turns=4,
    growth_s=4.0,
    growth_claims=18_000,
    growth_claims_per_s=9_000,
)
"""What the table of the documentation is made with: about half an hour."""

QUICK: Final = Sizes(
    viewers=300,
    many_viewers=300,
    rounds=1,
    events=10,
    paced_s=1.0,
    many_s=1.0,
    settle_s=0.2,
    idle_s=0.5,
    flood_bytes=512 * 1024,
    claim_viewers=100,
    refused_viewers=100,
    claims_in_flight=50,
    claim_rounds=1,
    claim_offers=2,
    refused_claims=1_000,
    drop_claims=100,
    drop_units=20,
    expiring_holds=40,
    expiring_over_s=0.5,
    paid_viewers=60,
    paid_in_flight=40,
    paid_rounds=1,
    paid_orders=400,
    paid_paced_s=0.4,
    grown_orders=20_000,
    exported_orders=5_000,
    channel_skus=100,
    channel_s=6.0,
    growth_viewers=(60, 120, 240),
    growth_turns=2,
    growth_s=0.6,
    growth_claims=300,
    growth_claims_per_s=600,
)
"""A look at whether everything works; its figures say nothing."""

# --- What a row must reach -------------------------------------------------------------------------------------------

CPU_MOST_RATIO: Final = 1.15
"""Server CPU per delivery, one event at a time, against the floor."""

CPU_TOGETHER_MOST_RATIO: Final = 0.2
"""The same per event, when eight are queued together, against the floor one at a time."""

P99_MOST_RATIO: Final = 1.3
"""p99 from the event to the viewer, against the floor's."""

IDLE_VIEWER_MOST_BYTES: Final = 6 * 1024
"""Memory of the gateway process for one idle viewer."""

RECOVERED_MOST_S: Final = 5.0
"""From the last reconnect until every viewer has every event."""

STORM_MOST_READS: Final = 10
"""Reads of Redis that a storm of resumes may cost one gateway."""

STALLED_SHARE: Final = 0.05
"""Of the viewers never read."""

STALLED_MOST_P99_RATIO: Final = 1.2
"""p99 of the others with stalled viewers, against without."""

CLAIMS_ACCEPTED_LEAST_PER_S: Final = 20_000
"""Claims that become holds, end to end over WebSocket, on two cores."""

CLAIMS_MOST_P99_MS: Final = 50.0
"""From such a claim to its answer."""

CLAIMS_REFUSED_LEAST_PER_S: Final = 30_000
"""Claims refused because everything is held or sold."""

CLAIMS_DROP_MOST_P99_MS: Final = 500.0
"""From a claim to its answer in a drop."""

EXPIRY_MOST_P99_MS: Final = 1_000.0
"""From a hold's deadline until others see the unit."""

WRITE_HARD_BYTES: Final = 256 * 1024
"""The gateway's hard limit on bytes that wait for one viewer (``docs/operations.md``)."""

# --- The load --------------------------------------------------------------------------------------------------------

EVENT_BYTES: Final = 300
"""Of one event, as it stands in the log."""

EVENTS_TOGETHER: Final = 8
"""Events that are published at once in the row ``together``."""

EVENTS_PER_S: Final = 10
"""Of the paced rows."""

ONE_EVERY_S: Final = 0.04
"""Shortest time between two events (or batches) of the CPU rows; the next one also waits for the last delivery."""

FLOOD_TOGETHER: Final = 64
"""Events of one batch of the flood: 19 KB for each viewer."""

WARM_UP_EVENTS: Final = 5
"""Published before anything is measured: script caches, branch predictors, the frames' first encoding."""

WARM_UP_VIEWERS: Final = 200
"""Come and go before memory is measured: pools and caches have their size then."""

RESUME_EVENTS: Final = 5
"""Appended while the viewers are away."""

PROCESSES_MANY: Final = 2
"""Gateway processes of the row ``many``."""

WARM_UP_CLAIMS: Final = 200
"""Claims before anything is measured: the scripts are in Redis, and the gateway knows the viewers."""

CLAIMS_PER_BUYER: Final = 5
"""Claims of one viewer for one offer in the row ``claims-accepted``. A buyer with a hundred holds of one offer would
measure a book that no drop ever sees, so a round has several offers."""

CLAIMS_TOGETHER: Final = 8
"""Claims that one viewer sends at once, in the further figures of the row ``claims-refused``."""

DROP_OVER_S: Final = 1.0
"""Within which the claims of a drop come."""

EXPIRY_WATCHERS: Final = 20
"""Viewers of the row ``expiry`` who claim nothing and note the stock counts."""

EXPIRY_TIMEOUT_S: Final = 30.0
"""From the first claim of the row ``expiry`` until the last unit counts as never seen."""

HOLD_SHORT_MS: Final = 5_000
"""The shortest hold that an offer may give."""

HOLD_LONG_MS: Final = 3_600_000
"""The longest: nothing ends while claims are measured."""

VIEWER_CLAIMS_PER_S: Final = 20
"""Messages a second that the gateway lets one viewer send for long (``docs/operations.md``) ..."""

VIEWER_CLAIMS_AT_ONCE: Final = 60
"""... and at once."""

CROWD_MOST_SHARE: Final = 0.9
"""Of its core: a load client busier than this may have made the figure, which then does not count."""

# --- The crowd -------------------------------------------------------------------------------------------------------

CONNECTING_MOST: Final = 64
"""Viewers of one crowd who are on their way in at the same time, unless it is a storm."""

VIEWERS_PER_ADDRESS: Final = 50
"""Viewers who share a loopback address: like viewers behind a few home routers, and no shortage of ports."""

RETRY_AFTER_S: Final = 1.0
"""A refused viewer's wait when the server names none; up to as much again is added at random."""

HEARTBEAT_EVERY_S: Final = 20.0
"""Between two heartbeats of a viewer."""

STALLED_RECEIVE_BYTES: Final = 4096
"""Receive buffer of a viewer who never reads: what it does not take stays with the server."""

STALLED_SEGMENT_BYTES: Final = 1_460
"""Segment size of a viewer who never reads, as on a real network: loopback's own lets the kernel hide megabytes."""

RECEIVE_BYTES: Final = 256 * 1024
"""Most bytes of one read of the crowd."""

EVENTS_MOST: Final = 200_000
"""Events of one lane; their times are kept in 8 bytes each."""

WAIT_BUCKET_NS: Final = 10_000
"""Resolution of the histogram of waits: 10 µs."""

WAIT_BUCKETS: Final = 2_000_000
"""Buckets of the histogram: 20 s; longer waits count in the last one."""

# --- How long anything may take --------------------------------------------------------------------------------------

READY_TIMEOUT_S: Final = 60.0
"""From the start of a server until it accepts viewers."""

STOP_TIMEOUT_S: Final = 20.0
"""For a server to end by itself; then it is killed."""

CONNECT_TIMEOUT_S: Final = 120.0
"""For all viewers of a crowd to be in."""

DELIVERY_TIMEOUT_S: Final = 30.0
"""From the last event until everyone has it."""

HTTP_TIMEOUT_S: Final = 10.0
"""For one call of the API."""

REPORT_TIMEOUT_S: Final = 10.0
"""From the end of a round of claims until the crowd has told what came of it."""

POLL_S: Final = 0.001
"""Between two looks at the crowd's counters."""

OTHER_FILES: Final = 1_000
"""Open files of a process besides its viewers' sockets."""
assert FLOOD_TOGETHER >= EVENTS_TOGETHER
assert STALLED_RECEIVE_BYTES < WRITE_HARD_BYTES < QUICK.flood_bytes < FULL.flood_bytes
assert FULL.claim_viewers * VIEWER_CLAIMS_PER_S > CLAIMS_ACCEPTED_LEAST_PER_S
assert FULL.claim_offers * CLAIMS_PER_BUYER < VIEWER_CLAIMS_AT_ONCE, "however fast a machine is"
assert FULL.refused_viewers * VIEWER_CLAIMS_PER_S > CLAIMS_REFUSED_LEAST_PER_S
assert FULL.expiring_over_s * 1000 < HOLD_SHORT_MS < EXPIRY_TIMEOUT_S * 1000
