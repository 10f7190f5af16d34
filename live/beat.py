"""When a loop that keeps a beat turns next, pure. Times are seconds of one monotonic clock."""


def next_beat(due_s: float, now_s: float, *, every_s: float, rest_s: float) -> tuple[float, float]:
    """Return when the next turn is due, and when it is made, once the work of the one due at ``due_s`` is done.

    It is due so long after the last one was due, not after its work was done: else there would be fewer a second. What
    is late by less than a beat is made up for, since a machine that has much to do is a little late again and again; of
    all that was missed beyond, nothing is. However long the work takes, others get their turn for ``rest_s`` after it.
    """
    earliest_s = now_s + rest_s
    next_due_s = max(due_s + every_s, earliest_s - every_s)
    return next_due_s, max(next_due_s, earliest_s)
