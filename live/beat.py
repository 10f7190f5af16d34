"""When a loop that keeps a beat turns next, pure. Times are seconds of one monotonic clock."""


def next_beat(due_s: float, now_s: float, *, every_s: float, rest_s: float) -> float:
    """Return when the next turn is due, once the work of the one that was due at ``due_s`` is done.

    It is due so long after the last one was due, not after its work was done: else there would be fewer a second. Beats
    that were missed are not made up for. However long the work takes, others get their turn for ``rest_s`` after it.
    """
    return max(due_s + every_s, now_s + rest_s)
