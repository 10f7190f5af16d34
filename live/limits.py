"""Every limit of the live package, with its unit and its reason. Those of the HTTP layer: ``live/api/limits.py``."""

from typing import Final

# --- Shows and offers, as staff may set them --------------------------------------------------------------------------

SHOW_TITLE_MAX_CHARS: Final = 200
"""Characters of a show's title; two lines on a phone."""

SPOTLIGHT_MOST_PRODUCTS: Final = 3
"""Products on stage at once; the database holds the same."""

OFFER_MOST_UNITS: Final = 1_000_000
"""Units of one offer; the counters of a hold book are sized for it."""

OFFER_DURATION_MIN_MS: Final = 1_000
"""Shortest offer: below a second viewers far away would never see it open."""

OFFER_DURATION_MAX_MS: Final = 24 * 3_600_000
"""Longest offer: a day, which also bounds the ring-fencing of its stock."""

OFFER_PREHEAT_MAX_MS: Final = 3_600_000
"""Longest announcement before an offer opens: an hour."""

OFFER_EXTEND_MIN_MS: Final = 1_000
"""Smallest extension of an offer."""

HOLD_TTL_MIN_MS: Final = 5_000
"""Shortest hold: one tap on *pay* over a slow network."""

HOLD_TTL_MAX_MS: Final = 3_600_000
"""Longest hold: an hour; longer ones would keep units from everyone else."""

OFFER_GRACE_MAX_MS: Final = 10_000
"""Most time after the end in which a claim that was sent before it still counts."""

PASS_ON_MIN_MS: Final = HOLD_TTL_MIN_MS
"""After a draw, shortest time in which units that come back go to the next in line: as short as a hold may be."""

PASS_ON_MAX_MS: Final = 24 * 3_600_000
"""Longest such time: as long as an offer."""

PASS_ON_DEFAULT_HOLDS: Final = 2
"""Hold times of the waiting list that it lasts when the host says nothing: each unit passes on twice."""

OFFER_DURATION_DEFAULT_MS: Final = 60_000
"""How long an offer runs when nothing is said."""

HOLD_TTL_DEFAULT_MS: Final = 120_000
"""How long a hold lasts when nothing is said."""

OFFER_GRACE_DEFAULT_MS: Final = 1_000
"""The grace when nothing is said: a round trip to anywhere on earth, and some."""

OFFER_REASON_MAX_CHARS: Final = 200
"""Characters of the reason for voiding an offer."""

assert OFFER_DURATION_MIN_MS <= OFFER_DURATION_DEFAULT_MS <= OFFER_DURATION_MAX_MS
assert HOLD_TTL_MIN_MS <= HOLD_TTL_DEFAULT_MS <= HOLD_TTL_MAX_MS
assert OFFER_GRACE_DEFAULT_MS <= OFFER_GRACE_MAX_MS

# --- Logs -------------------------------------------------------------------------------------------------------------

LOG_KEPT_ENTRIES: Final = 10_000
"""Entries of a show's log or inbox that Redis keeps: hours of a busy show; who was away longer takes a snapshot."""

LOG_KEPT_MS: Final = 7 * 24 * 3_600_000
"""How long a log stays in Redis after its last entry: a week; Postgres keeps the events of a show longer."""

SHOW_EVENTS_KEPT_MS: Final = 90 * 24 * 3_600_000
"""How long Postgres keeps the events of a show after its end, for whoever looks into a complaint: as long as a buyer
may dispute a payment. Nobody is ever sent them: a viewer of an ended show gets a snapshot, made of other rows."""
assert SHOW_EVENTS_KEPT_MS > LOG_KEPT_MS

SHOW_EVENTS_PURGE_ROWS: Final = 1_000
"""Events that one statement deletes: some milliseconds."""

SHOW_EVENTS_MOST_BATCHES: Final = 50
"""Such statements per round: a backlog is worked off over some rounds, not in one long burst."""

LOG_MARK_KEPT_MS: Final = 24 * 3_600_000
"""How long an inbox entry's mark refuses a repeat: a day, longer than any retry of ours."""

LOG_READ_ENTRIES: Final = 1_000
"""Entries read from a stream in one go to fill a gap."""

NEWS_MOST_PER_POST: Final = 200
"""Entries of one show's inbox that are posted in one call: some 20 µs each in Redis, about 60 KB for each gateway."""

NEWS_MOST_QUEUED: Final = 20_000
"""Entries of one show's inbox that wait to be posted by one process; who comes then is refused, and asks again."""

READER_BEACON_S: Final = 1.0
"""Seconds between two beacons that a gateway sends itself over its reader's connection to Redis."""

READER_LAG_MOST_S: Final = 3.0
"""Seconds that a gateway may be behind the logs before it counts as not ready: its viewers notice by then."""

READER_DROP_S: Final = 10.0
"""Seconds without hearing a beacon after which the reader connects anew: longer than any call to Redis may hang, so
that a Redis that is away is not taken for a dead connection."""

LOOK_MOST_ROOMS: Final = 20
"""Rooms that one tick compares with their logs: the others have their turn in the next ones. Only a message lost by a
living connection is found so late."""

RELAY_MOST_EVENTS: Final = 500
"""Show events that one round of the relay copies to Redis."""

SNAPSHOT_MOST_OFFERS: Final = 500
"""Offers of one show: more than a host can open in a day, few enough for one message."""

# --- Presence ---------------------------------------------------------------------------------------------------------

PRESENCE_FRESH_MS: Final = 5_000
"""A gateway's count of viewers holds this long; it is written every second."""

PRESENCE_KEPT_S: Final = 60
"""A show's counts vanish this long after the last gateway wrote one."""

DIRECTORY_MOST_OFFERS: Final = 10_000
"""Offers that a process remembers, oldest forgotten first: about 10 MB."""

DIRECTORY_MOST_WAITING: Final = 10_000
"""Callers who may wait for offers that are being read by id, as many as a large gateway has viewers, and as many by
pool number; more are refused as temporary."""

DIRECTORY_READ_MOST_S: Final = 2.0
"""Seconds that a read of an offer may take. Then those who wait for it are refused, at most ``GIVE_BACK_MOST_S`` later,
when the connection has said that the read has ended or was cut; who came meanwhile reads anew."""

# --- Gateway ----------------------------------------------------------------------------------------------------------

HEAD_MAX_BYTES: Final = 16 * 1024
"""Bytes of the request that becomes a WebSocket: four times a long cookie."""

MESSAGE_MAX_BYTES: Final = 8 * 1024
"""Bytes of one message from a viewer: a ``hello`` with a long token is a quarter of it."""

HANDSHAKE_TIMEOUT_S: Final = 10.0
"""Seconds from the connection to a complete upgrade, and again to the ``hello``."""

CLOSE_TIMEOUT_S: Final = 3.0
"""Seconds that a viewer has to answer a close before the connection is cut."""

EARLY_MOST_MESSAGES: Final = 16
"""Messages that a viewer may send between ``hello`` and ``welcome``: they wait, and are served after the welcome."""

HEARTBEAT_MS: Final = 25_000
"""How often a viewer has to let itself be heard."""

HEARTBEAT_MISSED_MS: Final = 90_000
"""Silence after which a viewer counts as gone: three heartbeats and some, and more than the minute that a browser may
let the timers of a hidden page wait."""

SOCKET_SEND_BYTES: Final = 64 * 1024
"""Send buffer that the kernel is asked for per viewer; left to itself it grows to megabytes behind a stalled one."""

WRITE_SOFT_BYTES: Final = 64 * 1024
"""Bytes waiting for one viewer above which state is left out; the log's events are still kept for it."""

WRITE_HARD_BYTES: Final = 256 * 1024
"""Bytes waiting for one viewer at which it is cut; it comes back and resumes."""

WRITE_BEHIND_MOST_S: Final = 10.0
"""Seconds that a viewer may stay above ``WRITE_SOFT_BYTES``; then it is cut."""

WELCOME_BEHIND_MOST_S: Final = 60.0
"""Seconds that a viewer may take to read a large welcome down to ``WRITE_SOFT_BYTES``: 2 MiB at 300 kbit/s."""

READ_PIECE_BYTES: Final = 4 * 1024
"""Bytes of a viewer that are parsed before the outcome is looked at: 700 of the shortest frames, 7 ms."""

CLOSING_MOST_BYTES: Final = 1024
"""Bytes at once from a viewer whose connection is closing; with more, nothing of it is read until the close is over."""

WELCOME_MOST_BYTES: Final = 4 * 1024 * 1024
"""Bytes that may wait for a viewer who is just being welcomed: the largest snapshot, or a thousand missed events."""

RESUME_MOST_BYTES: Final = 2 * 1024 * 1024
"""Bytes of missed events that a viewer who comes back is told; past it a snapshot is the smaller answer."""

SHARED_LEAST_BYTES: Final = 16 * 1024
"""Bytes of missed events above which viewers share them instead of having them joined to their welcome."""

SLICE_VIEWERS: Final = 512
"""Viewers who are written to before the event loop may do other work: four milliseconds of system calls."""

SLICE_VIEWERS_BUSY: Final = 32
"""The same, of state, while claims wait for their answers, or a tick for what it reads: a claim takes some eight turns
of the loop, each of a tick's reads up to six. Each turn costs CPU, so it is not so all the time."""

STATE_REST_MOST_S: Final = 0.5
"""Seconds that state rests at most after a broadcast in which claims waited: a process that stood still meanwhile is
not short of time for as long again."""

BATCH_MOST_FRAMES: Final = 32
"""Frames that leave as one write: more would save next to nothing, and could fill a socket that keeps up."""

DEFLATE_LEAST_BYTES: Final = 128
"""Shortest message worth compressing."""

CONNECTIONS_TURNED_AWAY_MOST: Final = 1_000
"""TCP connections past ``SHOWDROP_MAX_VIEWERS`` that are still heard: probes, and viewers to
answer 503. More are cut."""

JOINS_BURST_S: Final = 2.5
"""Seconds' worth of new viewers that one gateway process lets in at once; see ``SHOWDROP_JOINS_PER_S``."""

RETRY_AFTER_MIN_S: Final = 1
"""Earliest return that a viewer who was answered 503 is told, in seconds."""

RETRY_AFTER_MAX_S: Final = 5
"""Latest return that a viewer who was answered 503 is told, in seconds."""

ADDRESS_BURST_S: Final = 4.0
"""Seconds' worth of messages at once from one address; see ``SHOWDROP_ADDRESS_MESSAGES_PER_S``."""

FORWARDED_MOST_HOPS: Final = 16
"""Proxies in front of a gateway that are looked past, the nearest ones."""

ADDRESS_MAX_CHARS: Final = 64
"""Characters of what may be an address in ``X-Forwarded-For``: the longest IPv6 one with its zone and port."""

ADDRESSES_PARSED: Final = 4_096
"""Addresses that are remembered as they were parsed, below 2 MB: those of the proxies come with every request."""

ADDRESSES_MOST: Final = 20_000
"""Addresses that have just sent so much that their buckets are not full; of more the one unused for longest is
forgotten: about 5 MB."""

VIEWER_MESSAGES_PER_S: Final = 20.0
"""Messages a second that one viewer may send for long."""

VIEWER_MESSAGES_BURST: Final = 60.0
"""Messages that one viewer may send at once."""

VIEWER_MESSAGES_REFUSED: Final = 200
"""Messages over the limit at once after which the connection is closed."""

VIEWER_MESSAGES_REFUSED_PER_S: Final = 2.0
"""Messages over the limit a second that are forgiven."""

CLAIMS_MOST_IN_FLIGHT: Final = 32
"""Claims of one connection that wait for their answer; more are refused as temporary."""

PURCHASES_MOST_IN_FLIGHT: Final = 32
"""Checkouts, releases and extensions of one connection under way; more are refused as temporary."""

WAITLIST_MOST_IN_FLIGHT: Final = 16
"""Joins and leaves of waiting lists of one connection that wait for their answer; more are refused as temporary."""

JOINS_MOST_PER_CALL: Final = 50
"""Joins of one offer's waiting list in one call: it takes 0.4 ms of Redis here where no unit is passed on."""

WAITLIST_MOST_UNDER_WAY: Final = 2_000
"""The same of one gateway: a second of its calls to Redis; who comes back after a restart is spread wider than that."""

BUYER_CLAIMS_PER_S: Final = VIEWER_MESSAGES_PER_S
"""Claims a second of one buyer over all of their connections to one gateway, for long: as fast as with one connection,
so that nobody has more chances by opening fifty."""

BUYER_CLAIMS_BURST: Final = VIEWER_MESSAGES_BURST
"""Claims at once of one buyer, likewise. Who asks for a place on a waiting list is counted with them."""

BUYERS_MOST: Final = 20_000
"""Buyers who claimed in the last seconds, of more the one unused for longest forgotten: everyone who may connect by
default."""

CLAIMS_MOST_QUEUED: Final = 50_000
"""Claims that wait for Redis in one gateway: over a second of its work; more are refused as temporary."""

CLAIM_IDS_KEPT_S: Final = 600.0
"""Seconds for which a gateway remembers of which offer a claim got its units, so that the same id does not claim from
another one: no client sends a claim again for so long."""

CLAIM_IDS_KEPT: Final = 50_000
"""Accepted claims of that time, of more the latest: about 8 MB."""

CLAIMS_MOST_POOLS: Final = 1_000
"""Offers whose claims wait in one gateway at the same time; claims for more are refused as temporary."""

OWN_STATES_MOST_PER_READ: Final = 1_000
"""Buyers whose holds and orders one read brings: as many welcomes as the event loop may make in one turn."""

OWN_STATES_GATHER_MOST_S: Final = 0.4
"""Seconds that a buyer's welcome may wait for others to be read with, while the event loop is busy with joins."""

OWN_STATES_MOST_S: Final = 5.0
"""Seconds that a buyer's welcome may wait for their holds and orders; then they are told to come back."""

OWN_STATES_MOST_WAITING: Final = 20_000
"""Buyers of one gateway who wait for theirs: everyone who may connect by default can come at once."""

CLAIM_ANSWER_MOST_S: Final = 1.0
"""Seconds that a claim waits for Redis; then its buyer is told ``recovering``, and may ask again with the same id.
Below the patience of a thumb, and twenty times the slowest answer of a Redis that is well."""

CLAIM_ANSWER_LAST_S: Final = 1.25
"""Seconds after which a claim's call is cut off again: Python 3.11 may swallow a cancellation while it sends."""

CLAIM_ANSWER_LOOK_S: Final = 0.05
"""Seconds between the end of either and the cut, in which an answer is read that came while the gateway stood still."""

ROOM_KEPT_FRAMES: Final = LOG_KEPT_ENTRIES
"""Newest events of a show that a gateway keeps framed, for viewers who come back: as many as the log has, so that no
more than one viewer's return has to be read for. A busy show has some hundreds."""

ROOM_BUFFERED_EVENTS: Final = 10_000
"""Events that may arrive while a room is being opened."""

ROOM_IDLE_S: Final = 30.0
"""Seconds without a viewer after which a gateway lets a show go."""

SERVER_CLOCK_EVERY_S: Final = 2.0
"""Seconds between two looks at the clock of Redis: clocks drift by milliseconds an hour, and jump when they are set."""

SERVER_CLOCK_LOOKS_MOST: Final = 15
"""Looks after which an answer that was slow counts too: a clock that was set meanwhile is worse."""

SERVER_CLOCK_WAIT_MOST_MS: Final = 100
"""Milliseconds that the answer may take to be good: half of it is how wrong the offset can be."""

TICK_MS: Final = 100
"""How often a gateway reads stock counts: at most ten ``offer.stock`` a second."""

TICK_REST_MS: Final = 20
"""Milliseconds between the end of a tick's work and the next tick, however long the work took: a gateway, or a Redis,
that is too slow for ten ticks a second must not be asked for them without a pause."""
assert TICK_REST_MS < TICK_MS

PRESENCE_EVERY_TICKS: Final = 10
"""Ticks between two counts of viewers."""

FIGURES_EVERY_S: Final = 1.0
"""Seconds between two writes of a gateway's claims and peaks of viewers to the report's figures."""

REACTIONS_EVERY_TICKS: Final = 5
"""Ticks between two sums of reactions."""

REACTION_KIND_MAX_CHARS: Final = 16
"""Characters of a reaction's kind."""

REACTION_MOST_KINDS: Final = 16
"""Kinds of reaction that one show counts."""

REACTION_MOST_TAPS: Final = 50
"""Taps in one ``react``."""

DRAIN_BATCH_VIEWERS: Final = 500
"""Viewers who are said goodbye to at once."""

DRAIN_PAUSE_S: Final = 0.1
"""Seconds between two such batches: with the batch above, no other gateway gets more than 5,000 a second of them."""

DRAIN_SEND_S: Final = 4.0
"""Seconds in which all are said goodbye to; where there are more than 20,000, in larger batches."""

NEWS_MOST: Final = 1_000
"""Messages of a buyer's own that wait for the welcome; with more, the viewer has to come back."""

GOODBYE_MIN_MS: Final = 500
"""Earliest return after a ``goodbye``."""

GOODBYE_MAX_MS: Final = 10_000
"""Latest return after a ``goodbye``: spreads a restart's reconnects."""

assert HEARTBEAT_MISSED_MS > 2 * HEARTBEAT_MS
assert HEARTBEAT_MISSED_MS > HANDSHAKE_TIMEOUT_S * 1000  # a deadline only ever moves back, as the wheel needs it
assert WRITE_SOFT_BYTES < WRITE_HARD_BYTES < RESUME_MOST_BYTES <= WELCOME_MOST_BYTES / 2
assert CLAIM_ANSWER_MOST_S < CLAIM_ANSWER_LAST_S
assert RETRY_AFTER_MIN_S <= RETRY_AFTER_MAX_S
assert SLICE_VIEWERS_BUSY <= SLICE_VIEWERS
assert EARLY_MOST_MESSAGES < VIEWER_MESSAGES_BURST
assert ROOM_KEPT_FRAMES <= LOG_KEPT_ENTRIES
assert LOG_MARK_KEPT_MS < LOG_KEPT_MS
assert 2 * READER_BEACON_S < READER_LAG_MOST_S < READER_DROP_S

COMMAND_MARKS_KEPT_MS: Final = 2 * 24 * 3_600_000
"""How long a host's command stays marked as carried out: twice as long as its Idempotency-Key is remembered."""
