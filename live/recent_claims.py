"""Which offer a claim id got its units of, for a while, pure. ``now`` is in seconds of one monotonic clock."""


class RecentClaims:
    """Remembers each claim id for ``keep_s`` at the least and forgets it after at most twice as long of claims.

    Of more than ``most`` in that time the oldest are forgotten sooner. Two generations take turns: the one that is full
    or old enough makes way as a whole, so that nothing is kept of a claim but its id and the offer's.

    Args:
        keep_s: for so long.
        most: claim ids.
    """

    def __init__(self, *, keep_s: float, most: int) -> None:
        self._keep_s = keep_s
        self._most_each = most // 2
        self._new: dict[str, str] = {}
        self._old: dict[str, str] = {}
        self._turn_at = float("-inf")

    def __len__(self) -> int:
        return len(self._new) + len(self._old)

    def offer_of(self, claim_id: str) -> str | None:
        """Return the offer that a claim id got units of; None when that is not known."""
        return self._new.get(claim_id) or self._old.get(claim_id)

    def add(self, claim_id: str, offer_id: str, now: float) -> None:
        """Remember a claim that got its units."""
        if now - self._turn_at >= self._keep_s or len(self._new) >= self._most_each:
            self._new, self._old = {}, self._new
            self._turn_at = now
        self._new[claim_id] = offer_id
