"""Every limit of the rehearsal, with its unit and its reason."""

from typing import Final

from live.client import BACKOFF_MOST_S

VIEWERS_MOST: Final = 20_000
"""Viewers of one rehearsal: about what one process can open to one address."""

CONNECTS_AT_ONCE: Final = 100
"""Viewers that dial at the same time: a fast join storm, below what a listening socket's backlog holds."""

CONNECT_TIMEOUT_S: Final = 60.0
"""Until every viewer is welcomed."""

PREHEAT_MS: Final = 2_000
"""From the announcement of the offer to its start."""

TAP_WITHIN_S: Final = 1.0
"""Everyone claims within this long after the start."""

HOLD_TTL_MS: Final = 8_000
"""Long enough for a checkout over a busy server, short enough to watch one expire."""

SALE_S: Final = 60
"""Most seconds that the offer runs; it is closed as soon as nobody wants anything any more."""

SLACK_S: Final = 5.0
"""Beyond the end of the sale before buyers that still wait for an answer are given up."""

ARRIVAL_MOST_S: Final = BACKOFF_MOST_S + 10.0
"""At the end, until every viewer has heard the last event: one whose gateway died again and again may be in the longest
back-off, and has lost nothing when it comes back."""

RETRY_FIRST_S: Final = 1.0
RETRY_LAST_S: Final = 3.0
"""A temporarily refused buyer asks again after a random time between these two."""

LATE_AFTER_S: Final = 3.0
"""Who gets units this long after the start pays at once, so that the show comes to an end."""

CHECKOUT_TRIES: Final = 5
"""Tries of a checkout that was answered with a temporary error."""

QUIET_TIMEOUT_S: Final = 45.0
"""For orders, refunds, outbox and channel to come to rest after the sale."""

CHANNELS_WATCH_S: Final = 0.1
"""Between two looks at what the shop's channels were told: a level that changes again sooner may not be seen."""

CHANNELS_SETTLE_S: Final = 45.0
"""For the shop's channels to be in step again: the slowest takes a call every eleven seconds, and answers later."""

CHANNELS_LOOK_S: Final = 0.25
"""Before the show, between two looks at how far the shop's channels are."""

CHANNELS_FAILING_S: Final = 15.0
"""So long a rehearsal waits for a channel that fails: what was refused because its item came a moment later is told
again with the next call, and the slowest takes one within eleven seconds."""

CHANNELS_LINKING_S: Final = 3.0
"""So long it waits for somebody to say which items new SKUs are: a program that does so looks every second or two."""

QUIET_POLL_S: Final = 0.25
"""Between two looks at whether all is quiet."""

ARRIVAL_POLL_S: Final = 0.1
"""Between two looks at whether a viewer has got the last event."""

SNAPSHOT_TIMEOUT_S: Final = 5.0
"""For the folded states to equal a fresh snapshot once all is quiet; counts come with the next tick."""

WATCHERS: Final = 5
"""Viewers whose folded state is compared with a fresh snapshot."""

HTTP_TIMEOUT_S: Final = 10.0
"""For one call of the host."""

SERVER_GONE_S: Final = 20.0
"""A server that has not answered for this long is gone: longer than a restart takes."""

HEALTH_POLL_S: Final = 1.0
"""Between two looks at whether the server lives."""

REPEATED_REQUESTS: Final = 5
"""Holds that are paid for a second time, and as many that are released a second time."""

REPEAT_TIMEOUT_S: Final = 5.0
"""For the answer to such a repeat; none at all is a fault."""

CLEAR_UP_TIMEOUT_S: Final = 3.0
"""For each of the steps that leave the shop as it was; a server that is gone does not answer them."""

ORDERS_END_TIMEOUT_S: Final = 12.0
"""For the open orders of a show that was ended early; what they still hold then is not taken back."""

GATEWAY_DIAL_S: Final = 5.0
"""For the gateway to take a connection; one that does not is not there."""

RECEIVER_BODY_MAX_BYTES: Final = 1024 * 1024
"""Bytes of a webhook call; ours stay below 64 KB."""

ACTION_TIMEOUT_S: Final = 20.0
"""For a buyer to hear what there is to do, or how the order ended; an answer of the bank may be lost and looked up."""

ACT_WITHIN_S: Final = 2.0
"""Most buyers are done at the bank's page within this long."""

BANK_THINKS_S: Final = 3.0
"""What a bank takes that takes its time."""

PAY_LATE_S: Final = 10.0
"""When late buyers pay: a hold that was not submitted would have expired."""

CANCEL_AFTER_S: Final = 12.0
"""When the shop cancels orders that nobody pays; by itself it would wait for half an hour."""

CROSS_AFTER_S: Final = 5.0
"""When some buyers pay, and the shop cancels at the same moment."""

STRIPE_FAKE_PER_S: Final = 200
"""Calls a second to one endpoint of the fake, and of the adapter in front of it. A new account's 25 would make 500
viewers wait for the bank; the fake answers some hundreds in a second on one core."""

WEBHOOKS_TWICE: Final = 0.20
WEBHOOKS_LOST: Final = 0.10
ANSWERS_LOST: Final = 0.05
"""Parts of the fake's webhooks and of its answers to which that happens: far worse than on the worst day."""

CHILD_START_S: Final = 30.0
"""For a process of the rehearsal's own to be ready, or to be done; ``showdrop dev`` takes about two on a quiet
machine."""

FAKE_STOP_S: Final = 5.0
"""For the fake to end after SIGTERM; then it is killed."""

DEV_STOP_S: Final = 30.0
"""For ``showdrop dev`` to end after SIGTERM: its servers stop in order; then it is killed."""

assert CHANNELS_LINKING_S < CHANNELS_FAILING_S < CHANNELS_SETTLE_S, "the more there is to hope for, the longer"
assert RETRY_FIRST_S < RETRY_LAST_S < SALE_S
assert HOLD_TTL_MS < ORDERS_END_TIMEOUT_S * 1000, "holds of viewers that were sent away must be able to expire"
assert PAY_LATE_S * 1000 > HOLD_TTL_MS, "a late payment is one after the end of a hold"
assert LATE_AFTER_S + CANCEL_AFTER_S + ACTION_TIMEOUT_S < SALE_S, "units that nobody paid for are sold to others"
assert PREHEAT_MS < SALE_S * 1000
assert HOLD_TTL_MS < QUIET_TIMEOUT_S * 1000, "a hold must be able to expire while we wait for quiet"
