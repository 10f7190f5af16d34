"""The server's clock, as viewers can tell it; pure, the own clock's readings are arguments."""


class ServerTime:
    """How far the server's clock is ahead of ours.

    A request that took long says little about it, so the shortest one so far decides. Both clocks are milliseconds.

    Attributes:
        ahead_ms: add it to our clock.
    """

    def __init__(self) -> None:
        self.ahead_ms = 0.0
        self._shortest_ms = float("inf")

    def sample(self, *, asked_ms: float, answered_ms: float, server_ms: float) -> None:
        """Take one answer that carries the server's time."""
        took_ms = answered_ms - asked_ms
        if took_ms < self._shortest_ms:
            self._shortest_ms = took_ms
            self.ahead_ms = server_ms - (asked_ms + answered_ms) / 2
