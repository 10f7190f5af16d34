"""Every limit of the channels, with its unit and its reason."""

from typing import Final

CALL_TIMEOUT_S: Final = 10.0
"""For one call to a channel, from the look-up of its name to the end of its answer."""

LEASE_MS: Final = 30_000
"""Rows taken for a call are nobody else's for this long; a killed worker delays its last batch by it."""

POLL_S: Final = 0.25
"""A channel's loop looks for due rows this often; changes wake it before."""

WATCH_S: Final = 1.0
"""How soon a new, paused or changed channel is noticed, and how often a standby asks whether it is needed."""

BACKOFF_FIRST_MS: Final = 500
"""The longest wait after the first failure; it doubles with each further one."""

BACKOFF_MOST_MS: Final = 60_000
"""The longest wait between two tries of a channel that is down: it is back in step a minute after it recovers."""

OUTCOME_FIRST_S: Final = 1.0
"""A channel that answers later is asked after this time, and then less and less often ..."""

OUTCOME_PAUSE_MOST_S: Final = 30.0
"""... but at least this often ..."""

OUTCOME_MOST_S: Final = 900.0
"""... for this long; after that the levels are told again."""

PENDING_MOST_CALLS: Final = 8
"""Calls that a channel may work on at the same time."""

PASS_OVER_MOST: Final = 5_000
"""Levels that are noted as told at a time, without a call: a sale waits for them for some 100 ms at most."""

DRIFT_EVERY_S: Final = 600.0
"""Pause between two rounds of reading a channel back."""

DRIFT_PAGE: Final = 1_000
"""Levels that are looked up at a time for it."""

REFUSED_RETRY_MS: Final = 15 * 60_000
"""A level that a channel refused for good is offered again this late; somebody may have repaired it over there."""

RETRY_AFTER_MOST_MS: Final = 3_600_000
"""A channel may ask us to stay away for at most this long."""

RESPONSE_BYTES: Final = 4_096
"""Bytes of an answer that are read, so that its connection can be used again; the rest is cut off."""

ANSWER_BYTES: Final = 4 * 1024 * 1024
"""Bytes of an answer of a channel's API; the largest, 5,000 results with a message each, has about one million."""

WEBHOOK_BATCH: Final = 500
"""Levels in one webhook call: about 40 KB."""

WEBHOOK_CALLS_PER_S: Final = 20.0
"""Webhook calls per second and channel."""

URL_CHARS: Final = 2_048
"""Characters of a webhook address."""

SETTINGS_MOST: Final = 20
"""Settings of a channel, secrets among them."""

SETTING_CHARS: Final = 4_096
"""Characters of one: a template of products; the longest known access token has some 500."""

NAME_CHARS: Final = 100
"""Characters of a channel's name."""

ITEM_ID_CHARS: Final = 200
"""Characters of a channel's name for an item: the longest known has two numbers of 20 digits."""

LINKS_MOST: Final = 200_000
"""Lines of one file of links; at most 20 MB of memory."""

ERROR_CHARS: Final = 300
"""Characters of an error that are kept and shown."""

SAID_CHARS: Final = 160
"""Characters of a channel's own message in it: what we say of it ourselves is shorter, and both have to be read."""

MAX_PAGE: Final = 1_000
"""Levels of one page."""

WRITE_BACK_TRIES: Final = 100
"""Tries to write a told level into a row that a sale holds just now ..."""

WRITE_BACK_PAUSE_S: Final = 0.05
"""... and the pause between them. After that the level is told again, which does no harm."""

ORDERS_POLL_S: Final = 1.0
"""A channel's orders are looked for in Postgres this often; a push wakes the loop before."""

ORDERS_OVERLAP_MS: Final = 5 * 60_000
"""So much of what is known is looked through again in a channel's list: clocks differ, and lists are late."""

CLOCKS_DIFFER_MS: Final = 60_000
"""An order that was placed up to this long before its channel was connected counts as placed after: clocks differ, and
one unit too few is better than one sold twice."""

ORDER_UNITS_MOST: Final = 1_000_000_000
"""Units of one item in one order; whatever says more is wrong."""

LATEST_MS: Final = 4_102_444_800_000
"""No order is placed after the year 2099."""

UNREAD_IN_A_ROW: Final = 3
"""So many different orders that cannot be read, one after the other, are the channel's fault and not theirs."""

LOOK_TRIES: Final = 5
"""Tries to read one page of a list before the look begins again at its first."""

REST_S: Final = 600.0
"""A kind of work that a channel does not let us do is tried again this late; the others go on."""

WAKE_GAP_S: Final = 0.05
"""A loop is woken so often at most: a hundred sales in a second are no hundred questions to Postgres."""

FEW_LINKS: Final = 200
"""Links that are made row by row, beside sales; more hold all levels back for a moment."""

ORDER_RETRY_MS: Final = 15 * 60_000
"""An order that makes no sense is read again this late; somebody may have repaired it over there."""

MISSING_EVERY_S: Final = 5.0
"""How soon units that came are taken for orders that lack some ..."""

MISSING_BATCH: Final = 100
"""... and for how many orders in one round."""

UNKNOWN_ORDER_TRIES: Final = 6
"""Tries to read an order that the channel does not know: half a minute."""

EVENT_ID_CHARS: Final = 200
"""Characters of a message's id; a longer one is replaced by its hash."""

ORDER_ID_CHARS: Final = 128
"""Characters of a channel's name for an order."""

PUSHES_KEPT_MS: Final = 30 * 24 * 3_600_000
"""What channels sent is kept for thirty days, to settle quarrels ..."""

PUSHES_FORGOTTEN: Final = 10_000
"""... and so much is forgotten in one statement."""

PRODUCTS_POLL_S: Final = 2.0
"""Products to be told are looked for in Postgres this often; a change wakes the loop before."""

LIST_CALLS_PER_S: Final = 1.0
"""Pages of items per second, of a channel that takes no products."""

ANNOUNCEMENTS_POLL_S: Final = 2.0
"""Messages to be sent are looked for in Postgres this often; a new one wakes the loop before."""

ANNOUNCEMENTS_PER_S: Final = 1.0
"""Messages per second and channel: an offer is announced once, to all at the same time."""
